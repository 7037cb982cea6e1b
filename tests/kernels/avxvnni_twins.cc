// SPDX-License-Identifier: Apache-2.0
// avxvnni_twins.inc, made by CMake, has a line TWIN(S8, "s8/avxvnnitwin") for every AVX-VNNI kernel of the
// build.
#include "kernels/avxvnni_twins.h"

#include <vector>

namespace lowbit::kernels {

#define TWIN(format, name) extern const GemmKernel kGemm##format##AvxvnniTwin;
#include "avxvnni_twins.inc"
#undef TWIN

}  // namespace lowbit::kernels

namespace lowbit::testing {
namespace {

using kernels::GemmKernel;

GemmKernel twin_of(GemmKernel kernel, const char* name) {
  kernel.name = name;
  kernel.required = Isa::avx2 | Isa::avx512 | Isa::avx512vnni;
  return kernel;
}

}  // namespace

std::span<const GemmKernel* const> avxvnni_twins() {
  static const std::vector<GemmKernel> twins = {
#define TWIN(format, name) twin_of(kernels::kGemm##format##AvxvnniTwin, name),
#include "avxvnni_twins.inc"
#undef TWIN
  };
  static const std::vector<const GemmKernel*> list = [] {
    std::vector<const GemmKernel*> all;
    for (const GemmKernel& twin : twins) all.push_back(&twin);
    return all;
  }();
  return list;
}

}  // namespace lowbit::testing
