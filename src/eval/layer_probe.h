// SPDX-License-Identifier: Apache-2.0
// What each layer of a quantized network does to values: alone, where its inputs are exact; together with all
// layers before it; alone, to the network's output. And how its outputs are distributed.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <vector>

#include "data/samples.h"
#include "lowbit/model/model.h"
#include "report/network_report.h"

namespace lowbit::eval {

/// Decibels of SQNR; NaN where that cannot be said: the layer is not in the reference, or reads what is not.
struct LayerProbe {
  double own_db = std::numeric_limits<double>::quiet_NaN();
  double after_db = std::numeric_limits<double>::quiet_NaN();
  double final_db = std::numeric_limits<double>::quiet_NaN();
  std::optional<report::HistogramFigure> activations;  ///< of outputs that are codes
};

struct NetworkProbe {
  std::vector<LayerProbe> nodes;  ///< one per node of the quantized model; empty: it cannot be probed
  std::int64_t samples = 0;
};

/// Layers are those of the same name, values those of the same name but for the suffixes of quantize(). Each
/// of the first samples runs once through both, and for each layer through what follows it in `fp32`: there
/// are as many of them, 64 at most, as that takes some 3e11 products, and 4 at least. Models with open
/// dimensions are not probed.
NetworkProbe probe_layers(const Model& fp32, const Model& quantized, const data::Samples& samples,
                          int threads);

}  // namespace lowbit::eval
