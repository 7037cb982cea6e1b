// SPDX-License-Identifier: Apache-2.0
// The instruction-set mask alone, plain data: kernel files, which are compiled for wide instruction sets,
// include this and not cpu.h, whose std::string would bring shared inline functions with it.
#pragma once

#include <cstdint>

#include "lowbit/core/config.h"

namespace lowbit {

/// One bit per instruction-set extension that a kernel may require.
enum class Isa : std::uint32_t {
  scalar = 0,
  avx2 = 1u << 0,          ///< AVX2, FMA, F16C, BMI1 and BMI2
  avx512 = 1u << 1,        ///< AVX-512 F, BW, DQ, VL
  avx512vnni = 1u << 2,    ///< AVX512-VNNI (EVEX); not the VEX-encoded AVX-VNNI
  avxvnni = 1u << 3,       ///< AVX-VNNI: the VEX encoding, on processors that may lack AVX-512
  avx512popcnt = 1u << 4,  ///< AVX512-VPOPCNTDQ and BITALG: counts in bytes too
  neon = 1u << 8,          ///< Advanced SIMD, part of the aarch64 baseline
  neondot = 1u << 9,       ///< FEAT_DotProd: SDOT, UDOT
  neoni8mm = 1u << 10,     ///< FEAT_I8MM: SMMLA, USMMLA, USDOT
};
constexpr Isa operator|(Isa a, Isa b) {
  return Isa(std::uint32_t(a) | std::uint32_t(b));
}
constexpr Isa operator&(Isa a, Isa b) {
  return Isa(std::uint32_t(a) & std::uint32_t(b));
}
/// True when `mask` has every bit of `required`.
constexpr bool has_isa(Isa mask, Isa required) {
  return (mask & required) == required;
}

}  // namespace lowbit
