// SPDX-License-Identifier: Apache-2.0
// Block reconstruction: a recovery that learns the codes of whole blocks (a residual unit, or a layer that
// nothing bypasses) by gradients, so that each gives what it gives in the original network although its input
// comes from blocks that are quantized already (Li et al., "BRECQ: Pushing the Limit of Post-Training
// Quantization by Block Reconstruction", ICLR 2021). Of each weight it is learned which of two neighbouring
// values it becomes, and with that biases and the steps of activations. Elements of a block's
// input are those of the original network with some probability, which keeps codes from fitting the errors of
// a few samples (Wei et al., "QDrop: Randomly Dropping Quantization for Extremely Low-bit Post-Training
// Quantization", ICLR 2022).
//
//   Model q = quantize(fp32, table, {.scheme = "int2-a4", .recover = reconstruct_blocks()});
#pragma once

#include <cstdint>

#include "lowbit/model/quantize.h"
#include "lowbit/recover/recover.h"

namespace lowbit {

struct BlockReconstruction {
  /// What comes first: codes begin as these steps leave them. Its data, threads, progress and report are
  /// those of all.
  RecoverOptions before{};
  /// That are used, at most, and fewer of a network whose values would take more than
  /// RecoverOptions::kept_bytes. Those that are kept aside judge each block and the whole.
  std::int64_t samples = 1024;
  std::int64_t iterations = 1000;  ///< steps of Adam, for each block
  std::int64_t batch = 32;         ///< samples of a step
  double rate = 1e-3;              ///< of positions between two values; falls by a cosine
  double other_rate = 1e-3;        ///< likewise, of biases and of the logarithms of activations' steps
  double original_inputs = 0.5;    ///< probability
  std::uint64_t seed = 1;
};

/// For QuantizeOptions::recover. quantize() then throws besides what recover() throws Error(unsupported) for
/// a network that a Tape does not take, or with several inputs or outputs, for dynamic ranges and signs of
/// activations. Throws Error(invalid_argument) for numbers that cannot be.
Recovery reconstruct_blocks(BlockReconstruction how = {});

}  // namespace lowbit
