// SPDX-License-Identifier: Apache-2.0
// The panel of the kernels with f32 activations: columns lie across 32-bit lanes, and a lane holds the codes
// of consecutive k, lowest bits first. The kernel file has set
//   kCodeBits     1, 2, 4 or 8
//   kFormat       the format of the weights
// and has defined
//   all_half(p, count), half_bits(f), half_value(bits)    fp16
//   pack_even(...)                                        panels of regular groups in registers, or false
//
//   width = n rounded up to kLanes
//   F32Header, padded to 64 bytes
//   lut4, lut8: tables, f32 [16 or 256], or [width][16 or 256] where each row has one
//   b1: scales of the planes, f32 [planes][width]
//   group 0:  scales       fp16 [width] where all are exact in it, else f32 [width]; only with several groups
//             zero points  s8 [width]; only where one of the panel is not the middle code
//             run 0:  step 0:  | column 0: dword of codes | column 1 | ... | column width-1 |
//                     step 1:  ...                                the last step of a run is padded with 0
//             run 1:  ...
//   group 1:  ...
// A step of b1 has such a line of dwords for each plane. Codes of s8 are stored as code + 128.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/gemm/common/weight_codes.inl"
#include "kernels/simd/vec.inl"
namespace lowbit::kernels::f32 {
namespace {

constexpr std::uint32_t kStepCodes = 32 / kCodeBits, kLevels = 1u << kCodeBits;
constexpr bool kAffine =
    kFormat == WeightFormat::s8 || kFormat == WeightFormat::u4 || kFormat == WeightFormat::s2;
constexpr bool kBinary = kFormat == WeightFormat::b1;
/// The zero point where there is none, and what is added to a code in the panel.
constexpr std::int32_t kMiddle = kFormat == WeightFormat::u4 ? 8 : kFormat == WeightFormat::s2 ? 2 : 0;
constexpr std::int32_t kStored = kFormat == WeightFormat::s8 ? 128 : 0;

struct F32Header {
  std::uint32_t scale_bytes;  // of a column and group: 0, 2 or 4
  std::uint32_t zero_bytes;   // 0 or 1
  std::uint32_t row_tables;   // whether each column has a table
  std::uint32_t mirrored;     // whether the second half of the only table is the first negated
  std::uint32_t planes;       // b1; else 1
};
constexpr std::size_t kHeaderBytes = 64;

inline std::uint32_t panel_width(std::uint32_t n) {
  return (n + kLanes - 1) / kLanes * kLanes;
}

/// Formats with a sign bit have such tables.
inline bool is_mirrored(const float* levels) {
  for (std::uint32_t i = 0; i < kLevels / 2; ++i) {
    std::uint32_t a, b;
    __builtin_memcpy(&a, levels + i, 4);
    __builtin_memcpy(&b, levels + kLevels / 2 + i, 4);
    if ((a ^ b) != 0x80000000u) return false;
  }
  return true;
}

inline bool all_zeros_are(const std::int32_t* p, std::size_t count, std::int32_t value) {
  std::int32_t differ = 0;
  for (std::size_t i = 0; i < count; ++i) differ |= p[i] ^ value;
  return differ == 0;
}

inline F32Header panel_header(const WeightSpec& spec, std::uint32_t n0, std::uint32_t n) {
  const std::size_t groups = group_count(spec), first = n0 * groups, count = n * groups;
  F32Header h = {0, 0, spec.levels_per_row, 0, spec.planes};
  if (groups > 1) h.scale_bytes = all_half(spec.scales + first, count) ? 2 : 4;
  if (kAffine && spec.zero_points) h.zero_bytes = !all_zeros_are(spec.zero_points + first, count, kMiddle);
  if (!kAffine && !kBinary && !spec.levels_per_row) h.mirrored = is_mirrored(spec.real_levels);
  return h;
}

inline std::size_t table_bytes(const F32Header& h, std::uint32_t width) {
  if (kBinary) return std::size_t{h.planes} * width * sizeof(float);
  return kAffine ? 0 : std::size_t{kLevels} * sizeof(float) * (h.row_tables ? width : 1);
}

inline std::size_t step_bytes(const F32Header& h, std::uint32_t width) {
  return std::size_t{h.planes} * width * 4;
}

/// Steps of all runs together.
inline std::size_t all_steps(const KRun* runs, std::uint32_t run_count) {
  std::size_t steps = 0;
  for (std::uint32_t r = 0; r < run_count; ++r) steps += (runs[r].codes + kStepCodes - 1) / kStepCodes;
  return steps;
}

bool f32_supports(const WeightSpec& spec) {
  if (spec.format != kFormat || spec.act != ActType::f32) return false;
  const std::size_t count = spec.zero_points ? std::size_t{spec.n} * group_count(spec) : 0;
  for (std::size_t i = 0; i < count; ++i)
    if (spec.zero_points[i] < -128 || spec.zero_points[i] > 127) return false;
  return true;
}

std::size_t f32_panel_bytes(const WeightSpec& spec, std::uint32_t n0, std::uint32_t n, const KRun* runs,
                            std::uint32_t run_count) {
  const F32Header h = panel_header(spec, n0, n);
  const std::uint32_t width = panel_width(n);
  return kHeaderBytes + table_bytes(h, width) + all_steps(runs, run_count) * step_bytes(h, width) +
         std::size_t{group_count(spec)} * width * (h.scale_bytes + h.zero_bytes);
}

/// Codes of a run of one stored row into every `stride`-th byte.
inline void pack_run(const WeightSpec& spec, std::size_t row, std::uint32_t start, std::uint32_t codes,
                     std::size_t stride, std::byte* out) {
  const bool whole = start * kCodeBits % 8 == 0;  // the codes start at a byte
  const std::uint8_t* from = spec.codes + row * spec.row_bytes + std::size_t{start} * kCodeBits / 8;
  constexpr std::uint32_t kFlip = static_cast<std::uint32_t>(kStored) * 0x01010101u;
  for (std::uint32_t t = 0; t < codes; t += kStepCodes, out += stride) {
    std::uint32_t dword = 0;
    if (whole && t + kStepCodes <= codes) {
      __builtin_memcpy(&dword, from + t * kCodeBits / 8, 4);
      dword ^= kFlip;
    } else {
      for (std::uint32_t u = 0; u < kStepCodes && t + u < codes; ++u)
        dword |= static_cast<std::uint32_t>(code_at(spec, row, start + t + u) + kStored) << (u * kCodeBits);
    }
    __builtin_memcpy(out, &dword, 4);
  }
}

/// How regular the runs are: groups of `steps` whole steps each, or one group. Then scales, zero points and
/// codes of consecutive groups lie equally far apart.
struct EvenGroups {
  bool even;
  std::size_t steps, all_steps;

