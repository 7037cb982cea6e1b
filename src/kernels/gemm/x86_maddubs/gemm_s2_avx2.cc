// s2 weights on AVX2: codes minus zero points are multiplied as bytes, and 32 codes of K add up in 16-bit
// lanes, which they cannot leave.
#include <immintrin.h>

#include <cstddef>
#include <cstdint>

#include "lowbit/kernels/gemm_kernel.h"

#include "kernels/simd/vec_avx2.inl"

#include "kernels/gemm/common/x86_format_s2.inl"

#include "kernels/gemm/x86_maddubs/maddubs_run.inl"

namespace lowbit::x86_maddubs {
namespace {

void run(const TileArgs& args) {
  // 32 quads: 3 * 128 * 2 * 32 is below 2^15.
  if (try_few_rows<FewCodes<8>>(args)) return;
  run_strips<Codes8>(args);
}

}  // namespace
}  // namespace lowbit::x86_maddubs

namespace lowbit {

extern constinit const GemmKernel kGemmS2Avx2 =
    x86_maddubs::maddubs_kernel("s2/avx2", WeightFormat::s2, x86_maddubs::run);

}  // namespace lowbit
