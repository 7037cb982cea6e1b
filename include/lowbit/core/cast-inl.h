// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <bit>
#include <cmath>
#include <cstring>
#include <limits>

#include "lowbit/core/cast.h"
#include "lowbit/core/error.h"
#include "lowbit/core/half-inl.h"
#include "lowbit/core/minifloat-inl.h"
#include "lowbit/core/sentence.h"

LOWBIT_BEGIN_EXACT
namespace lowbit {
namespace detail::casting {

// A block goes through the narrowest of four types that holds every value of its own exactly: float, double,
// std::int64_t, std::uint64_t. 24 x 24 loops would do the same. Whole bytes of packed elements fit a block.
inline constexpr std::size_t kBlock = 256;

inline MiniFloat minifloat_of(ElementType type) {
  using enum ElementType;
  switch (type) {
    case f8e4m3fn:
      return MiniFloat::fp8_e4m3fn;
    case f8e4m3fnuz:
      return MiniFloat::fp8_e4m3fnuz;
    case f8e5m2:
      return MiniFloat::fp8_e5m2;
    case f8e5m2fnuz:
      return MiniFloat::fp8_e5m2fnuz;
    case f4e2m1:
      return MiniFloat::fp4_e2m1;
    default:
      return MiniFloat::e8m0;
  }
}

template <class T>
T load(const std::byte* in, std::size_t i) {
  T value;
  std::memcpy(&value, in + i * sizeof(T), sizeof(T));
  return value;
}

template <class T>
void store(std::byte* out, std::size_t i, T value) {
  std::memcpy(out + i * sizeof(T), &value, sizeof(T));
}

// out[i] = convert(in[i]); `in` has no alignment.
template <class From, class To, class Convert>
void read_all(const std::byte* in, To* out, std::size_t n, Convert convert) {
  for (std::size_t i = 0; i < n; ++i) out[i] = convert(load<From>(in, i));
}

// Codes of 4 and 2 bits, the first in the low ones.
template <class To, class Convert>
void read_packed(const std::byte* in, int bits, To* out, std::size_t n, Convert convert) {
  const std::size_t per_byte = 8u / static_cast<unsigned>(bits);
  const unsigned mask = (1u << bits) - 1;
  for (std::size_t i = 0; i < n; ++i) {
    const auto shift = static_cast<unsigned>(i % per_byte) * static_cast<unsigned>(bits);
    out[i] = convert(std::to_integer<unsigned>(in[i / per_byte]) >> shift & mask);
  }
}

inline void read_floats(ElementType type, const std::byte* in, float* out, std::size_t n) {
  using enum ElementType;
  const auto decode = [table = minifloat_codec::kTables[minifloat_codec::index(minifloat_of(type))].data()](
                          unsigned code) { return table[code]; };
  switch (type) {
    case f32:
      return static_cast<void>(std::memcpy(out, in, n * sizeof(float)));
    case f16:
      return read_all<std::uint16_t>(in, out, n, float16::decode);
    case bf16:
      return read_all<std::uint16_t>(in, out, n, bfloat16::decode);
    case f4e2m1:
      return read_packed(in, 4, out, n, decode);
    default:
      return read_all<std::uint8_t>(in, out, n, decode);
  }
}

inline void read_integers(ElementType type, const std::byte* in, std::int64_t* out, std::size_t n) {
  using enum ElementType;
  const auto same = [](auto v) { return std::int64_t{v}; };
  const auto wrapped = [type](auto v) { return wrap_to(type, v); };
  switch (type) {
    case i8:
      return read_all<std::int8_t>(in, out, n, same);
    case i16:
      return read_all<std::int16_t>(in, out, n, same);
    case i32:
      return read_all<std::int32_t>(in, out, n, same);
    case u8:
      return read_all<std::uint8_t>(in, out, n, same);
    case u16:
      return read_all<std::uint16_t>(in, out, n, same);
    case u32:
      return read_all<std::uint32_t>(in, out, n, same);
    case boolean:
      return read_all<std::uint8_t>(in, out, n, wrapped);
    case i4:
    case u4:
    case i2:
    case u2:
      return read_packed(in, element_bits(type), out, n, wrapped);
    default:
      return static_cast<void>(std::memcpy(out, in, n * sizeof(std::int64_t)));
  }
}

// The float next to `v` on the side of 0, its last bit set if it is not `v` itself: rounding that to at most
// 22 bits of mantissa gives what rounding `v` would.
inline float odd_float(float v) {
  return v;
}
inline float odd_float(double v) {
  const auto nearest = static_cast<float>(v);
  if (static_cast<double>(nearest) == v || v != v) return nearest;
  const bool is_beyond = std::fabs(static_cast<double>(nearest)) > std::fabs(v);
  return std::bit_cast<float>((std::bit_cast<std::uint32_t>(nearest) - (is_beyond ? 1u : 0u)) | 1u);
}
inline float odd_float(std::uint64_t v) {
  // All bits that a double has, the lowest of them set for all that are cut off.
  if (v >> 53 != 0) v = (v & ~std::uint64_t{0x7ff}) | ((v & 0x7ff) != 0 ? 0x800u : 0u);
  return odd_float(static_cast<double>(v));
}
inline float odd_float(std::int64_t v) {
  return v < 0 ? -odd_float(0 - static_cast<std::uint64_t>(v)) : odd_float(static_cast<std::uint64_t>(v));
}

// The integer part within 64 bits; the other integers have their low bits.
template <bool kUnsigned>
std::int64_t whole_part(double v) {
  if (v != v) return 0;
  if (kUnsigned && v >= 0x1p63)
    return static_cast<std::int64_t>(v < 0x1p64 ? static_cast<std::uint64_t>(v)
                                                : std::numeric_limits<std::uint64_t>::max());
  if (v >= 0x1p63) return std::numeric_limits<std::int64_t>::max();
  return v < -0x1p63 ? std::numeric_limits<std::int64_t>::min() : static_cast<std::int64_t>(v);
}
template <bool kUnsigned, std::integral From>
std::int64_t whole_part(From v) {
  return static_cast<std::int64_t>(v);
}

inline std::uint8_t encode_scale(float v, const CastOptions& options) {
  const bool fits = v >= 0x1p-127f && v <= 0x1p127f;
  if (!options.saturate && !fits) return 0xFF;
  if (options.round_mode == ScaleRounding::up) return minifloat::e8m0_ceil(v);
  if (options.round_mode == ScaleRounding::down) return minifloat::e8m0_floor(v);
  return static_cast<std::uint8_t>(minifloat_codec::encode_one<MiniFloat::e8m0>(v, 0x1p127f));
}

// NaN as ONNX's tests have it, all else as minifloat.h.
template <MiniFloat kFormat>
std::uint8_t encode_small(float v, float limit) {
  const bool negative = std::bit_cast<std::uint32_t>(v) >> 31 != 0;
  if (kFormat == MiniFloat::fp8_e5m2 && v != v) return negative ? 0xFE : 0x7E;
  if (kFormat == MiniFloat::fp4_e2m1 && v != v) return 0x8;
  return static_cast<std::uint8_t>(minifloat_codec::encode_one<kFormat>(v, limit));
}

template <class To, class From, class Convert>
void write_all(const From* in, std::byte* out, std::size_t n, Convert convert) {
  for (std::size_t i = 0; i < n; ++i) store<To>(out, i, static_cast<To>(convert(in[i])));
}

template <class From, class Convert>
void write_packed(const From* in, std::byte* out, int bits, std::size_t n, Convert convert) {
  const std::size_t per_byte = 8u / static_cast<unsigned>(bits);
  const unsigned mask = (1u << bits) - 1;
  for (std::size_t i = 0; i < n; i += per_byte) {
    unsigned byte = 0;
    for (std::size_t j = 0; j < per_byte && i + j < n; ++j)
      byte |= (static_cast<unsigned>(convert(in[i + j])) & mask) << (j * static_cast<unsigned>(bits));
    out[i / per_byte] = static_cast<std::byte>(byte);
  }
}

template <class From>
void write_small_floats(ElementType type, const From* in, std::byte* out, std::size_t n,
                        const CastOptions& options) {
  const MiniFloat format = minifloat_of(type);
  if (format == MiniFloat::e8m0)
    return write_all<std::uint8_t>(in, out, n, [&](From v) { return encode_scale(odd_float(v), options); });
  const float limit = minifloat_codec::limit_of(
      format, options.saturate ? minifloat::Overflow::saturate : minifloat::Overflow::spec);
  minifloat_codec::with_format(format, [&](auto f) {
    constexpr MiniFloat kFormat = decltype(f)::value;
    const auto encode = [limit](From v) { return encode_small<kFormat>(odd_float(v), limit); };
    if constexpr (kFormat == MiniFloat::fp4_e2m1)
      write_packed(in, out, 4, n, encode);
    else
      write_all<std::uint8_t>(in, out, n, encode);
  });
}

template <class From>
void write_integers(ElementType type, const From* in, std::byte* out, std::size_t n) {
  using enum ElementType;
  const auto whole = [](From v) { return whole_part<false>(v); };
  switch (type) {
    case i8:
    case u8:
      return write_all<std::uint8_t>(in, out, n, whole);
    case i16:
    case u16:
      return write_all<std::uint16_t>(in, out, n, whole);
    case i32:
    case u32:
      return write_all<std::uint32_t>(in, out, n, whole);
    case i64:
      return write_all<std::int64_t>(in, out, n, whole);
    case u64:
      return write_all<std::int64_t>(in, out, n, [](From v) { return whole_part<true>(v); });
    case boolean:
      return write_all<std::uint8_t>(in, out, n, [](From v) { return v != From{0}; });
    default:
      return write_packed(in, out, element_bits(type), n, whole);
  }
}

template <class From>
void write(ElementType type, const From* in, std::byte* out, std::size_t n, const CastOptions& options) {
  using enum ElementType;
  const auto same = [](From v) { return v; };
  switch (type) {
    case f32:
      return write_all<float>(in, out, n, same);
    case f64:
      return write_all<double>(in, out, n, same);
    case f16:
      return write_all<std::uint16_t>(in, out, n, [](From v) { return float16::encode(odd_float(v)); });
    case bf16:
      return write_all<std::uint16_t>(in, out, n, [](From v) { return bfloat16::encode(odd_float(v)); });
    default:
      return is_float(type) ? write_small_floats(type, in, out, n, options)
                            : write_integers(type, in, out, n);
  }
}

template <class Held, class Read>
void cast_blocks(ElementType from, const std::byte* in, ElementType to, std::byte* out, std::size_t count,
                 const CastOptions& options, Read read) {
  Held block[kBlock];
  for (std::size_t begin = 0; begin < count; begin += kBlock) {
    const std::size_t n = std::min(kBlock, count - begin);
    read(from, in + element_bytes(from, begin), block, n);
    write(to, block, out + element_bytes(to, begin), n, options);
  }
}

inline void check_bytes(ElementType type, std::size_t count, std::size_t bytes) {
  if (count > std::numeric_limits<std::size_t>::max() / 8 || bytes != element_bytes(type, count))
    detail::throw_error(ErrorCode::shape_mismatch, sentence("{} elements of type {} do not fit {} bytes",
                                                            count, element_name(type), bytes));
}

}  // namespace detail::casting

LOWBIT_INLINE void cast(ElementType from, std::span<const std::byte> in, ElementType to,
                        std::span<std::byte> out, std::size_t count, const CastOptions& options) {
  using namespace detail::casting;
  check_bytes(from, count, in.size());
  check_bytes(to, count, out.size());
  const auto copy = [](ElementType, const std::byte* source, auto* block, std::size_t n) {
    std::memcpy(block, source, n * sizeof(*block));
  };
  if (from == ElementType::f64)
    cast_blocks<double>(from, in.data(), to, out.data(), count, options, copy);
  else if (from == ElementType::u64)
    cast_blocks<std::uint64_t>(from, in.data(), to, out.data(), count, options, copy);
  else if (is_float(from))
    cast_blocks<float>(from, in.data(), to, out.data(), count, options, read_floats);
  else
    cast_blocks<std::int64_t>(from, in.data(), to, out.data(), count, options, read_integers);
}

}  // namespace lowbit
LOWBIT_END_EXACT
