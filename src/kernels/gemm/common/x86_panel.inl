// SPDX-License-Identifier: Apache-2.0
// The panel of the x86 engines.
//
//   width  = columns rounded up to kLanes, kVecs = width / kLanes vectors of columns
//   header   PanelHeader                          where the rest lies
//   sums     s32 [width]                          one group: 128 * (sum of the column's weights)
//   scales   f16 or f32 [groups][width]           several groups; f16 if all are exactly that
//   zeros    u8 [groups][width]                   unless every zero point is Format::kMiddle
//   codes    run 0: step 0: vector 0 | vector 1 | .. | vector kVecs - 1
//                   step 1: ...
//            run 1: ...
//
// A step is 4 * Format::kVectors codes of K; lane c of vector v holds those of column v * kLanes + c. The
// last step of a run is filled up with zero bits.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/gemm/common/weight_codes.inl"
#include "kernels/gemm/common/x86_int8_ops.inl"
#include "kernels/gemm/common/x86_pack_blocks.inl"

#ifndef LOWBIT_X86_FORMAT
#error "the kernel file chooses a format first: x86_format_<format>.inl"
#endif

namespace lowbit::kernels {
namespace {

constexpr unsigned kStepCodes = 4 * Format::kVectors;
constexpr unsigned kVectorBytes = 4 * kLanes;
constexpr unsigned kColumns = kTileVecs * kLanes;

struct PanelHeader {
  std::uint32_t groups, width;
  std::uint32_t scale_bytes;           // of a scale: 0, 2 or 4
  std::uint32_t zeros, scales, codes;  // bytes from the header; zeros 0: none
  std::uint8_t levels[16];             // lut4: level + 128
  std::uint8_t unused[24];
};
static_assert(sizeof(PanelHeader) == 64);

inline const PanelHeader& header_of(const std::byte* panel) {
  return *reinterpret_cast<const PanelHeader*>(panel);
}

inline std::uint32_t round_to(std::uint32_t v, std::uint32_t step) {
  return (v + step - 1) / step * step;
}

/// Steps of a panel: every run is filled up to whole ones.
inline std::size_t step_count(const KRun* runs, std::uint32_t run_count) {
  std::size_t steps = 0;
  for (std::uint32_t r = 0; r < run_count; ++r) steps += (runs[r].codes + kStepCodes - 1) / kStepCodes;
  return steps;
}

/// The unsigned code of weight 0 in group g of row j.
inline std::uint8_t zero_code(const WeightSpec& spec, std::uint32_t j, std::uint32_t g) {
  if (Format::kPlain || !is_affine(spec)) return Format::kMiddle;
  return static_cast<std::uint8_t>(zero_point_at(spec, j, g));
}

PanelHeader plan_panel(const WeightSpec& spec, std::uint32_t n0, std::uint32_t n) {
  PanelHeader h = {};
  h.groups = group_count(spec);
  h.width = round_to(n, kLanes);
  const std::size_t first = std::size_t{n0} * h.groups, count = std::size_t{n} * h.groups;
  const bool middle = Format::kPlain || !is_affine(spec) || spec.zero_points == nullptr ||
                      all_equal(spec.zero_points + first, count, Format::kMiddle);
  h.scale_bytes = h.groups == 1 ? 0 : all_half(spec.scales + first, count) ? 2 : 4;
  h.scales = sizeof(PanelHeader) + (h.groups == 1 ? 4 * h.width : 0);
  const std::uint32_t zeros = h.scales + round_to(h.scale_bytes * h.groups * h.width, 64);
  h.zeros = middle ? 0 : zeros;
  h.codes = zeros + (middle ? 0 : round_to(h.groups * h.width, 64));
  return h;
}

std::size_t panel_bytes(const WeightSpec& spec, std::uint32_t n0, std::uint32_t n, const KRun* runs,
                        std::uint32_t run_count) {
  const PanelHeader h = plan_panel(spec, n0, n);
  return h.codes + step_count(runs, run_count) * 4 * h.width;
}

/// Writes one run of row j as dwords `stride` bytes apart, code by code: any format, start and length.
inline std::uint32_t pack_codes_slowly(const WeightSpec& spec, std::uint32_t j, const WeightReader& weight,
                                       const KRun& run, std::uint32_t first, std::byte* out,
                                       std::size_t stride) {
  std::uint32_t sum = 0;
  for (std::uint32_t t = first; t < run.codes; ++t) {
    const std::int32_t w = weight(run, t);
    sum += static_cast<std::uint32_t>(w);
    const std::uint32_t code = Format::kPlain
                                   ? static_cast<std::uint8_t>(w)
                                   : static_cast<std::uint32_t>(code_at(spec, j, run_start(spec, run) + t));
    const std::uint32_t in_step = t % kStepCodes, bits = 8 / Format::kVectors;
    out[t / kStepCodes * stride + in_step % 4] |= static_cast<std::byte>(code << in_step / 4 * bits);
  }
  return sum;
}

/// Sums of the packed codes of each column: of weights where they are packed, else of unsigned codes.
struct CodeSums {
  VecI sum[kTileVecs];

