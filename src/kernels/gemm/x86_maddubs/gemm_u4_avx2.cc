// SPDX-License-Identifier: Apache-2.0
// u4 weights on AVX2: codes minus zero points are multiplied as bytes, and 16 or 32 codes of K add up in
// 16-bit lanes, which they cannot leave.
#include "kernels/simd/vec_avx2.inl"
#include "lowbit/kernels/gemm_kernel.h"

#include "kernels/gemm/common/x86_format_u4.inl"
#include "kernels/gemm/x86_maddubs/maddubs_few_rows.inl"

namespace lowbit::kernels::x86_maddubs {
namespace {

// 8 quads: 15 * 128 * 2 * 8 is below 2^15.
using Few = FewCodes<4>;

void run_any_rows(const TileArgs& args) {
  header_of(args.panel).zeros == 0 ? run_strips<Engine<Codes8>>(args) : run_strips<Engine<Codes4>>(args);
}

}  // namespace
}  // namespace lowbit::kernels::x86_maddubs

namespace lowbit::kernels {

extern constinit const GemmKernel kGemmU4Avx2 =
    x86_maddubs::maddubs_kernel<x86_maddubs::Few, x86_maddubs::run_any_rows>("u4/avx2", WeightFormat::u4);

}  // namespace lowbit::kernels
