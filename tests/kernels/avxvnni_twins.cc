#include "kernels/avxvnni_twins.h"

namespace lowbit::kernels {

extern const GemmKernel kGemmS8AvxvnniTwin, kGemmU4AvxvnniTwin, kGemmS2AvxvnniTwin;

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
  static const GemmKernel kTwins[] = {twin_of(kernels::kGemmS8AvxvnniTwin, "s8/avxvnnitwin"),
                                      twin_of(kernels::kGemmU4AvxvnniTwin, "u4/avxvnnitwin"),
                                      twin_of(kernels::kGemmS2AvxvnniTwin, "s2/avxvnnitwin")};
  static const GemmKernel* const kList[] = {&kTwins[0], &kTwins[1], &kTwins[2]};
  return kList;
}

}  // namespace lowbit::testing
