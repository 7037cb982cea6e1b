// SPDX-License-Identifier: Apache-2.0
// The scalar references of f32 activations: they define what the other kernels must give, bit for bit.
// Products are fused multiply-adds in order of K. gemm_reference.cc has those of codes.
//
// Panel:  ReferencePanel;  tables of levels, one or [n];  scales f32 [n][groups], b1: [n][planes];  zero
// points
//         s32 [n][groups], if there are any;  the stored rows of codes as they were given
#include <cstddef>
#include <cstdint>

#include "kernels/simd/vec_scalar.inl"

#include "kernels/gemm/common/epilogue.inl"
#include "kernels/gemm/common/weight_codes.inl"
#include "lowbit/kernels/gemm_kernel.h"

namespace lowbit::kernels::reference {
namespace {

struct ReferencePanel {
  WeightSpec spec;  // of the panel; its pointers are offsets from the panel
  std::size_t bytes;
};

inline std::size_t table_size(const WeightSpec& spec) {
  return spec.format == WeightFormat::lut8 ? 256 : spec.format == WeightFormat::lut4 ? 16 : 0;
}

/// Pieces of a panel of n columns: where they start, in bytes, and how many floats or integers they have.
struct ReferencePieces {
  std::size_t levels, scales, zeros;                 // counts
  std::size_t scales_at, zeros_at, codes_at, bytes;  // the levels lie behind the header

