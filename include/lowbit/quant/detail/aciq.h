// SPDX-License-Identifier: Apache-2.0
// ACIQ: where to clip values of which only the spread is known. For M bits and a Gaussian or Laplacian
// density, the expected squared error of rounding (alpha^2 / (3 * 4^M)) plus that of clipping at -+alpha has
// its minimum at a multiple of sigma (Gaussian) or of b, the mean absolute deviation (Laplacian). Banner,
// Nahshan, Soudry, "Post Training 4-bit Quantization of Convolutional Networks for Rapid-Deployment", 2019.
#pragma once

#include <span>

#include "lowbit/core/config.h"

namespace lowbit::detail {

/// Sufficient for the choice: no values are needed once these are known.
struct Spread {
  double sigma = 0;  ///< root of the mean squared deviation
  double b = 0;      ///< mean absolute deviation
};

/// Of the finite values; zeros if there are none.
double finite_mean(std::span<const float> values);
Spread finite_spread(std::span<const float> values, double center);

/// The best clip for 2 to 9 bits, in units of sigma and b; 9 are 8 bits on one half of the density.
double aciq_gaussian(int bits);
double aciq_laplace(int bits);

/// The best clip's distance from the centre, by the density that is likelier to give such a spread.
double aciq_alpha(Spread spread, int bits);

}  // namespace lowbit::detail

#ifdef LOWBIT_HEADER_ONLY
#include "lowbit/quant/detail/aciq-inl.h"
#endif