  CodeSums() {
    for (VecI& v : sum) v = broadcast_i(0);
  }
  template <class F>
  inline void add(const PanelHeader& h, unsigned v, VecI packed) {
    const VecI ones = broadcast_byte(1);
    if constexpr (F::kPlain) {
      sum[v] = dot4(sum[v], ones, packed);
    } else {
      VecI q[F::kVectors];
      F(h.levels).decode(packed, q);
      for (unsigned u = 0; u < F::kVectors; ++u) sum[v] = dot4(sum[v], q[u], ones);
    }
  }
};

/// Packs codes that are stored as they are packed, but for the order within a dword and for zero points:
/// `steps` whole steps from code `start` on. `zeros`: for each column, what is subtracted from s8 codes.
void pack_steps(const WeightSpec& spec, std::uint32_t n0, std::uint32_t n, std::size_t start,
                std::size_t steps, const std::uint8_t* zeros, const PanelHeader& h, std::byte* out,
                CodeSums& sums) {
  for (std::uint32_t j = 0; j < n; j += kLanes) {
    const auto* in =
        reinterpret_cast<const std::byte*>(spec.codes) + (n0 + j) * spec.row_bytes + start * 4 / kStepCodes;
    const VecI zero = repeat_low_byte(load_u8_as_int(zeros + j));
    transpose_rows(in, spec.row_bytes, n - j < kLanes ? n - j : kLanes, 4 * steps,
                   [&](std::size_t step, VecI codes) {
                     const VecI packed = Format::kPlain ? sub_bytes(codes, zero) : Format::reorder(codes);
                     store_bytes(out + step * 4 * h.width + 4 * j, packed);
                     if (h.groups == 1) sums.add<Format>(h, j / kLanes, packed);
                   });
  }
}

/// Whether pack_steps can read this run.
inline bool is_stored_alike(const WeightSpec& spec, const KRun& run) {
  if (Format::kPlain && spec.format != WeightFormat::s8) return false;
  return run_start(spec, run) * 4 % kStepCodes == 0;
}

/// `folded`: what is subtracted from the codes of each column of one group; s8 codes in groups have no zero
/// points (weights_fit_s8). `slow_sums` gets the sums of what pack_steps leaves out.
void pack_codes(const WeightSpec& spec, std::uint32_t n0, std::uint32_t n, const KRun* runs,
                std::uint32_t run_count, const PanelHeader& h, const std::int32_t* folded, std::byte* out,
                CodeSums& sums, std::uint32_t* slow_sums) {
  const std::size_t stride = 4 * std::size_t{h.width};
  std::uint8_t zeros[kColumns];
  for (std::uint32_t j = 0; j < kColumns; ++j) zeros[j] = static_cast<std::uint8_t>(folded[j]);
  for (std::uint32_t r = 0; r < run_count;) {
    Stretch stretch = {r + 1, runs[r].codes};
    std::size_t steps = 0;
    if (is_stored_alike(spec, runs[r])) {
      stretch = stretch_from(runs, run_count, r, kStepCodes);
      steps = stretch.codes / kStepCodes;
      pack_steps(spec, n0, n, run_start(spec, runs[r]), steps, zeros, h, out, sums);
    }
    const KRun& last = runs[stretch.end - 1];
    const std::uint32_t done = steps == 0 ? 0 : last.codes / kStepCodes * kStepCodes;
    std::byte* rest = out + (steps - done / kStepCodes) * stride;
    for (std::uint32_t j = 0; done < last.codes && j < n; ++j) {
      const WeightReader weight(spec, n0 + j, folded[j]);
      slow_sums[j] += pack_codes_slowly(spec, n0 + j, weight, last, done, rest + 4 * j, stride);
    }
    out += (stretch.codes + kStepCodes - 1) / kStepCodes * stride;
    r = stretch.end;
  }
}

void pack_columns(const WeightSpec& spec, std::uint32_t n0, std::uint32_t n, const KRun* runs,
                  std::uint32_t run_count, const PanelHeader& h, std::byte* panel) {
  std::int32_t folded[kColumns] = {};
  for (std::uint32_t j = 0; h.groups == 1 && j < n; ++j) folded[j] = folded_zero_point(spec, n0 + j);
  CodeSums fast;
  std::uint32_t slow[kColumns] = {};
  pack_codes(spec, n0, n, runs, run_count, h, folded, panel + h.codes, fast, slow);
  if (h.groups > 1) return;
  std::int32_t sums[kColumns];
  for (unsigned v = 0; v < h.width / kLanes; ++v) store_i(sums + v * kLanes, fast.sum[v]);
  std::uint32_t whole = 0;  // codes that were added as they are
  if (!Format::kPlain)
    for (std::uint32_t r = 0; r < run_count; ++r)
      if (is_stored_alike(spec, runs[r])) whole += runs[r].codes / kStepCodes * kStepCodes;
  auto* out = reinterpret_cast<std::uint32_t*>(panel + sizeof(PanelHeader));
  for (std::uint32_t j = 0; j < n; ++j)
    out[j] = 128u * (static_cast<std::uint32_t>(sums[j]) - whole * zero_code(spec, n0 + j, 0) + slow[j]);
}

void pack_panel(const WeightSpec& spec, std::uint32_t n0, std::uint32_t n, const KRun* runs,
                std::uint32_t run_count, std::byte* panel, PackReport&) {
  PanelHeader h = plan_panel(spec, n0, n);
  if (spec.format == WeightFormat::lut4)
    for (unsigned i = 0; i < 16; ++i) h.levels[i] = static_cast<std::uint8_t>(levels_of(spec, 0)[i] + 128);
  __builtin_memcpy(panel, &h, sizeof h);
  const std::size_t first = std::size_t{n0} * h.groups;
  if (h.zeros) pack_zero_points(spec.zero_points + first, n, h.groups, panel + h.zeros, h.width);
  if (h.scale_bytes)
    pack_scales(spec.scales + first, n, h.groups, h.scale_bytes == 2, panel + h.scales,
                std::size_t{h.scale_bytes} * h.width);
  pack_columns(spec, n0, n, runs, run_count, h, panel);
}

}  // namespace
}  // namespace lowbit::kernels