  ReferencePieces(const WeightSpec& spec, std::uint32_t n) {
    const std::size_t groups = group_count(spec);
    levels = table_size(spec) * (spec.levels_per_row ? n : 1);
    scales = spec.format == WeightFormat::b1 ? std::size_t{n} * spec.planes : groups > 1 ? n * groups : 0;
    zeros = spec.zero_points ? n * groups : 0;
    scales_at = sizeof(ReferencePanel) + levels * 4;
    zeros_at = scales_at + scales * 4;
    codes_at = zeros_at + zeros * 4;
    bytes = codes_at + std::size_t{n} * spec.planes * spec.row_bytes;
  }
};

bool reference_supports(const WeightSpec&) {
  return true;
}

std::size_t reference_panel_bytes(const WeightSpec& spec, std::uint32_t, std::uint32_t n, const KRun*,
                                  std::uint32_t) {
  return ReferencePieces(spec, n).bytes;
}

inline void copy_piece(void* to, const void* from, std::size_t bytes) {
  if (bytes != 0) __builtin_memcpy(to, from, bytes);
}

void reference_pack(const WeightSpec& spec, std::uint32_t n0, std::uint32_t n, const KRun*, std::uint32_t,
                    std::byte* panel, PackReport&) {
  const ReferencePieces p(spec, n);
  ReferencePanel header = {spec, p.bytes};
  header.spec.n = n;
  __builtin_memcpy(panel, &header, sizeof(header));
  const std::size_t table = spec.levels_per_row ? std::size_t{n0} * table_size(spec) : 0;
  const std::size_t rows = std::size_t{n0} * spec.planes, groups = group_count(spec);
  copy_piece(panel + sizeof(header), spec.real_levels + table, p.levels * 4);
  copy_piece(panel + p.scales_at, spec.scales + (spec.format == WeightFormat::b1 ? rows : n0 * groups),
             p.scales * 4);
  copy_piece(panel + p.zeros_at, spec.zero_points + n0 * groups, p.zeros * 4);
  copy_piece(panel + p.codes_at, spec.codes + rows * spec.row_bytes, p.bytes - p.codes_at);
}

void reference_unpack(const WeightSpec& spec, std::uint32_t n0, std::uint32_t, const KRun*, std::uint32_t,
                      const std::byte* panel, const UnpackedWeights& to) {
  ReferencePanel header;
  __builtin_memcpy(&header, panel, sizeof(header));
  const ReferencePieces p(header.spec, header.spec.n);
  const std::size_t rows = std::size_t{n0} * spec.planes, groups = group_count(spec);
  if (groups > 1) copy_piece(to.scales + n0 * groups, panel + p.scales_at, p.scales * 4);
  if (groups > 1 && to.zero_points) copy_piece(to.zero_points + n0 * groups, panel + p.zeros_at, p.zeros * 4);
  copy_piece(to.codes + rows * spec.row_bytes, panel + p.codes_at, p.bytes - p.codes_at);
}

/// The weight matrix of a panel.
inline WeightSpec panel_weights(const std::byte* panel) {
  ReferencePanel header;
  __builtin_memcpy(&header, panel, sizeof(header));
  WeightSpec w = header.spec;
  const ReferencePieces p(w, w.n);
  if (w.real_levels) w.real_levels = reinterpret_cast<const float*>(panel + sizeof(header));
  w.scales = reinterpret_cast<const float*>(panel + p.scales_at);
  if (w.zero_points) w.zero_points = reinterpret_cast<const std::int32_t*>(panel + p.zeros_at);
  w.codes = reinterpret_cast<const std::uint8_t*>(panel + p.codes_at);
  return w;
}

/// The sum over planes of + or - their scales, in order.
inline float signed_scales(const WeightSpec& w, std::uint32_t j, std::uint32_t k) {
  float sum = 0.0f;
  for (std::uint32_t p = 0; p < w.planes; ++p) {
    const std::size_t row = std::size_t{j} * w.planes + p;
    sum = add_f(sum, code_at(w, row, k) ? -w.scales[row] : w.scales[row]);
  }
  return sum;
}

inline float real_weight(const WeightSpec& w, std::uint32_t j, const KRun& run, std::uint32_t t) {
  const std::uint32_t k = run_start(w, run) + t;
  if (w.format == WeightFormat::b1) return signed_scales(w, j, k);
  const std::int32_t code = code_at(w, j, k);
  if (w.real_levels == nullptr) return static_cast<float>(code - zero_point_at(w, j, run.group));
  return w.real_levels[(w.levels_per_row ? j * table_size(w) : 0) + static_cast<std::size_t>(code)];
}

/// Weights of a column are decoded so many at a time, for so many rows.
constexpr std::uint32_t kReferenceCodes = 512, kReferenceRows = 64;

/// Column j of rows [i0, i0 + m), m <= kReferenceRows.
inline void reference_column(const TileArgs& args, const WeightSpec& w, std::uint32_t i0, std::uint32_t m,
                             std::uint32_t j) {
  const std::uint32_t groups = group_count(w);
  float total[kReferenceRows] = {}, sum[kReferenceRows] = {}, weights[kReferenceCodes];
  for (std::uint32_t r = 0; r < args.run_count; ++r) {
    const KRun& run = args.runs[r];
    for (std::uint32_t first = 0; first < run.codes; first += kReferenceCodes) {
      const std::uint32_t left = run.codes - first, count = left < kReferenceCodes ? left : kReferenceCodes;
      for (std::uint32_t t = 0; t < count; ++t) weights[t] = real_weight(w, j, run, first + t);
      for (std::uint32_t i = 0; i < m; ++i) {
        const std::uint8_t* a =
            args.a + args.a_offset[run.tap * args.a_offset_stride + i0 + i] + (run.offset + first) * 4;
        for (std::uint32_t t = 0; t < count; ++t) {
          float x;
          __builtin_memcpy(&x, a + 4 * t, 4);
          sum[i] = fma_f(x, weights[t], sum[i]);
        }
      }
    }
    for (std::uint32_t i = 0; run.flush && groups > 1 && i < m; ++i) {
      total[i] = fma_f(sum[i], w.scales[std::size_t{j} * groups + run.group], total[i]);
      sum[i] = 0.0f;
    }
  }
  for (std::uint32_t i = 0; i < m; ++i) epilogue(args, (groups > 1 ? total : sum) + i, 1, i0 + i, 1, j, 1);
}

void reference_run(const TileArgs& args) {
  const WeightSpec w = panel_weights(args.panel);
  for (std::uint32_t j = 0; j < args.n; ++j)
    for (std::uint32_t i = 0; i < args.m; i += kReferenceRows)
      reference_column(args, w, i, args.m - i < kReferenceRows ? args.m - i : kReferenceRows, j);
}

constexpr GemmKernel reference_kernel(const char* name, WeightFormat format) {
  return {.name = name,
          .format = format,
          .act = ActType::f32,
          .required = Isa::scalar,
          .reference = true,
          .nr = 64,
          .n_step = 1,
          .kr = 1,
          .m_step = 4,
          .supports = reference_supports,
          .panel_bytes = reference_panel_bytes,
          .pack = reference_pack,
          .run = reference_run,
          .unpack = reference_unpack};
}

}  // namespace
}  // namespace lowbit::kernels::reference

namespace lowbit::kernels {

using reference::reference_kernel;

extern constinit const GemmKernel kGemmS8f32Scalar = reference_kernel("s8f32/scalar", WeightFormat::s8);
extern constinit const GemmKernel kGemmU4f32Scalar = reference_kernel("u4f32/scalar", WeightFormat::u4);
extern constinit const GemmKernel kGemmLut4f32Scalar = reference_kernel("lut4f32/scalar", WeightFormat::lut4);
extern constinit const GemmKernel kGemmS2f32Scalar = reference_kernel("s2f32/scalar", WeightFormat::s2);
extern constinit const GemmKernel kGemmLut8f32Scalar = reference_kernel("lut8f32/scalar", WeightFormat::lut8);
extern constinit const GemmKernel kGemmB1f32Scalar = reference_kernel("b1f32/scalar", WeightFormat::b1);

}  // namespace lowbit::kernels
