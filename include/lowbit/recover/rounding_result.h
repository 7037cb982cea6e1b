// SPDX-License-Identifier: Apache-2.0
// RoundingResult: the codes that an algorithm chose for one matrix, and what it has to say about them.
#pragma once

#include <string>

#include "lowbit/quant/quantized_matrix.h"

namespace lowbit {

/// Losses are those of output_error.h, summed over the rows: what the algorithm was given to lower.
struct RoundingReport {
  std::string algorithm{};
  double loss_before = 0;  ///< of the grid's start(): what quantize() does
  double loss_after = 0;
  double damping = 0;  ///< added to the diagonal of the second moments, the largest of all groups; 0: none
  int tries = 0;       ///< factorizations of a group at most; more than 1: the damping had to be raised
  std::string note{};  ///< what did not go as asked, in a sentence; empty: nothing
};

struct RoundingResult {
  QuantizedMatrix codes{};
  RoundingReport report{};
};

}  // namespace lowbit
