// SPDX-License-Identifier: Apache-2.0
// Blocks of GGUF files as a QuantizedMatrix with the same codes.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "io/gguf/block_layouts.h"
#include "io/gguf/zero_scale.h"
#include "lowbit/core/error.h"
#include "lowbit/quant/given_codes.h"
#include "lowbit/runtime/detail/float_env.h"

namespace lowbit {
namespace {

using detail::ggml::Block;
using detail::ggml::BlockType;

/// All blocks of a matrix, taken apart.
struct Parts {
  const BlockType& type;
  std::int64_t rows = 0, cols = 0;
  std::vector<std::uint8_t> q{};           // [rows][cols]
  std::vector<float> scales{}, offsets{};  // [rows][groups]

  CodesView codes() const { return {q.data(), rows, cols}; }
  Granularity granularity() const { return per_group(type.group); }
  /// Calls f(codes of the group, its scale) for each group.
  template <class F>
  void each_group(const F& f) {
    const std::size_t size = type.group;
    for (std::size_t g = 0; g < scales.size(); ++g) f(std::span(q).subspan(g * size, size), scales[g]);
  }
};

void check_sizes(const BlockType& t, std::size_t bytes, std::int64_t rows, std::int64_t cols) {
  constexpr std::int64_t kLimit = std::numeric_limits<std::int32_t>::max();
  const bool possible = rows >= 1 && cols >= 1 && rows <= kLimit && cols <= kLimit && cols % t.elements == 0;
  // At most 2^62 blocks of at most 2^8 bytes for each of 2^5 weights or more: no overflow.
  if (!possible ||
      bytes != static_cast<std::uint64_t>(rows) * static_cast<std::uint64_t>(cols / t.elements) * t.bytes)
    throw Error(
        ErrorCode::shape_mismatch,
        fmt::format("{} bytes of {} cannot be a {}x{} matrix: it has blocks of {} weights in {} bytes", bytes,
                    t.name, rows, cols, t.elements, t.bytes));
}

Parts take_apart(const BlockType& t, std::span<const std::byte> blocks, std::int64_t rows,
                 std::int64_t cols) {
  Parts parts{.type = t, .rows = rows, .cols = cols};
  parts.q.reserve(static_cast<std::size_t>(rows * cols));
  const auto* p = reinterpret_cast<const std::uint8_t*>(blocks.data());
  const std::size_t count = blocks.size() / t.bytes, groups = t.elements / t.group;
  Block block;
  for (std::size_t b = 0; b < count; ++b, p += t.bytes) {
    t.unpack(p, block);
    parts.q.insert(parts.q.end(), block.q.begin(), block.q.begin() + t.elements);
    for (std::size_t g = 0; g < groups; ++g) {
      const bool finite =
          std::isfinite(block.scales[g]) && (!t.has_offsets || std::isfinite(block.offsets[g]));
      if (!finite)
        throw Error(ErrorCode::corrupt_file,
                    fmt::format("block {} of type {} has the scale {} and the offset {}", b, t.name,
                                block.scales[g], t.has_offsets ? block.offsets[g] : 0.0f));
      parts.scales.push_back(block.scales[g]);
      if (t.has_offsets) parts.offsets.push_back(block.offsets[g]);
    }
  }
  return parts;
}

/// Codes that stand for their own sign where scales have one: negated rather than complemented, so that no
/// zero points are needed.
QuantizedMatrix with_signs_in_codes(Parts& parts, int bits) {
  std::vector<std::int8_t> codes;
  codes.reserve(parts.q.size());
  parts.each_group([&](std::span<const std::uint8_t> q, float& scale) {
    const int sign = scale == 0.0f ? 0 : std::signbit(scale) ? -1 : 1;
    for (const std::uint8_t c : q)
      codes.push_back(
          static_cast<std::int8_t>(sign * (parts.type.levels ? parts.type.levels[c] : c - parts.type.zero)));
    scale = sign == 0 ? detail::ggml::kZeroScale : std::fabs(scale);
  });
  return matrix_from_codes(AffineCodes{.codes = {codes.data(), parts.rows, parts.cols},
                                       .bits = bits,
                                       .granularity = parts.granularity(),
                                       .scales = parts.scales});
}

QuantizedMatrix affine_matrix(Parts& parts) {
  const BlockType& t = parts.type;
  if (t.has_signed_scales &&
      std::any_of(parts.scales.begin(), parts.scales.end(), [](float s) { return s < 0.0f; }))
    return with_signs_in_codes(parts, t.bits + 1);
  // Not 0: what is written back should be 0 of the same sign, whatever else has scale 1.
  parts.each_group([&](std::span<std::uint8_t> q, float& scale) {
    if (scale != 0.0f) return;
    scale = std::copysign(detail::ggml::kZeroScale, scale);
    std::fill(q.begin(), q.end(), t.zero);
  });
  const bool ternary = t.bits == 2 && !t.has_offsets;
  if (ternary && *std::max_element(parts.q.begin(), parts.q.end()) < 3) {
    std::vector<std::int8_t> codes;
    codes.reserve(parts.q.size());
    for (const std::uint8_t c : parts.q) codes.push_back(static_cast<std::int8_t>(c - t.zero));
    return matrix_from_codes(TernaryCodes{.codes = {codes.data(), parts.rows, parts.cols},
                                          .granularity = parts.granularity(),
                                          .scales = parts.scales});
  }
  const std::vector<std::int32_t> zeros(parts.scales.size(), t.zero);
  return matrix_from_codes(AffineCodes{.codes = parts.codes(),
                                       .bits = t.bits,
                                       .granularity = parts.granularity(),
                                       .scales = parts.scales,
                                       .zero_points = zeros,
                                       .offsets = parts.offsets});
}

QuantizedMatrix iq4_matrix(Parts& parts) {
  if (std::any_of(parts.scales.begin(), parts.scales.end(), [](float s) { return s <= 0.0f; }))
    return with_signs_in_codes(parts, 8);
  std::vector<float> levels(parts.type.levels, parts.type.levels + 16);
  return matrix_from_codes(TableCodes{
      .codes = parts.codes(), .levels = levels, .granularity = parts.granularity(), .scales = parts.scales});
}

/// The exponents of a block reach further than those of normal floats; levels take a power of two where they
/// have to.
QuantizedMatrix mxfp4_matrix(Parts& parts) {
  const auto [least, most] = std::minmax_element(parts.scales.begin(), parts.scales.end());
  const int low = std::ilogb(*least), high = std::ilogb(*most);
  for (const int shift : {1, 3, 0}) {  // of the scale; the format's own first
    if (low + shift < -126 || high + shift > 127) continue;
    std::vector<float> levels, scales;
    for (int i = 0; i < 16; ++i)
      levels.push_back(std::ldexp(static_cast<float>(parts.type.levels[i]), -shift));
    for (const float s : parts.scales) scales.push_back(std::ldexp(s, shift));
    QuantizedMatrix q = matrix_from_codes(TableCodes{
        .codes = parts.codes(), .levels = levels, .granularity = parts.granularity(), .scales = scales});
    q.scale_bits = 8;
    return q;
  }
  throw Error(ErrorCode::unsupported,
              fmt::format("exponents of MXFP4 blocks from {} to {} are too far apart for one table of levels",
                          low + 128, high + 128));
}

}  // namespace

QuantizedMatrix matrix_from_ggml(GgmlType type, std::span<const std::byte> blocks, std::int64_t rows,
                                 std::int64_t cols) {
  const BlockType* t = detail::ggml::find_block_type(type);
  if (!t || !t->unpack)
    throw Error(ErrorCode::unsupported,
                fmt::format("type {} is none that becomes a quantized matrix",
                            t ? t->name : fmt::format("{}", static_cast<std::uint32_t>(type)).c_str()));
  const FloatEnvironmentGuard defaults;  // products may be subnormal
  check_sizes(*t, blocks.size(), rows, cols);
  Parts parts = take_apart(*t, blocks, rows, cols);
  if (type == GgmlType::mxfp4) return mxfp4_matrix(parts);
  if (type == GgmlType::iq4_nl) return iq4_matrix(parts);
  return affine_matrix(parts);
}

}  // namespace lowbit
