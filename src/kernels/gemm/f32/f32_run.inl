// The kernels with f32 activations: chooses how weights are decoded and which loop runs. Included once,
// inside namespace lowbit, after an f32_decode_<isa>.inl.
#include "kernels/gemm/f32/f32_tile.inl"
//
#include "kernels/gemm/f32/f32_chunk.inl"

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
