// SPDX-License-Identifier: Apache-2.0
// A QuantizedMatrix as blocks of GGUF files, where they can say the same.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "io/gguf/block_layouts.h"
#include "io/gguf/zero_scale.h"
#include "lowbit/core/error.h"
#include "lowbit/quant/detail/storage.h"

namespace lowbit {
namespace {

using detail::ggml::Block;
using detail::ggml::BlockType;

class BlockWriter {
 public:
  BlockWriter(const BlockType& type, const QuantizedMatrix& q) : t_(type), q_(q) {
    q.validate();
    if (q.cols % t_.elements != 0)
      throw Error(ErrorCode::shape_mismatch, fmt::format("a row of {} weights is not made of {} blocks of {}",
                                                         q.cols, t_.name, t_.elements));
    group_ = q.groups() > 1 ? q.granularity.group_size : q.cols;
    if (q.groups() > 1 && group_ % t_.elements != 0) refuse(fmt::format("groups of {} weights", group_));
    if (q.format == WeightFormat::b1) refuse("sign bits");
    if (!q.offsets.empty() && !t_.has_offsets) refuse("offsets");
    if (t_.levels && !q.levels.empty()) levels_shift_ = check_levels();
    if (!t_.levels && !q.levels.empty()) refuse("a table of levels");
    if (t_.type == GgmlType::mxfp4 && q.levels.empty()) refuse("integers in the place of FP4 numbers");
  }

  void write(std::int64_t r, std::int64_t first, std::uint8_t* out) {
    row_ = r, first_ = first;
    entry_ = static_cast<std::size_t>(r * q_.groups() + first / group_);
    Block block;
    if (t_.type == GgmlType::mxfp4)
      fill_mxfp4(block);
    else if (!q_.levels.empty())
      fill_indices(block);
    else if (t_.levels)
      fill_levels(block);
    else
      fill_affine(block);
    t_.pack(block, out);
  }

 private:
  [[noreturn]] void refuse(const std::string& what) const {
    throw Error(ErrorCode::unsupported,
                fmt::format("a matrix with {} cannot be written as {} exactly", what, t_.name));
  }
  std::string place() const { return fmt::format("row {}, columns from {}", row_, first_); }

  /// The power of two between its levels and those of the type.
  int check_levels() const {
    const std::span<const float> levels(q_.levels);
    if (q_.format != WeightFormat::lut4 || q_.levels_per_row()) refuse("such tables of levels");
    const int shift =
        t_.type == GgmlType::mxfp4 && levels[7] > 0 ? std::ilogb(12.0f) - std::ilogb(levels[7]) : 0;
    for (std::size_t i = 0; i < 16; ++i)
      if (levels[i] != std::ldexp(static_cast<float>(t_.levels[i]), -shift)) refuse("other levels");
    return shift;
  }

  float scale() const { return q_.scales[entry_]; }
  std::int32_t difference(std::size_t i) const {
    const std::int32_t zero =
        q_.zero_points.empty() ? detail::storage_of(q_.format).middle : q_.zero_points[entry_];
    return q_.code(row_, first_ + static_cast<std::int64_t>(i)) - zero;
  }
  /// Throws unless `value` is a float16.
  float half(float value, const char* what) const {
    if (!(float16::round(value) == value && std::isfinite(value)))
      refuse(fmt::format("the {} {} ({}), which is no float16,", what, value, place()));
    return value;
  }
  bool all_zero() const {
    for (std::size_t i = 0; i < t_.elements; ++i)
      if (difference(i) != 0) return false;
    return true;
  }

