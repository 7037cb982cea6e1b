// SPDX-License-Identifier: Apache-2.0
// From sums in memory to outputs of every type: the path of residuals, f32 and s32 outputs and windows of
// several passes. u8 codes of one pass leave the registers in codes_of(). The kernel file has defined what
// these want, and
//   widen(codes, out)      codes as kVectors vectors of int32, in the order of the sums
//   order(v)               kVectors vectors from the order of the sums to that of the channels
//   bits_of(f)             VecF as VecI
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/depthwise/depthwise_epilogue_terms.inl"
#include "kernels/depthwise/depthwise_tiling.inl"

namespace lowbit::kernels::depthwise {
namespace {

/// The float half of the epilogue, as in epilogue.inl, for vector `v` of the sums of a block.
inline VecF real(const Epilogue& e, const BlockTerms& terms, VecI sum, unsigned v, VecI residual) {
  VecF f = mul_f(to_float(sum), load_f(terms.multiplier + v * kLanes));
  if (e.row_scale) f = mul_f(f, broadcast_f(e.row_scale[0]));
  f = add_f(f, load_f(terms.addend + v * kLanes));
  if (e.residual) {
    const VecF r = sub_f(to_float(residual), broadcast_f(e.residual_zero));
    f = add_f(f, mul_f(r, broadcast_f(e.residual_scale)));
  }
  return clamp_above(clamp_below(f, broadcast_f(e.lo)), broadcast_f(e.hi));
}

/// The residual of one output pixel in row r of every segment.
template <unsigned kWidth>
inline void load_residual(const BlockJob& job, const OutPixels& to, unsigned r, std::uint32_t x,
                          VecI (&residual)[kVectors]) {
  const Epilogue& e = job.args->epilogue;
  std::uint8_t few[kMaxSegments][kMinWidth] = {}, none[kBytes] = {};
  const std::uint8_t* p[kMaxSegments];
  for (unsigned g = 0; g < kSegments<kWidth>; ++g) {
    p[g] = kWidth == 0 ? few[g] : none;
    if (to.at[g][r] == nullptr) continue;
    const std::uint8_t* at = e.residual + (to.pixel[g][r] + x) * e.residual_row_bytes + job.block.start;
    if constexpr (kWidth == 0) {
      for (std::uint32_t c = 0; c < job.block.count; ++c) few[g][c] = at[c];
    } else {
      p[g] = at;
    }
  }
  widen(load_row<kWidth>(p, kMinWidth), residual);
}

/// Elements of type T, in the order of the channels, to their segments.
template <unsigned kWidth, class T>
inline void store_pixels(const BlockJob& job, const OutPixels& to, unsigned r, std::uint32_t x,
                         const T* values) {
  constexpr unsigned kPiece = kWidth == 0 ? kMinWidth : kWidth;
#pragma GCC unroll 4
  for (unsigned g = 0; g < kSegments<kWidth>; ++g) {
    if (to.at[g][r] == nullptr) continue;
    std::byte* out = to.at[g][r] + x * job.args->out_pixel_bytes;
    const T* from = values + g * kPiece;
    if constexpr (kWidth == 0) {
      for (std::uint32_t c = 0; c < job.block.count; ++c)
        __builtin_memcpy(out + c * sizeof(T), from + c, sizeof(T));
    } else {
      __builtin_memcpy(out, from, kPiece * sizeof(T));
    }
  }
}

/// One output pixel in row r of every segment.
template <unsigned kWidth>
inline void finish_pixel(const BlockJob& job, const OutPixels& to, unsigned r, std::uint32_t x,
                         const std::int32_t* sums) {
  const Epilogue& e = job.args->epilogue;
  VecI v[kVectors], residual[kVectors] = {};
  if (e.residual) load_residual<kWidth>(job, to, r, x, residual);
#pragma GCC unroll 4
  for (unsigned i = 0; i < kVectors; ++i) {
    v[i] = load_i(sums + i * kLanes);
    if (e.out == OutType::s32) continue;
    const VecF f = real(e, *job.terms, v[i], i, residual[i]);
    v[i] = e.out == OutType::f32 ? bits_of(f) : round_to_int(f);
  }
  if (e.out == OutType::u8) {
    alignas(64) std::uint8_t codes[kBytes];
    Halves halves[kVectors / 2];
    for (unsigned h = 0; h < kVectors / 2; ++h) halves[h] = halve(v[2 * h], v[2 * h + 1], job.limits);
    store_codes(codes, join(halves, job.limits));
    store_pixels<kWidth>(job, to, r, x, codes);
  } else {
    alignas(64) std::int32_t values[kBytes];
    order(v);
#pragma GCC unroll 4
    for (unsigned i = 0; i < kVectors; ++i) store_i(values + i * kLanes, v[i]);
    store_pixels<kWidth>(job, to, r, x, values);
  }
}

/// All pixels of a tile; sums[pixel][row][kBytes].
template <unsigned kWidth>
void finish_tile(const BlockJob& job, const Place& place, const std::int32_t* sums) {
  const OutPixels to = out_pixels<kWidth>(job, place);
  for (std::uint32_t x = 0; x < place.pixels; ++x)
    for (unsigned r = 0; r < job.plan.rows; ++r, sums += kBytes) finish_pixel<kWidth>(job, to, r, x, sums);
}

}  // namespace
}  // namespace lowbit::kernels::depthwise
