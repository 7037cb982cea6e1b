// SPDX-License-Identifier: Apache-2.0
#include "lowbit/kernels/cpu.h"

#include <fmt/format.h>

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <string_view>

#if defined(__x86_64__) || defined(_M_X64)
#define LOWBIT_X86 1
#if defined(_MSC_VER)
#include <immintrin.h>
#include <intrin.h>
#else
#include <cpuid.h>
#endif
#elif defined(__aarch64__) && defined(__linux__)
#include <sys/auxv.h>
#endif

namespace lowbit {
namespace {

#ifdef LOWBIT_X86
struct CpuidResult {
  unsigned eax = 0, ebx = 0, ecx = 0, edx = 0;
};

CpuidResult cpuid(unsigned leaf, unsigned subleaf = 0) {
  CpuidResult r;
#if defined(_MSC_VER)
  int regs[4];
  __cpuidex(regs, static_cast<int>(leaf), static_cast<int>(subleaf));
  r = {unsigned(regs[0]), unsigned(regs[1]), unsigned(regs[2]), unsigned(regs[3])};
#else
  __cpuid_count(leaf, subleaf, r.eax, r.ebx, r.ecx, r.edx);
#endif
  return r;
}

std::uint64_t enabled_register_state() {
#if defined(_MSC_VER)
  return _xgetbv(0);
#else
  unsigned lo, hi;
  asm volatile("xgetbv" : "=a"(lo), "=d"(hi) : "c"(0));
  return (std::uint64_t{hi} << 32) | lo;
#endif
}

constexpr bool bit(unsigned word, int i) {
  return ((word >> i) & 1u) != 0;
}

Isa detect() {
  const unsigned max_leaf = cpuid(0).eax;
  if (max_leaf < 7) return Isa::scalar;
  const CpuidResult one = cpuid(1), seven = cpuid(7);
  // The processor may have registers that the operating system does not save (XCR0): then they are not
  // usable.
  const bool osxsave = bit(one.ecx, 27);
  const std::uint64_t state = osxsave ? enabled_register_state() : 0;
  const bool ymm = (state & 0x6) == 0x6, zmm = (state & 0xE6) == 0xE6;
  Isa isa = Isa::scalar;
  const bool avx = bit(one.ecx, 28), fma = bit(one.ecx, 12), f16c = bit(one.ecx, 29);
  const bool bmi = bit(seven.ebx, 3) && bit(seven.ebx, 8);
  if (!(ymm && avx && fma && f16c && bmi && bit(seven.ebx, 5))) return isa;
  isa = isa | Isa::avx2;
  if (bit(cpuid(7, 1).eax, 4)) isa = isa | Isa::avxvnni;
  const bool f = bit(seven.ebx, 16), dq = bit(seven.ebx, 17), bw = bit(seven.ebx, 30),
             vl = bit(seven.ebx, 31);
  if (!(zmm && f && dq && bw && vl)) return isa;
  isa = isa | Isa::avx512;
  if (bit(seven.ecx, 11)) isa = isa | Isa::avx512vnni;
  if (bit(seven.ecx, 12) && bit(seven.ecx, 14)) isa = isa | Isa::avx512popcnt;
  return isa;
}
#elif defined(__aarch64__)
Isa detect() {
  Isa isa = Isa::neon;
#if defined(__linux__)
  constexpr unsigned long kHwcapAsimdDp = 1ul << 20;
  constexpr unsigned long kHwcap2I8mm = 1ul << 13;
  if (getauxval(AT_HWCAP) & kHwcapAsimdDp) isa = isa | Isa::neondot;
  if (getauxval(AT_HWCAP2) & kHwcap2I8mm) isa = isa | Isa::neoni8mm;
#else
#if defined(__ARM_FEATURE_DOTPROD)
  isa = isa | Isa::neondot;
#endif
#if defined(__ARM_FEATURE_MATMUL_INT8)
  isa = isa | Isa::neoni8mm;
#endif
#endif
  return isa;
}
#else
Isa detect() {
  return Isa::scalar;
}
#endif

/// What LOWBIT_ISA can be: an extension with all that it stands on. Of one architecture the highest comes
/// last.
struct Level {
  const char* name;
  Isa own, below;
};
constexpr Level kLevels[] = {
    {"scalar", Isa::scalar, Isa::scalar},
    {"avx2", Isa::avx2, Isa::scalar},
    {"avxvnni", Isa::avxvnni, Isa::avx2},
    {"avx512", Isa::avx512, Isa::avx2},
    {"avx512vnni", Isa::avx512vnni, Isa::avx2 | Isa::avx512},
    {"avx512popcnt", Isa::avx512popcnt, Isa::avx2 | Isa::avx512 | Isa::avx512vnni},
    {"neon", Isa::neon, Isa::scalar},
    {"neondot", Isa::neondot, Isa::neon},
    {"neoni8mm", Isa::neoni8mm, Isa::neon | Isa::neondot},
};

struct Environment {
  Isa isa = detected_isa();
  std::string problem;

  Environment() {
    const char* value = std::getenv("LOWBIT_ISA");
    if (value == nullptr || *value == '\0') return;
    for (const Level& level : kLevels) {
      if (std::strcmp(level.name, value) == 0) {
        isa = isa & (level.own | level.below);
        return;
      }
    }
    std::string names;
    for (const Level& level : kLevels) names += fmt::format("{}{}", names.empty() ? "" : ", ", level.name);
    problem = fmt::format("LOWBIT_ISA is \"{}\", which is none of {}; it is ignored", value, names);
  }
};

const Environment& environment() {
  static const Environment e;
  return e;
}

std::string trimmed(std::string_view s) {
  const auto first = s.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  return std::string(s.substr(first, s.find_last_not_of(" \t") - first + 1));
}

}  // namespace

Isa detected_isa() {
  static const Isa isa = detect();
  return isa;
}

Isa active_isa() {
  return environment().isa;
}
std::string isa_environment_problem() {
  return environment().problem;
}

const char* isa_name(Isa mask) {
  const char* name = kLevels[0].name;
  for (const Level& level : kLevels)
    if (has_isa(mask, level.own)) name = level.name;
  return name;
}

std::string cpu_name() {
#ifdef LOWBIT_X86
  if (cpuid(0x80000000u).eax >= 0x80000004u) {
    char brand[49] = {};
    for (unsigned i = 0; i < 3; ++i) {
      const CpuidResult r = cpuid(0x80000002u + i);
      const unsigned words[4] = {r.eax, r.ebx, r.ecx, r.edx};
      std::memcpy(brand + 16 * i, words, 16);
    }
    if (std::string name = trimmed(brand); !name.empty()) return name;
  }
#endif
  std::ifstream info("/proc/cpuinfo");
  for (std::string line; std::getline(info, line);) {
    const auto colon = line.find(':');
    if (colon == std::string::npos) continue;
    const std::string key = trimmed(std::string_view(line).substr(0, colon));
    if (key == "model name" || key == "Model" || key == "Hardware")
      return trimmed(std::string_view(line).substr(colon + 1));
  }
  return "unknown";
}

}  // namespace lowbit