  EvenGroups(const WeightSpec& spec, const KRun* runs, std::uint32_t run_count) : even(true), all_steps(0) {
    const bool one = group_count(spec) == 1;
    for (std::uint32_t r = 0; r < run_count; ++r) {
      const bool last = r + 1 == run_count;
      even = even && runs[r].codes % kStepCodes == 0 && (one || runs[r].flush) &&
             (one || runs[r].codes == runs[0].codes || last);
      all_steps += runs[r].codes / kStepCodes;
    }
    steps = one ? all_steps : runs[0].codes / kStepCodes;
  }
};

/// The scales and zero points of one group.
inline void pack_group(const WeightSpec& spec, std::uint32_t n0, std::uint32_t n, std::uint32_t g,
                       const F32Header& h, std::byte* out) {
  const std::uint32_t groups = group_count(spec), width = panel_width(n);
  for (std::uint32_t j = 0; j < n; ++j) {
    const std::size_t at = std::size_t{n0 + j} * groups + g;
    if (h.scale_bytes == 4) __builtin_memcpy(out + 4 * j, spec.scales + at, 4);
    if (h.scale_bytes == 2) {
      const std::uint16_t half = half_bits(spec.scales[at]);
      __builtin_memcpy(out + 2 * j, &half, 2);
    }
    if (h.zero_bytes) out[width * h.scale_bytes + j] = static_cast<std::byte>(spec.zero_points[at]);
  }
}

inline void pack_tables(const WeightSpec& spec, std::uint32_t n0, std::uint32_t n, const F32Header& h,
                        std::byte* out) {
  if constexpr (kBinary) {
    auto* scales = reinterpret_cast<float*>(out);
    for (std::uint32_t p = 0; p < h.planes; ++p)
      for (std::uint32_t j = 0; j < n; ++j)
        scales[p * panel_width(n) + j] = spec.scales[std::size_t{n0 + j} * h.planes + p];
  } else if constexpr (!kAffine) {
    const std::size_t levels = std::size_t{kLevels} * (h.row_tables ? n : 1);
    __builtin_memcpy(out, spec.real_levels + (h.row_tables ? std::size_t{n0} * kLevels : 0), levels * 4);
  }
}

}  // namespace
}  // namespace lowbit::kernels::f32

