// SPDX-License-Identifier: Apache-2.0
#include "variants.h"

#include <algorithm>
#include <string_view>

#include "lowbit/kernels/cpu.h"
#include "options.h"

namespace lowbit::bench {
namespace {

std::vector<WeightCoding> codings(const kernels::GemmKernel& kernel) {
  const WeightFormat format = kernel.format;
  const WeightCoding plain{format, kernel.act, 0, LevelTable::fp8};
  if (format != WeightFormat::u4 && format != WeightFormat::lut4) return {plain};
  std::vector<WeightCoding> list;
  for (const LevelTable levels : {LevelTable::nf4, LevelTable::fp4}) {
    // Which levels a table of floats holds makes no difference.
    const bool two_tables = format == WeightFormat::lut4 && kernel.act == kernels::ActType::u8;
    if (levels == LevelTable::fp4 && !two_tables) continue;
    for (const std::uint32_t group : {32u, 128u}) list.push_back({format, kernel.act, group, levels});
  }
  return list;
}

bool is_measured(const kernels::GemmKernel& kernel) {
  if (!has_isa(active_isa(), kernel.required)) return false;
  return options().reference || !kernel.reference;
}

}  // namespace

std::string Variant::name() const {
  std::string text = kernel->name;
  if (coding.group != 0) text += "-g" + std::to_string(coding.group);
  if (coding.format == WeightFormat::lut4 && coding.levels == LevelTable::fp4) text += "-fp4";
  return text;
}

std::vector<Variant> gemm_variants() {
  std::vector<Variant> variants;
  std::size_t count = 0;
  const kernels::GemmKernel* const* kernels = kernels::gemm_kernels(&count);
  for (std::size_t i = 0; i < count; ++i) {
    if (!is_measured(*kernels[i])) continue;
    for (const WeightCoding& coding : codings(*kernels[i]))
      if (kernels[i]->supports(CodedWeights(coding, 64, 256).spec()))
        variants.push_back({kernels[i], coding});
  }
  std::stable_sort(variants.begin(), variants.end(), [](const Variant& a, const Variant& b) {
    return std::tie(a.coding.act, a.coding.format, a.coding.levels, a.coding.group) <
           std::tie(b.coding.act, b.coding.format, b.coding.levels, b.coding.group);
  });
  return variants;
}

}  // namespace lowbit::bench