  bool try_sign(int sign, Block& block) const {
    const int largest = (1 << t_.bits) - 1 - (t_.type == GgmlType::tq1_0 ? 1 : 0);
    for (std::size_t i = 0; i < t_.elements; ++i) {
      const int code = t_.zero + sign * difference(i);
      if (code < 0 || code > largest) return false;
      block.q[i] = static_cast<std::uint8_t>(code);
    }
    return true;
  }
  /// The zero point says whether codes were complemented for a negative scale.
  bool looks_negative() const {
    if (q_.zero_points.empty() || t_.bits == 2) return false;
    const int shift = q_.format == WeightFormat::s8 ? -(1 << (t_.bits - 1)) : 0;
    return q_.zero_points[entry_] == (1 << t_.bits) - 1 - t_.zero + shift;
  }
  void fill_affine(Block& block) const {
    int sign = looks_negative() ? -1 : 1;
    if (!try_sign(sign, block)) {
      sign = -sign;
      if (!try_sign(sign, block)) refuse(fmt::format("codes ({}) beyond {} bits", place(), t_.bits));
    }
    const bool zero = scale() == detail::ggml::kZeroScale && all_zero();
    block.scales[0] = static_cast<float>(sign) * (zero ? 0.0f : half(scale(), "scale"));
    if (t_.has_offsets) block.offsets[0] = q_.offsets.empty() ? 0.0f : half(q_.offsets[entry_], "offset");
  }

  void fill_indices(Block& block) const {
    for (std::size_t i = 0; i < t_.elements; ++i)
      block.q[i] = static_cast<std::uint8_t>(q_.code(row_, first_ + static_cast<std::int64_t>(i)));
    block.scales[0] = half(scale(), "scale");
  }
  void fill_mxfp4(Block& block) const {
    for (std::size_t i = 0; i < t_.elements; ++i)
      block.q[i] = static_cast<std::uint8_t>(q_.code(row_, first_ + static_cast<std::int64_t>(i)));
    const int exponent = std::ilogb(scale());
    const int half_exponent = exponent - levels_shift_;
    if (std::ldexp(1.0f, exponent) != scale() || half_exponent < -128 || half_exponent > 127)
      refuse(
          fmt::format("the scale {} ({}), which is no power of two from 2^-127 to 2^128,", scale(), place()));
    block.scales[0] = std::ldexp(1.0f, half_exponent);
  }
  /// Integers that are levels, or all of them negated.
  void fill_levels(Block& block) const {
    if (all_zero() && scale() == detail::ggml::kZeroScale) {
      block.q.fill(8);  // the smallest level
      return;
    }
    for (const int sign : {1, -1}) {
      const auto* end = t_.levels + 16;
      std::size_t i = 0;
      for (; i < t_.elements; ++i) {
        const auto* at = std::find(t_.levels, end, sign * difference(i));
        if (at == end) break;
        block.q[i] = static_cast<std::uint8_t>(at - t_.levels);
      }
      if (i < t_.elements) continue;
      block.scales[0] = static_cast<float>(sign) * half(scale(), "scale");
      return;
    }
    refuse(fmt::format("codes ({}) that are no levels", place()));
  }

  const BlockType& t_;
  const QuantizedMatrix& q_;
  std::int64_t group_ = 0, row_ = 0, first_ = 0;
  std::size_t entry_ = 0;
  int levels_shift_ = 0;
};

}  // namespace

std::vector<std::byte> ggml_from_matrix(GgmlType type, const QuantizedMatrix& q) {
  const BlockType* t = detail::ggml::find_block_type(type);
  if (!t || !t->pack)
    throw Error(ErrorCode::unsupported,
                fmt::format("blocks of type {} are not written",
                            t ? t->name : fmt::format("{}", static_cast<std::uint32_t>(type)).c_str()));
  BlockWriter writer(*t, q);
  const std::int64_t blocks = q.cols / t->elements;
  std::vector<std::byte> bytes(static_cast<std::size_t>(q.rows * blocks) * t->bytes);
  auto* out = reinterpret_cast<std::uint8_t*>(bytes.data());
  for (std::int64_t r = 0; r < q.rows; ++r)
    for (std::int64_t b = 0; b < blocks; ++b, out += t->bytes) writer.write(r, b * t->elements, out);
  return bytes;
}

}  // namespace lowbit
