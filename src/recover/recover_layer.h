// SPDX-License-Identifier: Apache-2.0
// One layer of a recovery: codes and biases from the moments of the samples that are learned from, judged on
// those of the samples kept aside.
#pragma once

#include <cstddef>
#include <vector>

#include "lowbit/quant/quantizer.h"
#include "lowbit/recover/recover.h"
#include "recover/layer_judge.h"

namespace lowbit::detail {

/// What becomes of a layer.
struct RecoveredLayer {
  QuantizedMatrix codes{};
  std::vector<float> bias{};  ///< empty: the layer's own
};

struct LayerTask {
  MatrixView weights;
  const AnyQuantizer& quantizer;
  MatrixView importance;        ///< the user's; empty: the diagonal of second moments where it is wanted
  const RecoveredLayer& plain;  ///< what quantizing without recovery gives
  std::vector<float> bias;      ///< the layer's own, [channels]
};

/// What of RecoverOptions::descent_products each of so many layers may take.
double descent_products_of(const RecoverOptions& options, std::size_t layers);

/// Tries the steps that are about layers, and takes what lowers the error on `held_out`. Fills in `report`
/// but for its name.
RecoveredLayer recover_layer(const LayerTask& task, const TargetMoments& learned,
                             const TargetMoments& held_out, const RecoverOptions& options,
                             RecoveryReport::Layer& report);

}  // namespace lowbit::detail
