// SPDX-License-Identifier: Apache-2.0
// Codebook quantizers: a weight becomes the index of the nearest of a few levels, which need not be evenly
// spaced, times a scale.
//
// Codebook: a table of the user's own; the group's largest magnitude meets the largest level.
// Nf4: the 16 levels of equal probability for Gaussian weights, and Fp4, those of FP4 E2M1. Dettmers et al.,
// "QLoRA: Efficient Finetuning of Quantized LLMs", NeurIPS 2023. Double quantization stores scales in 8 bits:
// here as steps from their mean, with one step for the matrix (the paper: one for every 256 scales).
// KMeans: the levels of least squared error for these weights, by exact dynamic programming or Lloyd's
// iteration; for more than 65,536 values at a time, as a tensor or a matrix in groups has, on a histogram of
// as many bins. Han, Mao, Dally, "Deep Compression", ICLR 2016 (weight sharing). Quantile: levels that equal
// shares of the weights have. Log2 and LogSqrt2: powers of two, or of its square root. Miyashita et al.,
// 2016; Zhou et al. (INQ), 2017. Apot: sums of powers of two. Li, Dong, Wang, "Additive Powers-of-Two
// Quantization", ICLR 2020.
#pragma once

#include <span>
#include <vector>

#include "lowbit/core/config.h"
#include "lowbit/core/granularity.h"
#include "lowbit/quant/groups.h"
#include "lowbit/quant/quantizer.h"

namespace lowbit {

namespace detail {
/// largest |finite value| / `largest_level`; 1 for a group of zeros. Never denormal.
ScaleGroup fit_scale(Range range, float largest_level);
LutGroup fit_kmeans(std::span<const float> values, std::span<const float> importance, int bits, bool exact);
LutGroup fit_quantiles(std::span<const float> values, std::span<const float> importance, int bits);
/// With groups: one table for the matrix, of values divided by the largest magnitude of their group.
AnyQuantizer bind_kmeans(const MatrixView& weights, const MatrixView& importance, Granularity granularity,
                         int bits, bool exact);
AnyQuantizer bind_quantiles(const MatrixView& weights, const MatrixView& importance, Granularity granularity,
                            int bits);
/// A table whose scales are one of 255 steps around their mean.
AnyQuantizer bind_scales(const MatrixView& weights, Granularity granularity, std::vector<float> levels,
                         int bits);
std::vector<float> nf4_table();
std::vector<float> fp4_table();
std::vector<float> log2_table(int bits);
std::vector<float> log_sqrt2_table();
std::vector<float> apot_table(int bits);
}  // namespace detail

/// Levels in any order, 2 to 256 of them, or code_bits() throws Error(invalid_argument); the code is the
/// index.
struct Codebook {
  std::vector<float> table;
  Granularity granularity = per_channel();

  int code_bits() const;
  std::vector<float> levels() const { return table; }
  ScaleGroup fit(std::span<const float> values, std::span<const float> = {}) const {
    return fit_range(finite_range(values));
  }
  ScaleGroup fit_range(Range range) const;
};

/// 16 levels from -1 to 1. The scheme "nf4" is per channel; this default is "nf4-g64".
struct Nf4 {
  Granularity granularity = per_group(64);
  bool double_quantization = false;

  static constexpr int code_bits() { return 4; }
  std::vector<float> levels() const { return detail::nf4_table(); }
  ScaleGroup fit(std::span<const float> values, std::span<const float> = {}) const {
    return fit_range(finite_range(values));
  }
  ScaleGroup fit_range(Range range) const { return detail::fit_scale(range, 1.0f); }
  AnyQuantizer bind(const MatrixView& weights, const MatrixView& importance) const;
};

/// 0, .5, 1, 1.5, 2, 3, 4, 6 with both signs; codes are those of FP4 E2M1. The scheme "fp4" is per channel;
/// this default is "fp4-g32".
struct Fp4 {
  Granularity granularity = per_group(32);
  bool double_quantization = false;

  static constexpr int code_bits() { return 4; }
  static constexpr MiniFloat minifloat() { return MiniFloat::fp4_e2m1; }
  std::vector<float> levels() const { return detail::fp4_table(); }
  ScaleGroup fit(std::span<const float> values, std::span<const float> = {}) const {
    return fit_range(finite_range(values));
  }
  ScaleGroup fit_range(Range range) const { return detail::fit_scale(range, 6.0f); }
  AnyQuantizer bind(const MatrixView& weights, const MatrixView& importance) const;
};

/// Scale 1 and a table for each channel or tensor; with groups a scale for each, and one table.
template <int Bits>
requires(Bits >= 2 && Bits <= 8) struct KMeans {
  Granularity granularity = per_channel();
  bool exact = true;  ///< else Lloyd's iteration, which is faster and ends in a local optimum

  static constexpr int code_bits() { return Bits; }
  LutGroup fit(std::span<const float> values, std::span<const float> importance = {}) const {
    return detail::fit_kmeans(values, importance, Bits, exact);
  }
  AnyQuantizer bind(const MatrixView& weights, const MatrixView& importance) const {
    if (granularity.kind != Granularity::Kind::group) return *this;
    return detail::bind_kmeans(weights, importance, granularity, Bits, exact);
  }
};

/// As KMeans.
template <int Bits>
requires(Bits >= 2 && Bits <= 8) struct Quantile {
  Granularity granularity = per_channel();

  static constexpr int code_bits() { return Bits; }
  LutGroup fit(std::span<const float> values, std::span<const float> importance = {}) const {
    return detail::fit_quantiles(values, importance, Bits);
  }
  AnyQuantizer bind(const MatrixView& weights, const MatrixView& importance) const {
    if (granularity.kind != Granularity::Kind::group) return *this;
    return detail::bind_quantiles(weights, importance, granularity, Bits);
  }
};

/// 0 and plus and minus powers of two.
template <int Bits>
requires(Bits >= 3 && Bits <= 8) struct Log2 {
  Granularity granularity = per_channel();

  static constexpr int code_bits() { return Bits; }
  std::vector<float> levels() const { return detail::log2_table(Bits); }
  ScaleGroup fit(std::span<const float> values, std::span<const float> = {}) const {
    return fit_range(finite_range(values));
  }
  ScaleGroup fit_range(Range range) const { return detail::fit_scale(range, 1.0f); }
};

/// 0 and plus and minus powers of the square root of two, 8 bits.
struct LogSqrt2 {
  Granularity granularity = per_channel();

  static constexpr int code_bits() { return 8; }
  std::vector<float> levels() const { return detail::log_sqrt2_table(); }
  ScaleGroup fit(std::span<const float> values, std::span<const float> = {}) const {
    return fit_range(finite_range(values));
  }
  ScaleGroup fit_range(Range range) const { return detail::fit_scale(range, 1.0f); }
};

template <int Bits>
requires(Bits >= 3 && Bits <= 8) struct Apot {
  Granularity granularity = per_channel();

  static constexpr int code_bits() { return Bits; }
  std::vector<float> levels() const { return detail::apot_table(Bits); }
  ScaleGroup fit(std::span<const float> values, std::span<const float> = {}) const {
    return fit_range(finite_range(values));
  }
  ScaleGroup fit_range(Range range) const { return detail::fit_scale(range, 1.0f); }
};

}  // namespace lowbit

#ifdef LOWBIT_HEADER_ONLY
#include "lowbit/quant/codebook-inl.h"
#endif
