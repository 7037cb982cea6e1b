// s2 weights on AVX2: codes minus zero points are multiplied as bytes, and 32 codes of K add up in 16-bit
// lanes, which they cannot leave.
#include <immintrin.h>

#include <cstddef>
#include <cstdint>

#include "kernels/dispatch/kernel_table.h"
#include "lowbit/kernels/gemm_kernel.h"

namespace lowbit {

#include "kernels/simd/words_avx2.inl"
//
#include "kernels/gemm/common/x86_format_s2.inl"
//
#include "kernels/gemm/x86_maddubs/maddubs_run.inl"

namespace {

void run(const TileArgs& args) {
  // 32 quads: 3 * 128 * 2 * 32 is below 2^15.
  if (try_few_rows<FewCodes<8>>(args)) return;
  run_strips<Codes8>(args);
}

}  // namespace

constinit const GemmKernel kGemmS2Avx2 = maddubs_kernel("s2/avx2", WeightFormat::s2, run);

}  // namespace lowbit
