// SPDX-License-Identifier: Apache-2.0
// Pruning: weights that become zero, by their magnitude or by the error that their loss makes in the outputs
// of their layer once the others have made good what they can. The latter is the optimal brain surgeon
// (Hassibi, Stork, 1993), one weight after the other, a row at a time (Frantar, Alistarh, "Optimal Brain
// Compression", NeurIPS 2022): with the second moments H of the layer's inputs, the weight p of least
// w_p^2 / [H^-1]_pp goes, and the others change by -w_p / [H^-1]_pp times column p of H^-1. What stays is
// then the least-squares optimum among the weights that are left.
//
//   LayerStats stats = capture(fp32, batches);
//   Model pruned = prune(fp32, {.sparsity = 0.6, .overrides = {{"conv1", 0.0}}}, &stats);
//   Model q = quantize(pruned, table, {.scheme = "int4"});
//   save(q, "net.lowbit", {.compress = true});
//
// Zeros stay zeros, as symmetric codes have one, and cost next to nothing in a compressed file.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "lowbit/model/model.h"
#include "lowbit/recover/layer_stats.h"
#include "lowbit/recover/output_error.h"

namespace lowbit {

/// How many weights become zero.
struct PrunePattern {
  double sparsity = 0.5;  ///< share of each row; rounded to the nearest number of weights
  int keep = 0, of = 0;   ///< where set, not the share: of each `of` weights in a row, so many stay (2 of 4)
};

/// Those of least magnitude go, of equal ones the first. [rows][cols]. Throws Error(invalid_argument) for a
/// pattern that cannot be.
std::vector<float> prune_by_magnitude(const MatrixView& weights, const PrunePattern& pattern);
/// Those of least error, the others changed. `errors`: one for each group of the layer, without cross
/// moments; H is damped by 0.01 of the mean of its diagonal. Takes rows * cols^3 / 2 multiplications. Throws
/// as output_losses() and prune_by_magnitude().
std::vector<float> prune_by_error(const MatrixView& weights, std::span<const OutputError> errors,
                                  const PrunePattern& pattern, int threads = 1);

/// What weights compete with, to stay.
enum class PruneScope : std::uint8_t {
  row,    ///< the others of their output channel
  layer,  ///< all of the layer
  /// All of all layers, so that layers end with shares of their own: by squares relative to those of the
  /// larger weights of the layer (LAMP; Lee and others, "Layer-adaptive Sparsity for the Magnitude-based
  /// Pruning", ICLR 2021), with stats by the error of the layer's outputs that each makes alone, relative to
  /// their energy.
  network,
};

struct PruneOptions {
  double sparsity = 0.5;
  PruneScope scope = PruneScope::row;
  int keep = 0, of = 0;  ///< as in PrunePattern; within rows alone
  /// {pattern of names, sparsity}: layers with another share, in which they take part in no ranking with
  /// other layers; the last match wins. 0: untouched.
  std::vector<std::pair<std::string, double>> overrides{};
  int threads = 1;
};

/// Conv2d and Linear of an fp32 model, rows being output channels. With `stats` (capture() of that model,
/// full second moments) by error, else by magnitude. Throws Error(invalid_argument) for a quantized model, a
/// pattern that cannot be, or an override that matches no layer, Error(not_found) for stats that lack a
/// layer.
Model prune(const Model& fp32, const PruneOptions& options = {}, const LayerStats* stats = nullptr);

/// What part of the weights of each Conv2d and Linear of an fp32 model is zero.
struct LayerSparsity {
  std::string name;
  std::int64_t weights = 0, zeros = 0;
};
std::vector<LayerSparsity> weight_sparsity(const Model& fp32);

}  // namespace lowbit
