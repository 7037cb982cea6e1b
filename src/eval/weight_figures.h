// SPDX-License-Identifier: Apache-2.0
// How the weights of a layer are distributed, before and after quantization.
#pragma once

#include <vector>

#include "lowbit/model/model.h"
#include "report/network_report.h"

namespace lowbit::eval {

struct WeightFigures {
  report::HistogramFigure histogram;  ///< of weights over the largest original one of their channel: -1 to 1
  std::vector<report::ChannelRange> channels;
};

/// Of `op` in fp32, a Conv2d or Linear, and its codes. Throws Error(shape_mismatch) where they differ in
/// shape.
WeightFigures weight_figures(const ops::Op& op, const QuantizedMatrix& codes);

}  // namespace lowbit::eval
