// SPDX-License-Identifier: Apache-2.0
#include "lowbit/layers/row_codes.h"

#include <cmath>
#include <limits>

#include "layers/coded_row.h"
#include "lowbit/core/half.h"
#include "lowbit/core/packing.h"
#include "lowbit/runtime/detail/float_env.h"

namespace lowbit {
namespace {

constexpr std::uint32_t kLowHalf = 0xFFFF;

/// The next bfloat16 from a number >= 0 on.
std::uint16_t bfloat16_from(float x) {
  const auto bits = std::bit_cast<std::uint32_t>(x);
  return static_cast<std::uint16_t>((bits + kLowHalf) >> 16);
}

/// The nearest bfloat16; the one towards zero where that is no number.
std::uint16_t nearest_bfloat16(float x) {
  const std::uint16_t nearest = bfloat16::encode(x);
  return std::isfinite(float_of_bfloat16(nearest))
             ? nearest
             : static_cast<std::uint16_t>(std::bit_cast<std::uint32_t>(x) >> 16);
}

struct RowBits {
  std::uint16_t scale = 0, middle = 0;
};

RowBits choose(const float* x, std::ptrdiff_t step, std::int64_t size, int bits) {
  constexpr float kMost = std::numeric_limits<float>::max();
  float lo = kMost, hi = -kMost;
  for (std::int64_t i = 0; i < size; ++i) {
    const float v = x[i * step];
    if (!(v >= -kMost && v <= kMost)) continue;
    lo = v < lo ? v : lo;
    hi = v > hi ? v : hi;
  }
  if (lo > hi) return {};
  RowBits row;
  row.middle = nearest_bfloat16(lo * 0.5f + hi * 0.5f);
  const float middle = float_of_bfloat16(row.middle);
  const float reach = hi - middle > middle - lo ? hi - middle : middle - lo;
  row.scale = bfloat16_from(reach / (static_cast<float>((1 << bits) - 1) * 0.5f));
  return row;
}

}  // namespace

std::size_t coded_row_bytes(std::int64_t size, int bits) {
  return packed_bytes(static_cast<std::size_t>(size), bits) + sizeof(RowBits);
}

std::size_t coded_rows_bytes(const Shape& shape, int bits) {
  const std::int64_t size = shape.rank() == 0 ? 1 : shape[shape.rank() - 1];
  return size == 0 ? 0 : static_cast<std::size_t>(shape.elements() / size) * coded_row_bytes(size, bits);
}

void encode_row(const float* x, std::ptrdiff_t step, std::int64_t size, int bits, std::byte* to) {
  const RowBits row = choose(x, step, size, bits);
  const float scale = float_of_bfloat16(row.scale), middle = float_of_bfloat16(row.middle);
  const auto half = static_cast<float>(1 << (bits - 1)), top = 2.0f * half - 1.0f;
  auto* bytes = reinterpret_cast<std::uint8_t*>(to);
  for (std::int64_t i = 0; i < size; ++i) {
    // Levels lie half a step beside the middle. 0 / 0, of a row of equal elements, is no number, too.
    float level = (x[i * step] - middle) / scale + half;
    level = level < 0.0f ? 0.0f : level > top ? top : level == level ? level : half;
    const auto code = static_cast<std::uint8_t>(static_cast<int>(level));
    if (bits == 8)
      bytes[i] = code;
    else if (i % 2 == 0)
      bytes[i / 2] = code;
    else
      bytes[i / 2] = static_cast<std::uint8_t>(bytes[i / 2] | code << 4);
  }
  std::memcpy(bytes + packed_bytes(static_cast<std::size_t>(size), bits), &row, sizeof(row));
}

void decode_row(const std::byte* from, std::int64_t size, int bits, std::ptrdiff_t step, float* x) {
  const RowParameters row = read_row_parameters(from + packed_bytes(static_cast<std::size_t>(size), bits));
  const float center = static_cast<float>((1 << bits) - 1) * 0.5f;
  const auto* bytes = reinterpret_cast<const std::uint8_t*>(from);
  for (std::int64_t i = 0; i < size; ++i) {
    const int code = bits == 8 ? bytes[i] : i % 2 == 0 ? bytes[i / 2] & 15 : bytes[i / 2] >> 4;
    x[i * step] = row.middle + row.scale * (static_cast<float>(code) - center);
  }
}

void encode_rows(const float* x, std::int64_t rows, std::int64_t size, int bits, std::byte* to) {
  const FloatEnvironmentGuard defaults;
  const auto bytes = static_cast<std::ptrdiff_t>(coded_row_bytes(size, bits));
  for (std::int64_t r = 0; r < rows; ++r) encode_row(x + r * size, 1, size, bits, to + r * bytes);
}

void decode_rows(const std::byte* from, std::int64_t rows, std::int64_t size, int bits, float* x) {
  const FloatEnvironmentGuard defaults;
  const auto bytes = static_cast<std::ptrdiff_t>(coded_row_bytes(size, bits));
  for (std::int64_t r = 0; r < rows; ++r) decode_row(from + r * bytes, size, bits, 1, x + r * size);
}

}  // namespace lowbit
