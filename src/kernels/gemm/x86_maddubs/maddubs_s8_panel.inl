// SPDX-License-Identifier: Apache-2.0
// The panel of the s8 kernel on AVX2: up to 8 panels of x86_panel.inl, of 16 columns each, and the excess of
// all of them twice: by columns for few rows, by chunks of K for more, whose product needs the rows of A
// transposed.
//
//   header   PairsHeader
//   parts    x86_panel.inl, 16 columns each; in clamped ones no pair can saturate
//   columns  saturation_list_by_column.inl
//   list     saturation_list_by_chunk.inl
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/gemm/x86_maddubs/saturation_list_by_chunk.inl"
#include "kernels/gemm/x86_maddubs/saturation_list_by_column.inl"

namespace lowbit::kernels::x86_maddubs {
namespace {

constexpr unsigned kPartCount = kExcessColumns / kColumns;
// A part with more excess pairs than one in kWideShare runs on split weights, which need no list.
constexpr std::uint64_t kWideShare = 12;

struct PairsHeader {
  std::uint32_t parts;
  std::uint32_t columns, list;     // bytes from the header; 0: no excess
  std::uint32_t part[kPartCount];  // bytes from the header
  std::uint8_t wide[kPartCount];   // weights are not clamped
  std::uint8_t unused[12];
};
static_assert(sizeof(PairsHeader) == 64);

struct PanelPlan {
  PairsHeader header = {};
  std::uint64_t pairs[kPartCount] = {}, excess[kPartCount] = {};  // in each part
  std::uint32_t entries[kExcessColumns] = {};                     // of each column, on the lists
  std::size_t bytes = 0;
};

inline unsigned part_columns(std::uint32_t n, unsigned part) {
  return n - part * kColumns < kColumns ? n - part * kColumns : kColumns;
}

/// Pairs in columns of part p, from n0 + p * kColumns on.
inline void count_part(const WeightSpec& spec, std::uint32_t n0, std::uint32_t n, const KRun* runs,
                       std::uint32_t run_count, unsigned p, PanelPlan& plan) {
  for (std::uint32_t c = p * kColumns; c < p * kColumns + part_columns(n, p); ++c) {
    const std::int32_t folded = group_count(spec) == 1 ? folded_zero_point(spec, n0 + c) : 0;
    for (std::uint32_t r = 0; r < run_count; ++r) {
      plan.pairs[p] += (runs[r].codes + 1) / 2;
      plan.entries[c] += count_run(spec, n0 + c, folded, runs[r]);
    }
    plan.excess[p] += plan.entries[c];
  }
}

inline std::uint32_t excess_chunks(const KRun* runs, std::uint32_t run_count) {
  std::uint32_t count = 0;
  ChunkCutter cutter(runs, run_count, kExcessSteps, 1);
  for (Chunk chunk; !cutter.done(); ++count) cutter.next(chunk);
  return count;
}

PanelPlan plan_pairs(const WeightSpec& spec, std::uint32_t n0, std::uint32_t n, const KRun* runs,
                     std::uint32_t run_count) {
  PanelPlan plan;
  plan.header.parts = (n + kColumns - 1) / kColumns;
  plan.bytes = sizeof(PairsHeader);
  std::uint64_t listed = 0;
  for (unsigned p = 0; p < plan.header.parts; ++p) {
    const std::uint32_t columns = part_columns(n, p);
    count_part(spec, n0, n, runs, run_count, p, plan);
    // The lists belong to sums over all of K.
    const bool wide =
        group_count(spec) > 1 ? plan.excess[p] > 0 : plan.excess[p] * kWideShare > plan.pairs[p];
    plan.header.wide[p] = wide;
    if (wide) {
      for (unsigned c = 0; c < columns; ++c) plan.entries[p * kColumns + c] = 0;
    } else {
      listed += plan.excess[p];
    }
    plan.header.part[p] = static_cast<std::uint32_t>(plan.bytes);
    plan.bytes += (panel_bytes(spec, n0 + p * kColumns, columns, runs, run_count) + 63) / 64 * 64;
  }
  if (listed == 0) return plan;
  plan.header.columns = static_cast<std::uint32_t>(plan.bytes);
  std::size_t words = kExcessColumns;
  for (const std::uint32_t count : plan.entries) words += (count + 7) / 8 * 8;
  plan.header.list = static_cast<std::uint32_t>(plan.bytes + words * sizeof(std::uint32_t));
  // Each entry may open a segment.
  words += excess_chunks(runs, run_count) + 2 * listed;
  plan.bytes += words * sizeof(std::uint32_t);
  return plan;
}

std::size_t pairs_panel_bytes(const WeightSpec& spec, std::uint32_t n0, std::uint32_t n, const KRun* runs,
                              std::uint32_t run_count) {
  return plan_pairs(spec, n0, n, runs, run_count).bytes;
}

/// Takes the excess out of the packed parts and lists it by columns.
void list_columns(const PanelPlan& plan, std::size_t steps, std::byte* panel) {
  auto* ends = reinterpret_cast<std::uint32_t*>(panel + plan.header.columns);
  std::uint32_t *entries = ends + kExcessColumns, next[kExcessColumns], vectors = 0;
  for (unsigned c = 0; c < kExcessColumns; ++c) {
    next[c] = 8 * vectors;
    ends[c] = vectors += (plan.entries[c] + 7) / 8;
  }
  for (unsigned p = 0; p < plan.header.parts; ++p) {
    if (plan.header.wide[p] || plan.excess[p] == 0) continue;
    std::byte* part = panel + plan.header.part[p];
    const PanelHeader& h = header_of(part);
    clamp_panel(part + h.codes, h.width, steps, [&](unsigned c, std::uint32_t code, std::int32_t excess) {
      entries[next[p * kColumns + c]++] = excess_entry(code, excess);
    });
  }
}

/// The same list by chunks.
void list_chunks(const PanelPlan& plan, const KRun* runs, std::uint32_t run_count, std::byte* panel) {
  const ExcessColumns columns(panel + plan.header.columns);
  ListWriter writer(reinterpret_cast<std::uint32_t*>(panel + plan.header.list));
  std::uint32_t next[kExcessColumns], end[kExcessColumns];
  for (unsigned c = 0; c < kExcessColumns; ++c) {
    next[c] = 8 * columns.begin(c);
    end[c] = next[c] + plan.entries[c];
  }
  ChunkCutter cutter(runs, run_count, kExcessSteps, 1);
  std::uint32_t first = 0;
  for (Chunk chunk; !cutter.done(); first += 4 * chunk.steps) {
    cutter.next(chunk);
    writer.begin_chunk();
    for (unsigned c = 0; c < kExcessColumns; ++c) {
      writer.begin_column();
      for (; next[c] < end[c]; ++next[c]) {
        const std::uint32_t entry = columns.entries[next[c]], code = (entry & kExcessCode) - first;
        if (code >= 4 * chunk.steps) break;
        writer.put(c, code / 2, code % 2 != 0, excess_in(entry));
      }
    }
    writer.end_chunk();
  }
}

void pairs_pack(const WeightSpec& spec, std::uint32_t n0, std::uint32_t n, const KRun* runs,
                std::uint32_t run_count, std::byte* panel, PackReport& report) {
  const PanelPlan plan = plan_pairs(spec, n0, n, runs, run_count);
  __builtin_memcpy(panel, &plan.header, sizeof plan.header);
  for (unsigned p = 0; p < plan.header.parts; ++p) {
    pack_panel(spec, n0 + p * kColumns, part_columns(n, p), runs, run_count, panel + plan.header.part[p],
               report);
    if (plan.header.wide[p]) {
      ++report.wide_panels;
      continue;
    }
    ++report.panels;
    report.pairs += plan.pairs[p];
    report.excess_pairs += plan.excess[p];
    if (plan.excess[p] == 0) ++report.proven_panels;
  }
  if (plan.header.list == 0) return;
  list_columns(plan, step_count(runs, run_count), panel);
  list_chunks(plan, runs, run_count, panel);
}

}  // namespace
}  // namespace lowbit::kernels::x86_maddubs
