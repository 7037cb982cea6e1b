// SPDX-License-Identifier: Apache-2.0
// The interface of the moment kernels: sums of outer products, from which capture (recover/) makes second
// moments of layers' inputs. Plain data, so that kernel files include nothing else.
//
// Rows of floats lie in memory as doubles, cut into panels of kMomentTile columns, [row][column] within each.
// A kernel multiplies two panels,
//
//   out[8 * i + j] = sum over rows r, ascending, of a[8 * r + i] * b[8 * r + j]
//
// The product of two floats is exact in double: each addition rounds once, fused or not, so that a sum has
// the same bits on every machine. Sums of one element are never split.
#pragma once

#include <cstddef>

#include "lowbit/kernels/isa.h"

namespace lowbit::kernels {

constexpr unsigned kMomentTile = 8;

struct MomentKernel {
  const char* name;  ///< "moments/avx2"
  Isa required;
  /// `a`, `b` and `out` need no alignment; `out` has 64 elements and overlaps neither.
  void (*products)(const double* a, const double* b, std::size_t rows, double* out);
};

extern const MomentKernel kMomentsAvx512, kMomentsAvx2, kMomentsNeon, kMomentsScalar;

/// Every moment kernel of this build, best first, the scalar reference last. `*count` entries.
const MomentKernel* const* moment_kernels(std::size_t* count);
/// The first that `isa` allows.
const MomentKernel& select_moment_kernel(Isa isa);

}  // namespace lowbit::kernels
