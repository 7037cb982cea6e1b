// SPDX-License-Identifier: Apache-2.0
// What is done to exact integer sums before they are stored where a kernel's epilogue does not do it:
// fixed-point multipliers, codes of 16 and 32 bits, sums of 16-bit activations, results that do not lie in
// rows.
//
// A 16-bit activation is a = 256 * high + low - 2^15 with high and low in [0, 255]: two products with u8
// activations, each exact in 32 bits, are one of 16 bits.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <vector>

#include "lowbit/core/element_type.h"
#include "lowbit/kernels/gemm_kernel.h"
#include "lowbit/quant/requantize.h"

namespace lowbit {

/// As in GemmOptions.
struct OutputTerms {
  std::span<const std::int32_t> bias{};
  std::span<const std::int64_t> wide_bias{};
  std::span<const Requantization> requantization{};
  std::span<const FixedPointRequantization> fixed_point{};
  std::span<const float> scales{};
  std::span<const float> float_bias{};
  float lo = -std::numeric_limits<float>::infinity();
  float hi = std::numeric_limits<float>::infinity();
};

/// What A has, so that its zero point can be taken out of the sums.
struct OutputInput {
  ElementType type = ElementType::u8;  ///< u8, i8, i16; f32: sums are floats
  std::int32_t zero_point = 0;
  std::span<const std::int32_t> column_sums{};  ///< of the integer weights; empty with several scales a row
  std::span<const float> column_scales{};       ///< that weights bring with them; empty: 1
};

/// Rows of sums; `high` of the upper bytes of 16-bit activations, else null.
struct SumBlock {
  const std::int32_t *low = nullptr, *high = nullptr;
  std::int64_t rows = 0;
  std::ptrdiff_t row_stride = 0;
};

class OutputStage {
 public:
  /// Copies what it needs. Throws Error naming the term that does not fit.
  OutputStage(const OutputTerms& terms, std::int64_t columns, ElementType out, const OutputInput& in);

  /// Whether the epilogue of a kernel can do it all into rows of memory: set_epilogue().
  bool runs_in_epilogue() const { return in_epilogue_; }
  /// For the sums of 32 bits that `write` takes: column_constant alone.
  void set_sums(kernels::Epilogue& epilogue) const;
  /// The whole stage; codes of s8 come out as u8 with their sign bit flipped.
  void set_epilogue(kernels::Epilogue& epilogue) const;

  /// Writes columns [first, first + columns) of a block to `out`, where row 0 and column `first` lie.
  void write(const SumBlock& block, std::int64_t first, std::int64_t columns, void* out,
             std::ptrdiff_t row_stride, std::ptrdiff_t col_stride) const noexcept;

 private:
  enum class Kind : std::uint8_t { sums, scaled, floats, fixed };
  void set_constants(const OutputTerms& terms, const OutputInput& in);
  void set_kind(const OutputTerms& terms);
  void set_floats(const OutputTerms& terms, std::span<const float> column_scales);
  bool is_uniform() const;
  template <class T, class F>
  void write_rows(const SumBlock& block, std::int64_t first, std::int64_t columns, T* out,
                  std::ptrdiff_t row_stride, std::ptrdiff_t col_stride, const F& value) const;

  std::size_t n_;
  ElementType out_;
  bool wide_, in_epilogue_ = false;
  Kind kind_ = Kind::sums;
  std::vector<std::int32_t> constant_;           ///< [n] or empty; 8-bit A
  std::vector<std::int64_t> wide_constant_;      ///< [n]; 16-bit A
  std::vector<Requantization> floats_;           ///< [n]
  std::vector<FixedPointRequantization> fixed_;  ///< [n]
  std::vector<float> multiplier_, addend_;       ///< [n] or empty
  float lo_, hi_;
};

}  // namespace lowbit
