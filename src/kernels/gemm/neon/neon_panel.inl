// SPDX-License-Identifier: Apache-2.0
// The panel of the NEON kernels. The kernel file has named its two policies
//   Centered   for weights without zero points of their own
//   Affine     for the others; the same type if there is no difference
//
//   PanelHeader
//   block of columns 0 .. kCols-1:
//     tables   int8 [kStepVecs][16]                                      if the policy has tables
//     codes    run 0: | step: vectors of kStepVecs * kBits / 8 bytes | step | ...; run 1: ...
//     record   of group 0: column sums s16 or s32 [kCols], several groups: scales f16 or f32 [kCols],
//              zero points s8 [kCols]                                    if the policy has them
//     record   of group 1 ...
//   next block ...
//
// A run is padded to whole granules (a step, or as many steps as a packed vector fills). What lies in the
// padding does not matter: there A is read as zero. The column sums, of decoded weights without the padding,
// are what row zero points and the flip of A's sign bit cost. A record is compact (16 bits) if every scale is
// an fp16 and no sum can leave int16.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/gemm/common/weight_codes.inl"
#include "kernels/gemm/neon/neon_decode.inl"

namespace lowbit::kernels::neon {
namespace {

struct PanelHeader {
  std::uint32_t block_bytes, code_bytes, granules;
  bool grouped, compact, affine;
  bool exact;  ///< a weight is -128
};
static_assert(sizeof(PanelHeader) == 16);

// Weights shifted up reach 128 in absolute value. With row zero points, codes less their zero point stay
// below 2^11 by far: the int32 sum of that many products cannot overflow. One group without row zero points
// may be 65,536 codes long: 255 * 128 * 65,536 < 2^31.
constexpr std::uint32_t kMaxShiftedGroup = 8192;

template <class Decode>
struct Granule {
  static constexpr unsigned kPerVec = 8 / Decode::kBits;
  static constexpr unsigned kSteps = kPerVec > Engine::kStepVecs ? kPerVec / Engine::kStepVecs : 1;
  static constexpr unsigned kVecs = kSteps * Engine::kStepVecs, kCodes = kSteps * Engine::kStepCodes;
  static constexpr unsigned kBytes = kVecs / kPerVec * 16;
};

inline std::uint32_t max_group_codes(const KRun* runs, std::uint32_t run_count) {
  std::uint32_t codes = 0, most = 0;
  for (std::uint32_t r = 0; r < run_count; ++r) {
    codes += runs[r].codes;
    if (codes > most) most = codes;
    if (runs[r].flush) codes = 0;
  }
  return most;
}

inline bool scales_are_f16(const WeightSpec& spec, std::uint32_t n0, std::uint32_t n) {
  const std::size_t groups = group_count(spec);
  for (std::size_t i = n0 * groups; i < (n0 + n) * groups; ++i)
    if (static_cast<float>(static_cast<__fp16>(spec.scales[i])) != spec.scales[i]) return false;
  return true;
}

template <class Decode>
constexpr std::size_t record_bytes(bool grouped, bool compact) {
  return Engine::kCols * ((grouped ? 2u : 1u) * (compact ? sizeof(std::int16_t) : sizeof(std::int32_t)) +
                          Decode::kZeroPoints);
}

template <class Decode>
PanelHeader header_of(const WeightSpec& spec, std::uint32_t n0, std::uint32_t n, const KRun* runs,
                      std::uint32_t run_count) {
  PanelHeader h = {};
  h.affine = Decode::kZeroPoints;
  h.grouped = group_count(spec) > 1;
  h.compact = h.grouped && max_group_codes(runs, run_count) * Decode::kMaxWeight <= 32767 &&
              scales_are_f16(spec, n0, n);
  for (std::uint32_t r = 0; r < run_count; ++r)
    h.granules += (runs[r].codes + Granule<Decode>::kCodes - 1) / Granule<Decode>::kCodes;
  h.code_bytes = h.granules * Granule<Decode>::kBytes;
  const std::size_t tables = Decode::kTables ? 16 * Engine::kStepVecs : 0;
  const std::size_t groups = runs[run_count - 1].group + 1;
  h.block_bytes =
      static_cast<std::uint32_t>(tables + h.code_bytes + groups * record_bytes<Decode>(h.grouped, h.compact));
  return h;
}

inline bool is_centered(const WeightSpec& spec) {
  return spec.zero_points == nullptr && (group_count(spec) == 1 || spec.group <= kMaxShiftedGroup);
}

inline std::uint32_t block_count(std::uint32_t n) {
  return (n + Engine::kCols - 1) / Engine::kCols;
}

/// Whether the kernel can run the matrix. The s8 kernels take any format whose weights fit an int8.
bool neon_supports(const WeightSpec& spec) {
  if (Affine::kFormat == WeightFormat::s8) return group_count(spec) == 1 || weights_fit_s8(spec);
  constexpr bool kOwnTables = Engine::kStepVecs == Engine::kCols;
  return spec.format == Affine::kFormat && weights_fit_s8(spec) &&
         (!Affine::kTables || kOwnTables || !spec.levels_per_row);
}

std::size_t neon_panel_bytes(const WeightSpec& spec, std::uint32_t n0, std::uint32_t n, const KRun* runs,
                             std::uint32_t run_count) {
  const PanelHeader h = is_centered(spec) ? header_of<Centered>(spec, n0, n, runs, run_count)
                                          : header_of<Affine>(spec, n0, n, runs, run_count);
  return sizeof(PanelHeader) + std::size_t{h.block_bytes} * block_count(n);
}

/// One block, columns [j0, j0 + columns) of the matrix.
template <class Decode>
struct BlockPacker {
  using G = Granule<Decode>;
  const WeightSpec& spec;
  const KRun* runs;
  std::uint32_t run_count, j0, columns;

