// SPDX-License-Identifier: Apache-2.0
// What the reports say of the machine they were made on.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "lowbit/kernels/gemm_kernel.h"

namespace lowbit::report {

struct Machine {
  std::string cpu, isa;
  int threads = 1;
};

/// `threads`: how many the measurement used.
Machine this_machine(int threads);
nlohmann::ordered_json to_json(const Machine& machine);

/// "s8", "u4", "s2", "lut4", "b1", "lut8".
const char* format_name(WeightFormat format);
/// The kernel that a plain matrix of the format runs on: symmetric, one scale a channel, large.
const kernels::GemmKernel& usual_kernel(WeightFormat format);

}  // namespace lowbit::report