#ifdef LOWBIT_F32_PACK_X86
#include "kernels/gemm/f32/f32_pack_x86.inl"
#endif

namespace lowbit::kernels::f32 {
namespace {

void f32_pack(const WeightSpec& spec, std::uint32_t n0, std::uint32_t n, const KRun* runs,
              std::uint32_t run_count, std::byte* panel, PackReport&) {
  const F32Header h = panel_header(spec, n0, n);
  const std::uint32_t width = panel_width(n);
  __builtin_memcpy(panel, &h, sizeof(h));
  std::byte* out = panel + kHeaderBytes;
  pack_tables(spec, n0, n, h, out);
  out += table_bytes(h, width);
#ifdef LOWBIT_F32_PACK_X86
  const EvenGroups groups(spec, runs, run_count);
  if (!kBinary && groups.even) return pack_even(spec, n0, n, h, groups, out);
#endif
  for (std::uint32_t r = 0; r < run_count; ++r) {
    if (r == 0 || runs[r - 1].flush) {
      pack_group(spec, n0, n, runs[r].group, h, out);
      out += width * (h.scale_bytes + h.zero_bytes);
    }
    for (std::uint32_t j = 0; j < n * h.planes; ++j)
      pack_run(spec, std::size_t{n0} * h.planes + j, run_start(spec, runs[r]), runs[r].codes,
               step_bytes(h, width), out + 4 * (j % h.planes * width + j / h.planes));
    out += (runs[r].codes + kStepCodes - 1) / kStepCodes * step_bytes(h, width);
  }
}

/// The codes of a run of one column and plane, back to their place in a stored row.
inline void unpack_run(const std::byte* from, std::size_t stride, std::uint32_t start, std::uint32_t codes,
                       std::uint8_t* row) {
  for (std::uint32_t t = 0; t < codes; t += kStepCodes, from += stride) {
    std::uint32_t dword;
    __builtin_memcpy(&dword, from, 4);
    for (std::uint32_t u = 0; u < kStepCodes && t + u < codes; ++u) {
      const std::uint32_t code = (dword >> (u * kCodeBits)) & (kLevels - 1);
      const std::uint32_t bit = (start + t + u) * kCodeBits;
      row[bit / 8] =
          static_cast<std::uint8_t>(row[bit / 8] | (((code - kStored) & (kLevels - 1)) << (bit % 8)));
    }
  }
}

void f32_unpack(const WeightSpec& spec, std::uint32_t n0, std::uint32_t n, const KRun* runs,
                std::uint32_t run_count, const std::byte* panel, const UnpackedWeights& to) {
  F32Header h;
  __builtin_memcpy(&h, panel, sizeof(h));
  const std::uint32_t width = panel_width(n), groups = group_count(spec);
  const std::byte* p = panel + kHeaderBytes + table_bytes(h, width);
  for (std::uint32_t r = 0; r < run_count; ++r) {
    if (r == 0 || runs[r - 1].flush) {
      for (std::uint32_t j = 0; groups > 1 && j < n; ++j) {
        const std::size_t at = std::size_t{n0 + j} * groups + runs[r].group;
        std::uint16_t half;
        __builtin_memcpy(&half, p + 2 * j, 2);
        if (h.scale_bytes == 2) to.scales[at] = half_value(half);
        if (h.scale_bytes == 4) __builtin_memcpy(to.scales + at, p + 4 * j, 4);
        if (to.zero_points)
          to.zero_points[at] =
              h.zero_bytes ? static_cast<std::int8_t>(p[width * h.scale_bytes + j]) : kMiddle;
      }
      p += width * (h.scale_bytes + h.zero_bytes);
    }
    for (std::uint32_t j = 0; j < n * h.planes; ++j)
      unpack_run(p + 4 * (j % h.planes * width + j / h.planes), step_bytes(h, width),
                 run_start(spec, runs[r]), runs[r].codes,
                 to.codes + (std::size_t{n0} * h.planes + j) * spec.row_bytes);
    p += (runs[r].codes + kStepCodes - 1) / kStepCodes * step_bytes(h, width);
  }
}

}  // namespace
}  // namespace lowbit::kernels::f32
