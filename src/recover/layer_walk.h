// SPDX-License-Identifier: Apache-2.0
// Goes through a network from layer to layer, the quantized one beside the original, on the samples of a
// recovery: gives the moments that a layer is recovered by, and takes in what became of it. Each node runs
// once.
#pragma once

#include <string>
#include <vector>

#include "model/staged_run.h"
#include "recover/capture_sums.h"
#include "recover/layer_judge.h"
#include "recover/recover_layer.h"
#include "recover/recovery_samples.h"

namespace lowbit::detail {

class LayerWalk {
 public:
  /// `quantized` is `fp32` with the codes that its layers have before they are recovered, or with other
  /// floats.
  LayerWalk(const Model& quantized, const Model& fp32, const RecoverySamples& samples, int threads);

  /// What the layer's inputs are, with all that changed before it, and what it should give: of the samples
  /// that are learned from, and of those kept aside. Layers come in the order in which they run.
  struct Moments {
    TargetMoments learned, held_out;
  };
  Moments moments(const std::string& layer);
  /// From now on the layer that moments() was last asked for has these codes, and biases where there are any.
  void change(const RecoveredLayer& now);
  /// The same of a layer of floats: it is `now`.
  void change(const ops::Op& now);

 private:
  CaptureSums sums_{};
  Model quantized_, fp32_;
  std::size_t learned_;  ///< samples that come first
  std::int64_t positions_;
  StagedRun run_;
  int layer_ = -1;  ///< node of `quantized`
  NodeChange change_{};
};

}  // namespace lowbit::detail
