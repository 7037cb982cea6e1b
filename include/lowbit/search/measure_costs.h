// SPDX-License-Identifier: Apache-2.0
// measure_costs: the CostTable of a network on this machine. Times are read inside whole runs of networks in
// one scheme each, which take turns (profile.h): a layer is timed in its place, fused, with its own shapes
// and with caches as they are. Each layer's weights are rounded by themselves, after a recovery of the layer
// where that is asked for; then the outputs of the network with that layer alone quantized are compared with
// fp32's.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "lowbit/model/calibrate.h"
#include "lowbit/model/sample_set.h"
#include "lowbit/recover/recover.h"
#include "lowbit/search/cost_table.h"

namespace lowbit {

/// int8, int4, int4-g32, kmeans3, int3, ternary, int2, fp32: weights of 2 to 8 bits, activations of 8, and
/// floats.
std::vector<Scheme> default_candidates();

struct CostOptions {
  std::vector<Scheme> candidates = default_candidates();
  const CalibrationTable* table = nullptr;  ///< for schemes whose activations have static ranges
  int threads = 1;
  std::int64_t batch = 1;      ///< that times are of
  std::int64_t samples = 128;  ///< that outputs are compared on, at most
  bool compress = false;       ///< files: their bytes are those of SaveOptions::compress
  /// Steps of layers; empty: weights are rounded to the nearest.
  std::vector<RecoveryStep> steps{RecoveryStep::descent, RecoveryStep::bias};
  double timing_seconds = 8;    ///< that runs for times take, about
  double outputs_seconds = 60;  ///< that comparing outputs takes, about: of slow networks on fewer samples
  std::function<void(const std::string& what, int done, int total)> progress{};
  /// Asked now and then; once it is true, the rest is measured on less: fewer samples, nearest codes.
  std::function<bool()> stops{};
};

/// Throws Error(invalid_argument) for a quantized model, one without Conv2d and Linear layers, no samples, no
/// candidates or impossible numbers; Error(not_built) for a scheme that this build lacks; as quantize() where
/// a scheme needs a table.
CostTable measure_costs(const Model& fp32, const SampleSet& samples, const CostOptions& options = {});

}  // namespace lowbit