  /// What the panel stores for code t of a run.
  std::uint32_t stored(const WeightReader& weight, std::uint32_t j, const KRun& run, std::uint32_t t) const {
    const bool raw = Decode::kZeroPoints || Decode::kTables;
    const std::int32_t code = raw ? code_at(spec, j, run_start(spec, run) + t) : weight(run, t);
    return static_cast<std::uint32_t>(code) & ((1u << Decode::kBits) - 1);
  }

  void pack_codes(std::byte* out) const {
    for (std::uint32_t c = 0; c < columns; ++c) {
      const std::uint32_t j = j0 + c;
      const WeightReader weight(spec, j, folded_zero_point(spec, j));
      std::byte* at = out;
      for (std::uint32_t r = 0; r < run_count; ++r) {
        for (std::uint32_t t = 0; t < runs[r].codes; ++t)
          put(at + t / G::kCodes * G::kBytes, c, t % G::kCodes, stored(weight, j, runs[r], t));
        at += (runs[r].codes + G::kCodes - 1) / G::kCodes * G::kBytes;
      }
    }
  }

  /// Code t of column c within a granule.
  static void put(std::byte* granule, unsigned c, unsigned t, std::uint32_t code) {
    constexpr unsigned kColsPerVec = Engine::kCols / Engine::kStepVecs;
    const unsigned vec = t / Engine::kStepCodes * Engine::kStepVecs + c / kColsPerVec;
    const unsigned byte = c % kColsPerVec * Engine::kStepCodes + t % Engine::kStepCodes;
    granule[vec / G::kPerVec * 16 + byte] |= static_cast<std::byte>(code << vec % G::kPerVec * Decode::kBits);
  }

  void pack_tables(std::byte* out) const {
    for (unsigned p = 0; p < Engine::kStepVecs; ++p)
      __builtin_memcpy(out + 16 * p, levels_of(spec, j0 + (p < columns ? p : 0)), 16);
  }

