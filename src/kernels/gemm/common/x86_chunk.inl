// SPDX-License-Identifier: Apache-2.0
// Cuts K into chunks whose weights stay in the L1 cache while all rows of a strip pass by.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/gemm/common/x86_panel.inl"

namespace lowbit::kernels {
namespace {

/// Part of a run: codes [first, first + codes).
struct Piece {
  const KRun* run;
  std::uint32_t first, codes;
  bool flush;  // ends its scale group

  std::uint32_t quads() const { return (codes + 3) / 4; }
};

struct Chunk {
  static constexpr unsigned kMaxPieces = 64;

  Piece pieces[kMaxPieces];
  unsigned count;                // of pieces
  unsigned flushes;              // groups that end here
  std::uint32_t steps;           // of kStepCodes codes; every piece starts with a step of its own
  std::uint32_t quads;           // of 4 codes; likewise
  const std::byte *codes, *end;  // in the panel
  bool continues, unfinished;    // whether the first group began before, and the last one ends later
};

/// Walks runs chunk by chunk.
class ChunkCutter {
 public:
  ChunkCutter(const TileArgs& args, std::uint32_t max_steps, unsigned max_flushes)
      : ChunkCutter(args.runs, args.run_count, max_steps, max_flushes) {
    codes_ = args.panel + header_of(args.panel).codes;
    step_bytes_ = 4 * std::size_t{header_of(args.panel).width};
  }
  /// Of no panel.
  ChunkCutter(const KRun* runs, std::uint32_t run_count, std::uint32_t max_steps, unsigned max_flushes)
      : runs_(runs), run_count_(run_count), max_steps_(max_steps), max_flushes_(max_flushes) {}

  bool done() const { return run_ == run_count_; }

  void next(Chunk& chunk) {
    chunk.count = chunk.flushes = 0;
    chunk.steps = chunk.quads = 0;
    chunk.codes = codes_;
    chunk.continues = open_;
    while (!done() && chunk.count < Chunk::kMaxPieces && chunk.flushes < max_flushes_ &&
           chunk.steps < max_steps_)
      add_piece(chunk);
    chunk.unfinished = open_;
    codes_ += chunk.steps * step_bytes_;
    chunk.end = codes_;
  }

 private:
  void add_piece(Chunk& chunk) {
    const KRun& run = runs_[run_];
    const std::uint32_t room = (max_steps_ - chunk.steps) * kStepCodes, left = run.codes - first_;
    const std::uint32_t codes = left < room ? left : room;
    Piece& piece = chunk.pieces[chunk.count++];
    piece = {&run, first_, codes, codes == left && run.flush};
    chunk.steps += (codes + kStepCodes - 1) / kStepCodes;
    chunk.quads += piece.quads();
    chunk.flushes += piece.flush;
    open_ = !piece.flush;
    first_ += codes;
    if (codes == left) ++run_, first_ = 0;
  }

  const KRun* runs_;
  std::uint32_t run_count_, max_steps_;
  unsigned max_flushes_;
  const std::byte* codes_ = nullptr;
  std::size_t step_bytes_ = 0;
  std::uint32_t run_ = 0, first_ = 0;
  bool open_ = false;
};

}  // namespace
}  // namespace lowbit::kernels
