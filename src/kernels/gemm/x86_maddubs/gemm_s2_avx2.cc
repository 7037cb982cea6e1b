// SPDX-License-Identifier: Apache-2.0
// s2 weights on AVX2: codes minus zero points are multiplied as bytes, and 32 codes of K add up in 16-bit
// lanes, which they cannot leave.
#include "kernels/simd/vec_avx2.inl"
#include "lowbit/kernels/gemm_kernel.h"

#include "kernels/gemm/common/x86_format_s2.inl"
#include "kernels/gemm/x86_maddubs/maddubs_few_rows.inl"

namespace lowbit::kernels::x86_maddubs {
namespace {

// 32 quads: 3 * 128 * 2 * 32 is below 2^15.
using Few = FewCodes<8>;

void run_any_rows(const TileArgs& args) {
  run_strips<Engine<Codes8>>(args);
}

}  // namespace
}  // namespace lowbit::kernels::x86_maddubs

namespace lowbit::kernels {

extern constinit const GemmKernel kGemmS2Avx2 =
    x86_maddubs::maddubs_kernel<x86_maddubs::Few, x86_maddubs::run_any_rows>("s2/avx2", WeightFormat::s2);

}  // namespace lowbit::kernels
