// u4 weights on AVX2: codes minus zero points are multiplied as bytes, and 16 or 32 codes of K add up in
// 16-bit lanes, which they cannot leave.
#include <immintrin.h>

#include <cstddef>
#include <cstdint>

#include "kernels/dispatch/kernel_table.h"
#include "lowbit/kernels/gemm_kernel.h"

namespace lowbit {

#include "kernels/simd/words_avx2.inl"
//
#include "kernels/gemm/common/x86_format_u4.inl"
//
#include "kernels/gemm/x86_maddubs/maddubs_run.inl"

namespace {

void run(const TileArgs& args) {
  // 8 quads: 15 * 128 * 2 * 8 is below 2^15.
  if (try_few_rows<FewCodes<4>>(args)) return;
  header_of(args.panel).zeros == 0 ? run_strips<Codes8>(args) : run_strips<Codes4>(args);
}

}  // namespace

constinit const GemmKernel kGemmU4Avx2 = maddubs_kernel("u4/avx2", WeightFormat::u4, run);

}  // namespace lowbit
