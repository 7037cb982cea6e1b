// Cuts K into chunks whose weights stay in the L1 cache while all rows of a strip pass by.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/gemm/common/x86_panel.inl"

namespace lowbit {
namespace {

/// Part of a run: codes [first, first + codes).
struct Piece {
  const KRun* run;
  std::uint32_t first, codes;
  bool flush;  // ends its scale group
};

struct Chunk {
  static constexpr unsigned kMaxPieces = 64;

  Piece pieces[kMaxPieces];
  unsigned count;       // of pieces
  unsigned flushes;     // groups that end here
  std::uint32_t steps;  // of kStepCodes codes; every piece starts with a step of its own
  std::uint32_t first_group;
  const std::byte *codes, *end;  // in the panel
  bool continues, unfinished;    // whether the first group began before, and the last one ends later
};

/// Walks the runs of a tile chunk by chunk.
class ChunkCutter {
 public:
  ChunkCutter(const TileArgs& args, std::uint32_t max_steps, unsigned max_flushes)
      : args_(args), max_steps_(max_steps), max_flushes_(max_flushes), header_(header_of(args.panel)) {
    codes_ = args.panel + header_.codes;
  }

  bool done() const { return run_ == args_.run_count; }

  void next(Chunk& chunk) {
    chunk.count = chunk.flushes = 0;
    chunk.steps = 0;
    chunk.codes = codes_;
    chunk.first_group = args_.runs[run_].group;
    chunk.continues = open_;
    while (!done() && chunk.count < Chunk::kMaxPieces && chunk.flushes < max_flushes_ &&
           chunk.steps < max_steps_)
      add_piece(chunk);
    chunk.unfinished = open_;
    codes_ += std::size_t{chunk.steps} * 4 * header_.width;
    chunk.end = codes_;
  }

 private:
  void add_piece(Chunk& chunk) {
    const KRun& run = args_.runs[run_];
    const std::uint32_t room = (max_steps_ - chunk.steps) * kStepCodes, left = run.codes - first_;
    const std::uint32_t codes = left < room ? left : room;
    Piece& piece = chunk.pieces[chunk.count++];
    piece = {&run, first_, codes, codes == left && run.flush};
    chunk.steps += (codes + kStepCodes - 1) / kStepCodes;
    chunk.flushes += piece.flush;
    open_ = !piece.flush;
    first_ += codes;
    if (codes == left) ++run_, first_ = 0;
  }

  const TileArgs& args_;
  std::uint32_t max_steps_;
  unsigned max_flushes_;
  const PanelHeader& header_;
  const std::byte* codes_;
  std::uint32_t run_ = 0, first_ = 0;
  bool open_ = false;
};

inline VecF group_scales(const PanelHeader& h, std::uint32_t group, unsigned v) {
  const std::byte* scales = reinterpret_cast<const std::byte*>(&h) + h.scales;
  const std::size_t at = std::size_t{group} * h.width + v * kLanes;
  return h.scale_bytes == 2 ? load_half(scales + at * 2)
                            : load_f(reinterpret_cast<const float*>(scales + at * 4));
}

/// The unsigned code of weight 0 in each lane.
inline VecI group_zeros(const PanelHeader& h, std::uint32_t group, unsigned v) {
  if (h.zeros == 0) return broadcast_i(Format::kMiddle);
  return load_u8_as_int(reinterpret_cast<const std::byte*>(&h) + h.zeros + std::size_t{group} * h.width +
                        v * kLanes);
}

/// Whether the rows of a strip have one zero point, or none.
inline bool all_alike(const std::int32_t* row_zero, unsigned rows) {
  for (unsigned i = 1; row_zero && i < rows; ++i)
    if (row_zero[i] != row_zero[0]) return false;
  return true;
}

}  // namespace
}  // namespace lowbit
