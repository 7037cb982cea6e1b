// The tiles of 512-bit kernels: 24 accumulators leave room for the weights of one step of a wide tile, or of
// four steps of a narrow one, so that a narrow tile pays for a row's address once every 16 codes.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/gemm/x86_dot/dot_strip.inl"

namespace lowbit::x86_dot {
namespace {

void run_any_rows(const TileArgs& args) {
  switch (header_of(args.panel).width / kLanes) {
    case 1:
      return run_rows<Format, 1, 24, 12, 8, 4, 2, 1>(args);
    case 2:
      return run_rows<Format, 2, 12, 8, 6, 4, 2, 1>(args);
    case 3:
      return run_rows<Format, 3, 8, 6, 4, 2, 1>(args);
    default:
      return run_rows<Format, 4, 6, 5, 4, 3, 2, 1>(args);
  }
}

}  // namespace
}  // namespace lowbit::x86_dot
