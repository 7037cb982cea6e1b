// u4 weights on AVX2: codes minus zero points are multiplied as bytes, and 16 or 32 codes of K add up in
// 16-bit lanes, which they cannot leave.
#include <immintrin.h>

#include <cstddef>
#include <cstdint>

#include "lowbit/kernels/gemm_kernel.h"

#include "kernels/simd/vec_avx2.inl"

#include "kernels/gemm/common/x86_format_u4.inl"

#include "kernels/gemm/x86_maddubs/maddubs_run.inl"

namespace lowbit::x86_maddubs {
namespace {

void run(const TileArgs& args) {
  // 8 quads: 15 * 128 * 2 * 8 is below 2^15.
  if (try_few_rows<FewCodes<4>>(args)) return;
  header_of(args.panel).zeros == 0 ? run_strips<Codes8>(args) : run_strips<Codes4>(args);
}

}  // namespace
}  // namespace lowbit::x86_maddubs

namespace lowbit {

extern constinit const GemmKernel kGemmU4Avx2 =
    x86_maddubs::maddubs_kernel("u4/avx2", WeightFormat::u4, x86_maddubs::run);

}  // namespace lowbit
