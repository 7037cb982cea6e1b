// SPDX-License-Identifier: Apache-2.0
#include "report/machine.h"

#include <nlohmann/json.hpp>
#include <vector>

#include "lowbit/kernels/cpu.h"

namespace lowbit::report {

Machine this_machine(int threads) {
  return {cpu_name(), isa_name(active_isa()), threads};
}

nlohmann::ordered_json to_json(const Machine& machine) {
  return {{"cpu", machine.cpu}, {"isa", machine.isa}, {"threads", machine.threads}};
}

const char* format_name(WeightFormat format) {
  switch (format) {
    case WeightFormat::s8:
      return "s8";
    case WeightFormat::u4:
      return "u4";
    case WeightFormat::s2:
      return "s2";
    case WeightFormat::lut4:
      return "lut4";
    case WeightFormat::b1:
      return "b1";
    case WeightFormat::lut8:
      return "lut8";
  }
  return "unknown";
}

const kernels::GemmKernel& usual_kernel(WeightFormat format) {
  constexpr std::uint32_t kSide = 64;
  const std::vector<std::uint8_t> codes(std::size_t{kSide} * kSide);
  const std::vector<float> scales(kSide, 1.0f);
  const std::vector<std::int8_t> levels(16);
  kernels::WeightSpec spec;
  spec.format = format;
  spec.n = spec.k = kSide;
  spec.codes = codes.data();
  spec.row_bytes = kSide;
  spec.scales = scales.data();
  spec.levels = levels.data();
  return kernels::select_gemm_kernel(spec, active_isa());
}

}  // namespace lowbit::report
