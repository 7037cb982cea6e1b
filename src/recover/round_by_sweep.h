// SPDX-License-Identifier: Apache-2.0
// What GPTQ and Qronos share: sweeps of all groups, rows a few at a time, the report.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <vector>

#include "lowbit/recover/rounding_result.h"
#include "recover/objective.h"
#include "recover/sweep.h"

namespace lowbit::detail {

struct SweepRounding {
  std::string algorithm;
  double (*damping)(const OutputError& error, double share) = nullptr;
  double share = 0;
  int raises = 0;
  bool act_order = true;
  bool use_slope = false;
  int descent_passes = 0;
  int threads = 1;
};

/// One for each group.
std::vector<Sweep> make_sweeps(std::span<const OutputError> errors, const SweepRounding& rounding);

/// The largest damping and number of tries, and a note where it was raised.
void report_damping(RoundingReport& report, std::span<const Sweep> sweeps);

RoundingResult round_by_sweep(const MatrixView& weights, const WeightGrid& grid,
                              std::span<const OutputError> errors, const SweepRounding& rounding);

/// Throws Error(shape_mismatch) for a grid of another shape than the weights.
void check_grid(const MatrixView& weights, const WeightGrid& grid);
/// The grid of a quantizer for these moments: importance is the diagonal of H.
WeightGrid grid_for(const MatrixView& weights, const AnyQuantizer& quantizer,
                    std::span<const OutputError> errors);
/// The sum of the losses of all rows, in order.
double sum_of(std::span<const double> losses);

}  // namespace lowbit::detail
