// SPDX-License-Identifier: Apache-2.0
#include "lowbit/kernels/cpu.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <sstream>
#include <string>

namespace lowbit {
namespace {

[[maybe_unused]] bool kernel_reports(const std::string& flag) {
  std::ifstream info("/proc/cpuinfo");
  for (std::string line; std::getline(info, line);) {
    if (line.rfind("flags", 0) != 0 && line.rfind("Features", 0) != 0) continue;
    std::istringstream words(line);
    for (std::string word; words >> word;)
      if (word == flag) return true;
    return false;
  }
  return false;
}

TEST(Cpu, DetectionAgreesWithTheKernel) {
#if defined(__x86_64__)
  EXPECT_EQ(has_isa(detected_isa(), Isa::avx2), kernel_reports("avx2"));
  EXPECT_EQ(has_isa(detected_isa(), Isa::avx512), kernel_reports("avx512bw") && kernel_reports("avx512vl"));
  EXPECT_EQ(has_isa(detected_isa(), Isa::avx512vnni), kernel_reports("avx512_vnni"));
#elif defined(__aarch64__)
  EXPECT_TRUE(has_isa(detected_isa(), Isa::neon));
#endif
}

TEST(Cpu, TheEnvironmentOnlyTakesAway) {
  EXPECT_EQ(active_isa() & detected_isa(), active_isa());
}

TEST(Cpu, AnUnknownNameInTheEnvironmentIsReported) {
  const char* value = std::getenv("LOWBIT_ISA");
  const bool known = value == nullptr || std::string(value).empty() || isa_environment_problem().empty();
  if (!known) {
    EXPECT_NE(isa_environment_problem().find(value), std::string::npos);
  }
  if (value == nullptr) {
    EXPECT_EQ(active_isa(), detected_isa());
  }
}

TEST(Cpu, NamesTheHighestLevel) {
  EXPECT_STREQ(isa_name(Isa::scalar), "scalar");
  EXPECT_STREQ(isa_name(Isa::avx2), "avx2");
  EXPECT_STREQ(isa_name(Isa::avx2 | Isa::avx512 | Isa::avx512vnni), "avx512vnni");
  EXPECT_STREQ(isa_name(Isa::neon | Isa::neondot), "neondot");
}

TEST(Cpu, HasAName) {
  EXPECT_FALSE(cpu_name().empty());
}

}  // namespace
}  // namespace lowbit
