// b1 weights with sign-bit activations on AVX2: mismatches of two rows at once by table lookup.
#include <immintrin.h>

#include <cstddef>
#include <cstdint>

#include "kernels/kernel_table.h"
#include "lowbit/kernels/gemm_kernel.h"

namespace lowbit {

#include "kernels/vec_avx2.inl"
//
#include "kernels/epilogue.inl"
#include "kernels/weight_codes.inl"

namespace {

constexpr std::uint32_t kVecBytes = 64, kWordStep = 3, kTileRows = 16;
constexpr bool kPairs = false;

}  // namespace

#include "kernels/b1_panel.inl"
//
#include "kernels/b1_gather.inl"
//
#include "kernels/b1_lookup.inl"
//
#include "kernels/b1_rows.inl"

const GemmKernel kGemmB1B1Avx2 = {.name = "b1b1/avx2",
                                  .format = WeightFormat::b1,
                                  .act = ActType::b1,
                                  .required = Isa::avx2,
                                  .reference = false,
                                  .nr = 256,
                                  .n_step = kVecBytes,
                                  .kr = 8,
                                  .m_step = kTileRows,
                                  .supports = b1_supports,
                                  .panel_bytes = b1_panel_bytes,
                                  .pack = b1_pack,
                                  .run = b1_run};

}  // namespace lowbit
