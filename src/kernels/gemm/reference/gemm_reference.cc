// SPDX-License-Identifier: Apache-2.0
// The scalar references of u8 codes and sign bits: correct for every shape, granularity and zero point. They
// define what the other kernels must give, bit for bit, so they are written to be read: one weight and one
// activation at a time, in order of K. Sums are exact integers. gemm_reference_f32.cc has those of floats.
//
// Panel:  scales   f32 [n][groups]      only with several groups
//         weights  s16 [n][k]           k in the order of the runs
#include <cstddef>
#include <cstdint>

#include "lowbit/kernels/gemm_kernel.h"

#include "kernels/simd/vec_scalar.inl"

#include "kernels/gemm/common/epilogue.inl"
#include "kernels/gemm/common/weight_codes.inl"

namespace lowbit::kernels::reference {
namespace {

inline std::uint32_t panel_k(const KRun* runs, std::uint32_t run_count) {
  std::uint32_t k = 0;
  for (std::uint32_t r = 0; r < run_count; ++r) k += runs[r].codes;
  return k;
}

inline std::uint32_t panel_groups(const KRun* runs, std::uint32_t run_count) {
  return runs[run_count - 1].group + 1;
}

inline std::size_t scale_bytes(std::uint32_t n, std::uint32_t groups) {
  return groups > 1 ? std::size_t{n} * groups * sizeof(float) : 0;
}

bool supports_all(const WeightSpec&) {
  return true;
}

std::size_t code_panel_bytes(const WeightSpec&, std::uint32_t, std::uint32_t n, const KRun* runs,
                             std::uint32_t run_count) {
  return scale_bytes(n, panel_groups(runs, run_count)) +
         std::size_t{n} * panel_k(runs, run_count) * sizeof(std::int16_t);
}

void pack_codes(const WeightSpec& spec, std::uint32_t n0, std::uint32_t n, const KRun* runs,
                std::uint32_t run_count, std::byte* panel, PackReport&) {
  const std::uint32_t groups = panel_groups(runs, run_count);
  auto* scales = reinterpret_cast<float*>(panel);
  auto* weights = reinterpret_cast<std::int16_t*>(panel + scale_bytes(n, groups));
  for (std::uint32_t j = n0; j < n0 + n; ++j) {
    for (std::uint32_t g = 0; groups > 1 && g < groups; ++g)
      *scales++ = spec.scales[std::size_t{j} * groups + g];
    const WeightReader weight(spec, j, groups > 1 ? 0 : folded_zero_point(spec, j));
    for (std::uint32_t r = 0; r < run_count; ++r)
      for (std::uint32_t t = 0; t < runs[r].codes; ++t)
        *weights++ = static_cast<std::int16_t>(weight(runs[r], t));
  }
}

/// Code k of a row of u8 or of sign bits.
template <ActType kAct>
inline std::int32_t activation_at(const std::uint8_t* row, std::uint32_t k) {
  if constexpr (kAct == ActType::u8) {
    return row[k];
  } else {
    return (row[k / 8] >> (k % 8)) & 1 ? -1 : 1;
  }
}

/// Sum of one group over the runs from `r` on; moves `r` and `w` past it.
template <ActType kAct>
inline std::int32_t dot_group(const TileArgs& args, std::uint32_t i, std::int32_t row_zero, std::uint32_t& r,
                              const std::int16_t*& w) {
  std::uint32_t sum = 0;
  for (bool more = true; more; ++r) {
    const KRun& run = args.runs[r];
    const std::uint8_t* a = args.a + args.a_offset[run.tap * args.a_offset_stride + i];
    for (std::uint32_t t = 0; t < run.codes; ++t)
      sum += static_cast<std::uint32_t>((activation_at<kAct>(a, run.offset + t) - row_zero) * *w++);
    more = !run.flush;
  }
  return static_cast<std::int32_t>(sum);
}

template <ActType kAct>
inline float dot_groups(const TileArgs& args, std::uint32_t i, const float* scales, const std::int16_t* w) {
  const std::int32_t row_zero = args.epilogue.row_a ? args.epilogue.row_a[i] : 0;
  float f = 0.0f;
  for (std::uint32_t r = 0; r < args.run_count; ++scales)
    f = fma_f(static_cast<float>(dot_group<kAct>(args, i, row_zero, r, w)), *scales, f);
  return f;
}

template <ActType kAct>
void run_codes(const TileArgs& args) {
  const std::uint32_t k = panel_k(args.runs, args.run_count),
                      groups = panel_groups(args.runs, args.run_count);
  const auto* scales = reinterpret_cast<const float*>(args.panel);
  const auto* weights = reinterpret_cast<const std::int16_t*>(args.panel + scale_bytes(args.n, groups));
  for (std::uint32_t j = 0; j < args.n; ++j) {
    const std::int16_t* w = weights + std::size_t{j} * k;
    for (std::uint32_t i = 0; i < args.m; ++i) {
      if (groups == 1) {
        const std::int16_t* next = w;
        std::uint32_t r = 0;
        const std::int32_t sum = dot_group<kAct>(args, i, 0, r, next);
        epilogue(args, &sum, 1, i, 1, j, 1);
      } else {
        const float f = dot_groups<kAct>(args, i, scales + std::size_t{j} * groups, w);
        epilogue(args, &f, 1, i, 1, j, 1);
      }
    }
  }
}

constexpr GemmKernel reference_kernel(const char* name, WeightFormat format, ActType act) {
  return {.name = name,
          .format = format,
          .act = act,
          .required = Isa::scalar,
          .reference = true,
          .nr = 64,
          .n_step = 1,
          .kr = 1,
          .m_step = 4,
          .supports = supports_all,
          .panel_bytes = code_panel_bytes,
          .pack = pack_codes,
          .run = act == ActType::u8 ? run_codes<ActType::u8> : run_codes<ActType::b1>};
}

}  // namespace
}  // namespace lowbit::kernels::reference

namespace lowbit::kernels {

using reference::reference_kernel;

extern constinit const GemmKernel kGemmS8Scalar =
    reference_kernel("s8/scalar", WeightFormat::s8, ActType::u8);
extern constinit const GemmKernel kGemmU4Scalar =
    reference_kernel("u4/scalar", WeightFormat::u4, ActType::u8);
extern constinit const GemmKernel kGemmLut4Scalar =
    reference_kernel("lut4/scalar", WeightFormat::lut4, ActType::u8);
extern constinit const GemmKernel kGemmS2Scalar =
    reference_kernel("s2/scalar", WeightFormat::s2, ActType::u8);
extern constinit const GemmKernel kGemmB1Scalar =
    reference_kernel("b1/scalar", WeightFormat::b1, ActType::u8);
extern constinit const GemmKernel kGemmB1b1Scalar =
    reference_kernel("b1b1/scalar", WeightFormat::b1, ActType::b1);

}  // namespace lowbit::kernels
