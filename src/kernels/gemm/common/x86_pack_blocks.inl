// SPDX-License-Identifier: Apache-2.0
// How x86 panels are packed: rows of dwords (codes, scales, zero points) lie apart in a matrix and side by
// side in a panel, so blocks of kLanes rows by kLanes dwords are transposed in registers.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/gemm/common/weight_codes.inl"
#include "kernels/simd/blocks.inl"

namespace lowbit::kernels {
namespace {

/// A vector of the first `bytes` bytes at p, then zeros; nothing behind them is read.
inline VecI load_part(const void* p, std::size_t bytes) {
  if (bytes >= 4 * kLanes) return load_bytes(p);
  alignas(64) std::byte part[4 * kLanes] = {};
  __builtin_memcpy(part, p, bytes);
  return load_bytes(part);
}

/// Calls put(i, v) for dwords i = 0, 1, .. of a block: v holds those of `rows` <= kLanes rows, zeros for the
/// missing ones. `bytes`: of a row, from `in` on; the last dword may be a part of one.
template <class P>
inline void transpose_rows(const std::byte* in, std::size_t row_bytes, unsigned rows, std::size_t bytes,
                           P&& put) {
  for (std::size_t at = 0; at < bytes; at += 4 * kLanes) {
    const std::size_t left = bytes - at;
    VecI r[kLanes];
    for (unsigned i = 0; i < kLanes; ++i)
      r[i] = i < rows ? load_part(in + i * row_bytes + at, left) : broadcast_i(0);
    transpose_lanes(r);
    const std::size_t dwords = left < 4 * kLanes ? (left + 3) / 4 : kLanes;
    for (std::size_t i = 0; i < dwords; ++i) put(at / 4 + i, r[i]);
  }
}

/// The lower four nibbles of each dword, each in a byte of its own.
inline VecI spread_nibbles(VecI x) {
  x = and_bits(x, broadcast_i(0xFFFF));
  x = and_bits(or_bits(x, lane_shift_left<8>(x)), broadcast_i(0x00FF00FF));
  return and_bits(or_bits(x, lane_shift_left<4>(x)), broadcast_i(0x0F0F0F0F));
}

/// Whether all of `count` floats are exactly fp16.
inline bool all_half(const float* f, std::size_t count) {
  VecI differ = broadcast_i(0);
  for (std::size_t i = 0; i < count; i += kLanes) {
    const VecI v = load_part(f + i, (count - i) * sizeof(float));
    differ = or_bits(differ, xor_bits(v, through_half(v)));
  }
  return is_zero(differ);
}

/// Whether all of `count` integers are `value`.
inline bool all_equal(const std::int32_t* p, std::size_t count, std::int32_t value) {
  std::int32_t differ = 0;
  for (std::size_t i = 0; i < count; ++i) differ |= p[i] ^ value;
  return differ == 0;
}

/// Scales of `n` columns from [n][groups] to [groups], each group's `group_stride` bytes apart, as fp16 or
/// f32.
inline void pack_scales(const float* scales, std::uint32_t n, std::size_t groups, bool half, std::byte* out,
                        std::size_t group_stride) {
  const std::size_t row_bytes = groups * sizeof(float);
  for (std::uint32_t j = 0; j < n; j += kLanes) {
    std::byte* to = out + j * (half ? 2 : 4);
    transpose_rows(reinterpret_cast<const std::byte*>(scales + j * groups), row_bytes,
                   n - j < kLanes ? n - j : kLanes, row_bytes, [&](std::size_t g, VecI v) {
                     half ? store_as_half(to + g * group_stride, v) : store_bytes(to + g * group_stride, v);
                   });
  }
}

/// The same for zero points that fit a byte.
inline void pack_zero_points(const std::int32_t* zeros, std::uint32_t n, std::size_t groups, std::byte* out,
                             std::size_t group_stride) {
  const std::size_t row_bytes = groups * sizeof(std::int32_t);
  for (std::uint32_t j = 0; j < n; j += kLanes)
    transpose_rows(reinterpret_cast<const std::byte*>(zeros + j * groups), row_bytes,
                   n - j < kLanes ? n - j : kLanes, row_bytes,
                   [&](std::size_t g, VecI v) { store_low_bytes(out + j + g * group_stride, v); });
}

/// Runs from `first` on whose codes follow on each other in the matrix and in the panel, without padding
/// between them.
struct Stretch {
  std::uint32_t end;  // the run behind it
  std::size_t codes;
};
inline Stretch stretch_from(const KRun* runs, std::uint32_t run_count, std::uint32_t first,
                            std::uint32_t step_codes) {
  Stretch s = {first + 1, runs[first].codes};
  while (s.end < run_count && s.codes % step_codes == 0) s.codes += runs[s.end++].codes;
  return s;
}

}  // namespace
}  // namespace lowbit::kernels
