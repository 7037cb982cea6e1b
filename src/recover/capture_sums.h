// SPDX-License-Identifier: Apache-2.0
// What adds samples that have been run to the sums of a layer.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "kernels/moments/moment_kernel.h"
#include "lowbit/recover/capture.h"
#include "lowbit/runtime/executor.h"
#include "recover/sample_sums.h"

namespace lowbit::detail {

/// Throws Error(invalid_argument) for numbers that cannot be.
void check_capture_options(const CaptureOptions& options);

/// Node `node` of the model as a layer of a capture; `other_node` of options.other where there is one.
/// `state` gets sums if `allocate`, and must outlive the result. Throws Error(invalid_argument) where the two
/// differ in shape.
CapturedLayer captured_layer(const Model& model, int node, int other_node, const CaptureOptions& options,
                             LayerMoments::State& state, bool allocate);

/// The values of both models on a sample; `others` is null where there is one.
struct SampleValues {
  std::int64_t number;
  const std::vector<ops::TensorArg>*values, *others;
};

class CaptureSums {
 public:
  CaptureSums();
  /// Samples are read side by side; then threads add up second moments, each of its own tiles.
  void add(const CapturedLayer& layer, std::span<const SampleValues> samples, Executor& executor);

 private:
  void add_tiles(LayerMoments::State& state, std::int64_t group, std::int64_t i, std::size_t count) const;

  std::vector<SampleSums> work_;  ///< one a sample
  const kernels::MomentKernel& kernel_;
};

}  // namespace lowbit::detail
