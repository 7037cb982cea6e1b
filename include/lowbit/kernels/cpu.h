// SPDX-License-Identifier: Apache-2.0
// What the processor can do: the ISA mask that detection finds and LOWBIT_ISA narrows.
#pragma once

#include <string>

#include "lowbit/core/config.h"
#include "lowbit/kernels/isa.h"

namespace lowbit {

/// What this machine and its operating system support (cpuid and xgetbv; getauxval), ignoring LOWBIT_ISA.
Isa detected_isa();
/// detected_isa() narrowed by the environment variable LOWBIT_ISA, which is read once: "scalar", "avx2",
/// "avxvnni", "avx512", "avx512vnni", "avx512popcnt", "neon", "neondot" or "neoni8mm" keep that level and
/// everything below it. It can only take away. An unknown name is ignored by the library and reported by
/// isa_environment_problem().
Isa active_isa();
/// Empty, or one sentence that says why LOWBIT_ISA was ignored.
std::string isa_environment_problem();
/// One of the names that LOWBIT_ISA takes: the highest level in the mask.
const char* isa_name(Isa mask);
/// The processor's own name, as the operating system reports it; "unknown" where it does not.
std::string cpu_name();

}  // namespace lowbit
