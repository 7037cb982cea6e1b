// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <limits>
#include <type_traits>

#include "lowbit/core/error.h"
#include "lowbit/core/minifloat.h"
#include "lowbit/core/sentence.h"

static_assert(std::endian::native == std::endian::little, "lowbit runs on little-endian machines only");

LOWBIT_BEGIN_EXACT
namespace lowbit {
namespace detail::minifloat_codec {

#include "lowbit/core/minifloat_encode.inl"

// Of a float.
inline constexpr int kMantissaBits = 23, kBias = 127;
inline constexpr std::uint32_t kMagnitude = 0x7FFFFFFF, kInfinity = 0x7F800000;

struct Format {
  std::string_view name;
  int bits, mantissa, bias;
  float largest;
  // What the code after the largest finite one would stand for if it were a number. Encoding it therefore
  // gives the code of Inf or NaN; a format that saturates has `largest` here.
  float beyond;
  bool nan, infinity;
  bool fnuz = false;  // NaN has the place of -0
};

inline constexpr std::array<Format, 8> kFormats = {{
    {"fp8_e4m3fn", 8, 3, 7, 448.0f, 480.0f, true, false},
    {"fp8_e5m2", 8, 2, 15, 57344.0f, 65536.0f, true, true},
    {"fp6_e2m3", 6, 3, 1, 7.5f, 7.5f, false, false},
    {"fp6_e3m2", 6, 2, 3, 28.0f, 28.0f, false, false},
    {"fp4_e2m1", 4, 1, 1, 6.0f, 6.0f, false, false},
    {"e8m0", 8, 0, 127, 0x1p127f, std::numeric_limits<float>::infinity(), true, false},
    {"fp8_e4m3fnuz", 8, 3, 8, 240.0f, 256.0f, true, false, true},
    {"fp8_e5m2fnuz", 8, 2, 16, 57344.0f, 65536.0f, true, false, true},
}};

constexpr std::size_t index(MiniFloat format) {
  return static_cast<std::size_t>(format);
}

constexpr float decode_scale(std::uint32_t code) {
  if (code == 0xFF) return std::numeric_limits<float>::quiet_NaN();
  // 2^-127 is subnormal as a float.
  return std::bit_cast<float>(code == 0 ? 0x00400000u : code << kMantissaBits);
}

constexpr float decode_element(const Format& f, std::uint32_t code) {
  const std::uint32_t sign = code >> (f.bits - 1) & 1, magnitude = code & ((1u << (f.bits - 1)) - 1);
  const auto power = [](int e) {
    return std::bit_cast<float>(static_cast<std::uint32_t>(e + kBias) << kMantissaBits);
  };
  if (f.fnuz && sign == 1 && magnitude == 0) return std::numeric_limits<float>::quiet_NaN();
  // The fields of the code in the places of a float's have the right value but for the bias, subnormals too.
  float value = std::bit_cast<float>(magnitude << (kMantissaBits - f.mantissa)) * power(kBias - f.bias);
  if (value > f.largest)
    value = f.infinity && value == f.beyond ? std::numeric_limits<float>::infinity()
                                            : std::numeric_limits<float>::quiet_NaN();
  return std::bit_cast<float>(std::bit_cast<std::uint32_t>(value) | sign << 31);
}

// A row repeats its codes up to 256, so that looking up needs no mask. Built by the compiler: neither the
// processor's treatment of subnormals nor the time of the first use matters.
inline constexpr auto kTables = [] {
  std::array<std::array<float, 256>, kFormats.size()> tables{};
  for (std::size_t f = 0; f < kFormats.size(); ++f)
    for (std::uint32_t code = 0; code < 256; ++code)
      tables[f][code] = f == index(MiniFloat::e8m0) ? decode_scale(code) : decode_element(kFormats[f], code);
  return tables;
}();

// As encode_element does it, for e8m0.
inline std::uint32_t encode_scale(float x, float limit) {
  const auto all = std::bit_cast<std::int32_t>(x);
  auto magnitude = static_cast<std::int32_t>(std::bit_cast<std::uint32_t>(x) & kMagnitude);
  const std::int32_t negative = all < 0 ? magnitude : 0;
  const std::int32_t nan = magnitude > static_cast<std::int32_t>(kInfinity) ? 1 : 0;
  const auto last = std::bit_cast<std::int32_t>(limit);
  magnitude = magnitude < last ? magnitude : last;
  // Half of a binade carries into the exponent, and among the subnormal floats, whose step it is, all that is
  // above 2^-127.
  const std::int32_t nearest = (magnitude + 0x00400000) >> kMantissaBits;
  const std::int32_t code = magnitude <= 0x00400000 ? 0 : nearest;
  return static_cast<std::uint32_t>((negative | nan) != 0 ? 0xFF : code);
}

// As encode_element does it, where NaN has the place of -0 and that of the value behind the largest one.
template <int kMantissa, int kBias>
inline std::uint32_t encode_fnuz(float x, float limit) {
  const std::uint32_t all = std::bit_cast<std::uint32_t>(x), magnitude = all & kMagnitude;
  const std::uint32_t number =
      encode_element<8, kMantissa, kBias, false>(std::bit_cast<float>(magnitude), limit) & 0xFF;
  if (magnitude > kInfinity || number > 0x7F) return 0x80;
  return number == 0 ? 0 : number | (all >> 24 & 0x80);
}

template <MiniFloat kFormat>
inline std::uint32_t encode_one(float x, float limit) {
  constexpr Format f = kFormats[index(kFormat)];
  if constexpr (kFormat == MiniFloat::e8m0)
    return encode_scale(x, limit);
  else if constexpr (f.fnuz)
    return encode_fnuz<f.mantissa, f.bias>(x, limit);
  else
    return encode_element<f.bits, f.mantissa, f.bias, f.nan>(x, limit);
}

template <MiniFloat kFormat>
void encode_all(std::span<const float> x, float inverse_scale, std::span<std::uint8_t> out, float limit) {
  constexpr Format f = kFormats[index(kFormat)];
  if constexpr (kFormat == MiniFloat::e8m0 || f.fnuz)
    for (std::size_t i = 0; i < x.size(); ++i)
      out[i] = static_cast<std::uint8_t>(encode_one<kFormat>(x[i] * inverse_scale, limit));
  else
    encode_elements<f.bits, f.mantissa, f.bias, f.nan>(x.data(), x.size(), inverse_scale, limit, out.data());
}

/// function(std::integral_constant<MiniFloat, format>).
template <class Function>
auto with_format(MiniFloat format, Function function) {
  using enum MiniFloat;
  switch (format) {
    case fp8_e4m3fn:
      return function(std::integral_constant<MiniFloat, fp8_e4m3fn>{});
    case fp8_e5m2:
      return function(std::integral_constant<MiniFloat, fp8_e5m2>{});
    case fp6_e2m3:
      return function(std::integral_constant<MiniFloat, fp6_e2m3>{});
    case fp6_e3m2:
      return function(std::integral_constant<MiniFloat, fp6_e3m2>{});
    case fp4_e2m1:
      return function(std::integral_constant<MiniFloat, fp4_e2m1>{});
    case fp8_e4m3fnuz:
      return function(std::integral_constant<MiniFloat, fp8_e4m3fnuz>{});
    case fp8_e5m2fnuz:
      return function(std::integral_constant<MiniFloat, fp8_e5m2fnuz>{});
    case e8m0:
      break;
  }
  return function(std::integral_constant<MiniFloat, e8m0>{});
}

inline float limit_of(MiniFloat format, minifloat::Overflow overflow) {
  const Format& f = kFormats[index(format)];
  return overflow == minifloat::Overflow::spec ? f.beyond : f.largest;
}

inline void check_sizes(std::size_t values, std::size_t codes) {
  if (values != codes)
    detail::throw_error(ErrorCode::shape_mismatch, sentence("{} values do not fit {} codes", values, codes));
}

}  // namespace detail::minifloat_codec

namespace minifloat {

LOWBIT_INLINE int bits(MiniFloat format) noexcept {
  return detail::minifloat_codec::kFormats[detail::minifloat_codec::index(format)].bits;
}

LOWBIT_INLINE int mantissa_bits(MiniFloat format) noexcept {
  return detail::minifloat_codec::kFormats[detail::minifloat_codec::index(format)].mantissa;
}

LOWBIT_INLINE std::string_view name(MiniFloat format) noexcept {
  return detail::minifloat_codec::kFormats[detail::minifloat_codec::index(format)].name;
}

LOWBIT_INLINE float largest(MiniFloat format) noexcept {
  return detail::minifloat_codec::kFormats[detail::minifloat_codec::index(format)].largest;
}

LOWBIT_INLINE float decode(MiniFloat format, std::uint8_t code) noexcept {
  return detail::minifloat_codec::kTables[detail::minifloat_codec::index(format)][code];
}

LOWBIT_INLINE std::vector<float> table(MiniFloat format) {
  const auto& row = detail::minifloat_codec::kTables[detail::minifloat_codec::index(format)];
  return {row.begin(), row.begin() + (1 << bits(format))};
}

LOWBIT_INLINE std::uint8_t encode(MiniFloat format, float x, Overflow overflow) noexcept {
  const float limit = detail::minifloat_codec::limit_of(format, overflow);
  return detail::minifloat_codec::with_format(format, [&](auto f) {
    return static_cast<std::uint8_t>(detail::minifloat_codec::encode_one<f()>(x, limit));
  });
}

LOWBIT_INLINE std::uint8_t e8m0_floor(float x) noexcept {
  const auto all = std::bit_cast<std::uint32_t>(x);
  const std::uint32_t magnitude = all & detail::minifloat_codec::kMagnitude;
  if (magnitude > detail::minifloat_codec::kInfinity ||
      (all > detail::minifloat_codec::kMagnitude && magnitude != 0))
    return 0xFF;
  // The exponent field is the code, of subnormal floats too; that of Inf is NaN's.
  return static_cast<std::uint8_t>(magnitude == detail::minifloat_codec::kInfinity
                                       ? 0xFE
                                       : magnitude >> detail::minifloat_codec::kMantissaBits);
}

LOWBIT_INLINE std::uint8_t e8m0_ceil(float x) noexcept {
  const auto all = std::bit_cast<std::uint32_t>(x);
  const std::uint8_t floor = e8m0_floor(x);
  if (floor >= 0xFE) return floor;
  // A subnormal float has the code 0 up to 2^-127 itself.
  const std::uint32_t rest = floor == 0 ? (all & detail::minifloat_codec::kMagnitude) > 0x00400000
                                        : all & ((1u << detail::minifloat_codec::kMantissaBits) - 1);
  return static_cast<std::uint8_t>(floor + (rest != 0));
}

LOWBIT_INLINE void encode(MiniFloat format, std::span<const float> x, float inverse_scale,
                          std::span<std::uint8_t> out, Overflow overflow) {
  detail::minifloat_codec::check_sizes(x.size(), out.size());
  const float limit = detail::minifloat_codec::limit_of(format, overflow);
  detail::minifloat_codec::with_format(
      format, [&](auto f) { detail::minifloat_codec::encode_all<f()>(x, inverse_scale, out, limit); });
}

LOWBIT_INLINE void decode(MiniFloat format, std::span<const std::uint8_t> codes, float scale,
                          std::span<float> out) {
  detail::minifloat_codec::check_sizes(out.size(), codes.size());
  const auto& row = detail::minifloat_codec::kTables[detail::minifloat_codec::index(format)];
  for (std::size_t i = 0; i < codes.size(); ++i) out[i] = row[codes[i]] * scale;
}

}  // namespace minifloat
}  // namespace lowbit
LOWBIT_END_EXACT
