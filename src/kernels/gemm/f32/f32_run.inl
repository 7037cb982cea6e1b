// SPDX-License-Identifier: Apache-2.0
// The engine of f32 activations, for weights of few bits that are multiplied as floats. Read this file first.
//
// Columns lie across 32-bit lanes; a lane of a panel (f32_panel.inl) holds the codes of consecutive k.
// Products are fused multiply-adds in order of K, which is never split: the order is part of the result. Few
// rows decode weights in registers as the panel streams past, one k at a time, and wait for nothing but its
// bytes (f32_tile.inl). For more rows a chunk of K is decoded to floats that stay in the L1 cache while all
// rows pass by (f32_chunk.inl). f32_decode_<isa>.inl decodes.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/gemm/f32/f32_chunk.inl"
#include "kernels/gemm/f32/f32_tile.inl"
namespace lowbit::kernels::f32 {
namespace {

// From so many rows on, decoding once for all of them is worth the way through memory.
constexpr std::uint32_t kManyRows = 5;

template <Kind kKind>
void f32_run_kind(const TileArgs& args, const F32Panel& panel) {
  if constexpr (in_registers(kKind)) {
    if (args.m < kManyRows) return few_rows<kKind>(args, panel);
  }
  many_rows<kKind>(args, panel);
}

void f32_run(const TileArgs& args) {
  const F32Panel panel(args);
  if constexpr (kBinary) {
    f32_run_kind<Kind::planes>(args, panel);
  } else if constexpr (kAffine) {
    if (panel.h.zero_bytes) return f32_run_kind<Kind::zeros>(args, panel);
    f32_run_kind<Kind::middle>(args, panel);
  } else {
    if constexpr (in_registers(Kind::mirrored)) {
      if (panel.h.mirrored) return f32_run_kind<Kind::mirrored>(args, panel);
    }
    if (panel.h.row_tables) return f32_run_kind<Kind::row_table>(args, panel);
    f32_run_kind<Kind::table>(args, panel);
  }
}

constexpr GemmKernel f32_kernel(const char* name, Isa required) {
  return {.name = name,
          .format = kFormat,
          .act = ActType::f32,
          .required = required,
          .reference = false,
          .nr = 4 * kLanes,
          .n_step = kLanes,
          .kr = kStepCodes,
          .m_step = kTileRows,
          .supports = f32_supports,
          .panel_bytes = f32_panel_bytes,
          .pack = f32_pack,
          .run = f32_run,
          .unpack = f32_unpack};
}

}  // namespace
}  // namespace lowbit::kernels::f32