  void pack_records(const PanelHeader& header, std::byte* out) const {
    const std::size_t bytes = record_bytes<Decode>(header.grouped, header.compact);
    const std::uint32_t groups = group_count(spec);
    for (std::uint32_t c = 0; c < columns; ++c) {
      const WeightReader weight(spec, j0 + c, folded_zero_point(spec, j0 + c));
      std::int32_t sum = 0;
      for (std::uint32_t r = 0; r < run_count; ++r) {
        for (std::uint32_t t = 0; t < runs[r].codes; ++t) sum += weight(runs[r], t) * (1 << Decode::kShift);
        if (!runs[r].flush) continue;
        const std::uint32_t g = runs[r].group;
        const float scale = header.grouped ? spec.scales[std::size_t{j0 + c} * groups + g] : 0.0f;
        put_record(header, out + g * bytes, c, sum, scale);
        if (Decode::kZeroPoints)
          out[(g + 1) * bytes - Engine::kCols + c] = static_cast<std::byte>(zero_point_at(spec, j0 + c, g));
        sum = 0;
      }
    }
  }

  static void put_record(const PanelHeader& header, std::byte* record, std::uint32_t c, std::int32_t sum,
                         float scale) {
    if (header.compact) {
      const auto narrow = static_cast<std::int16_t>(sum);
      const auto half = static_cast<__fp16>(scale);
      __builtin_memcpy(record + 2 * c, &narrow, 2);
      __builtin_memcpy(record + 2 * (Engine::kCols + c), &half, 2);
    } else {
      __builtin_memcpy(record + 4 * c, &sum, 4);
      if (header.grouped) __builtin_memcpy(record + 4 * (Engine::kCols + c), &scale, 4);
    }
  }
};

/// Whether products with these weights need the exact tile.
inline bool has_minimum(const WeightSpec& spec, std::uint32_t n0, std::uint32_t n, const KRun* runs,
                        std::uint32_t run_count) {
  for (std::uint32_t j = n0; j < n0 + n; ++j) {
    const WeightReader weight(spec, j, folded_zero_point(spec, j));
    for (std::uint32_t r = 0; r < run_count; ++r)
      for (std::uint32_t t = 0; t < runs[r].codes; ++t)
        if (weight(runs[r], t) == -128) return true;
  }
  return false;
}

template <class Decode>
void pack_panel(const WeightSpec& spec, std::uint32_t n0, std::uint32_t n, const KRun* runs,
                std::uint32_t run_count, std::byte* panel) {
  PanelHeader header = header_of<Decode>(spec, n0, n, runs, run_count);
  if (!Engine::kWideProducts && Decode::kMaxWeight == 128)
    header.exact = has_minimum(spec, n0, n, runs, run_count);
  __builtin_memcpy(panel, &header, sizeof(header));
  std::byte* out = panel + sizeof(header);
  for (std::uint32_t j = 0; j < n; j += Engine::kCols, out += header.block_bytes) {
    const std::uint32_t left = n - j;
    const BlockPacker<Decode> block = {spec, runs, run_count, n0 + j,
                                       left < Engine::kCols ? left : Engine::kCols};
    std::byte* codes = out;
    if (Decode::kTables) {
      block.pack_tables(codes);
      codes += 16 * Engine::kStepVecs;
    }
    block.pack_codes(codes);
    block.pack_records(header, codes + header.code_bytes);
  }
}

void neon_pack(const WeightSpec& spec, std::uint32_t n0, std::uint32_t n, const KRun* runs,
               std::uint32_t run_count, std::byte* panel, PackReport&) {
  if (is_centered(spec)) {
    pack_panel<Centered>(spec, n0, n, runs, run_count, panel);
  } else {
    pack_panel<Affine>(spec, n0, n, runs, run_count, panel);
  }
}

}  // namespace
}  // namespace lowbit::kernels::neon
