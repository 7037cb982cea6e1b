// SPDX-License-Identifier: Apache-2.0
// HQQ: scales, offsets and tables without data. Badri, Shaji, "Half-Quadratic Quantization of Large Machine
// Learning Models", 2023.
//
// Minimizes the sum of |w - q|^p with p < 1 over the weights of each group, which lets a few large weights be
// wrong and serves the many. Half-quadratic splitting: errors e = shrink(w - q) are taken away from the
// weights, by sign(x) max(0, |x| - |x|^(p - 1) / beta); the parameters of the grid take the least squares of
// what is left, codes are the nearest ones, beta grows, until that no longer helps. The paper fits the zero
// point; here that is the real offset of asymmetric_real grids ("-asymf"), and for the others the scale, or
// the table that the quantizer found. Sign bits and scales kept in few bits stay as they are.
#pragma once

#include "lowbit/recover/rounding_result.h"
#include "lowbit/recover/weight_grid.h"

namespace lowbit {

struct HqqOptions {
  double p = 0.7;        ///< above 0, at most 1
  double beta = 10;      ///< with errors in units of the scale
  double growth = 1.01;  ///< of beta, each iteration
  int iterations = 20;
  int threads = 1;
};

/// The losses of the report are the sums of |w - q|^p; no row becomes worse (no matrix, where rows share a
/// scale or a table). Throws Error(shape_mismatch) for a grid of another shape, Error(invalid_argument) for
/// impossible options and for weights that are not finite.
RoundingResult hqq(const MatrixView& weights, const WeightGrid& grid, const HqqOptions& options = {});
RoundingResult hqq(const MatrixView& weights, const AnyQuantizer& quantizer, const HqqOptions& options = {});

}  // namespace lowbit
