// The tiles of 256-bit kernels: 12 accumulators leave room for two vectors of weights and one of activations
// in 16 registers.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/gemm/x86_dot/dot_strip.inl"

namespace lowbit::x86_dot {
namespace {

void run_any_rows(const TileArgs& args) {
  if (header_of(args.panel).width == kLanes) return run_rows<Format, 1, 12, 8, 4, 2, 1>(args);
  run_rows<Format, 2, 6, 4, 2, 1>(args);
}

}  // namespace
}  // namespace lowbit::x86_dot
