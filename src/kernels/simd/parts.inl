// SPDX-License-Identifier: Apache-2.0
// Loads and stores of the first `count` lanes of a vector, count < kLanes: nothing behind them is read or
// written.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/simd/vec.inl"

namespace lowbit::kernels {
namespace {

#if LOWBIT_VECTOR_BITS == 512

inline __mmask16 first_lanes(unsigned count) {
  return static_cast<__mmask16>((1u << count) - 1u);
}
/// Other lanes are 0.
inline VecI load_i(const std::int32_t* p, unsigned count) {
  return _mm512_maskz_loadu_epi32(first_lanes(count), p);
}
/// Other lanes are `rest`.
inline VecF load_f(const float* p, unsigned count, float rest) {
  return _mm512_mask_loadu_ps(broadcast_f(rest), first_lanes(count), p);
}
/// Other lanes are 0.
inline VecF load_u8_as_float(const std::uint8_t* p, unsigned count) {
  return _mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(_mm_maskz_loadu_epi8(first_lanes(count), p)));
}
inline void store_i(std::int32_t* p, VecI v, unsigned count) {
  _mm512_mask_storeu_epi32(p, first_lanes(count), v);
}
inline void store_f(float* p, VecF v, unsigned count) {
  _mm512_mask_storeu_ps(p, first_lanes(count), v);
}
inline void store_u8(std::uint8_t* p, VecI v, unsigned count) {
  _mm_mask_storeu_epi8(p, first_lanes(count), _mm512_cvtepi32_epi8(v));
}

#else

template <class T>
inline void copy_first(T* buffer, const T* p, unsigned count, T rest) {
  for (unsigned t = 0; t < kLanes; ++t) buffer[t] = t < count ? p[t] : rest;
}
inline VecI load_i(const std::int32_t* p, unsigned count) {
  std::int32_t buffer[kLanes];
  copy_first(buffer, p, count, std::int32_t{0});
  return load_i(buffer);
}
inline VecF load_f(const float* p, unsigned count, float rest) {
  float buffer[kLanes];
  copy_first(buffer, p, count, rest);
  return load_f(buffer);
}
inline VecF load_u8_as_float(const std::uint8_t* p, unsigned count) {
  std::uint8_t buffer[kLanes];
  copy_first(buffer, p, count, std::uint8_t{0});
  return load_u8_as_float(buffer);
}
inline void store_i(std::int32_t* p, VecI v, unsigned count) {
  std::int32_t buffer[kLanes];
  store_i(buffer, v);
  for (unsigned t = 0; t < count; ++t) p[t] = buffer[t];
}
inline void store_f(float* p, VecF v, unsigned count) {
  float buffer[kLanes];
  store_f(buffer, v);
  for (unsigned t = 0; t < count; ++t) p[t] = buffer[t];
}
inline void store_u8(std::uint8_t* p, VecI v, unsigned count) {
  std::uint8_t buffer[kLanes];
  store_u8(buffer, v);
  for (unsigned t = 0; t < count; ++t) p[t] = buffer[t];
}

#endif

}  // namespace
}  // namespace lowbit::kernels
