// What the processor can do: the ISA mask that detection finds and LOWBIT_ISA narrows.
#pragma once

#include <cstdint>
#include <string>

namespace lowbit {

/// One bit per instruction-set extension that a kernel may require.
enum class Isa : std::uint32_t {
  scalar = 0,
  avx2 = 1u << 0,        ///< AVX2 and FMA
  avx512 = 1u << 1,      ///< AVX-512 F, BW, DQ, VL
  avx512vnni = 1u << 2,  ///< AVX512-VNNI (EVEX); not the VEX-encoded AVX-VNNI
  neon = 1u << 8,        ///< Advanced SIMD, part of the aarch64 baseline
  neondot = 1u << 9,     ///< SDOT/UDOT
};
constexpr Isa operator|(Isa a, Isa b) { return Isa(std::uint32_t(a) | std::uint32_t(b)); }
constexpr Isa operator&(Isa a, Isa b) { return Isa(std::uint32_t(a) & std::uint32_t(b)); }
/// True when `mask` has every bit of `required`.
constexpr bool has_isa(Isa mask, Isa required) { return (mask & required) == required; }

/// What this machine and its operating system support (cpuid and xgetbv; getauxval), ignoring LOWBIT_ISA.
Isa detected_isa();
/// detected_isa() narrowed by the environment variable LOWBIT_ISA, which is read once: "scalar", "avx2", "avx512",
/// "avx512vnni", "neon" or "neondot" keep that level and everything below it. It can only take away. An unknown name
/// is ignored by the library and reported by isa_environment_problem().
Isa active_isa();
/// Empty, or one sentence that says why LOWBIT_ISA was ignored.
std::string isa_environment_problem();
/// "avx512vnni", "avx2", "neondot", "neon" or "scalar": the highest level in the mask.
const char* isa_name(Isa mask);
/// The processor's own name, as the operating system reports it; "unknown" where it does not.
std::string cpu_name();

}  // namespace lowbit
