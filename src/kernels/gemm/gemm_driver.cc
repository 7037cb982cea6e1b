// SPDX-License-Identifier: Apache-2.0
// The driver of the GEMM kernels: cuts a product into strips of rows by panels of columns and hands them to
// the executor's threads. K is never split. packed_weights.cc makes the panels; the folders beside have a
// kernel for each way to multiply: x86_dot (vpdpbusd), x86_maddubs (vpmaddubsw), neon, f32 (floats times
// codes), binary (signs times signs), reference (the scalar oracle), and common (what several share: panels,
// epilogue).
#include "lowbit/kernels/gemm.h"

#include <algorithm>
#include <cstdint>

#include "lowbit/core/error.h"
#include "lowbit/kernels/elementwise_kernel.h"
#include "lowbit/runtime/detail/float_env.h"

namespace lowbit::kernels {
namespace {

// Rows of A that stay in the L2 cache while the panels pass by. Few rows would wait for the panels: a strip
// of r rows multiplies each weight r times, and the third-level cache brings far less than a vector a cycle.
constexpr std::size_t kStripBytes = 512 * 1024;
// Offsets of a plain matrix are written to the stack, so a strip has no more rows than this.
constexpr std::size_t kMaxPlainStrip = 480;
// What a piece of work keeps on the stack of prepared rows.
constexpr std::size_t kPreparedBytes = 128 * 1024;
// Below this many multiply-adds, waking threads costs more than they bring.
constexpr std::uint64_t kMinParallelMacs = 4'000'000;
// Pieces of work per thread: enough that a late thread does not hold up the others for long.
constexpr std::uint64_t kPiecesPerThread = 4;

std::size_t ceil_div(std::size_t a, std::size_t b) {
  return (a + b - 1) / b;
}

std::size_t element_bytes(OutType type) {
  return type == OutType::u8 ? 1 : 4;
}

/// What a tap of a row of A takes.
std::size_t row_bytes_of(const PackedWeights& weights) {
  const std::size_t codes = weights.k() / weights.taps();
  switch (weights.kernel().act) {
    case ActType::u8:
      return codes;
    case ActType::f32:
      return codes * sizeof(float);
    case ActType::b1:
      return ceil_div(codes, 8);
  }
  return codes;
}

/// The product cut into strips of rows by panels of columns, image by image; the panels of a strip are
/// neighbours.
class Tiling {
 public:
  Tiling(const GemmLhs& lhs, const PackedWeights& weights, const GemmOut& out, int threads)
      : lhs_(lhs), weights_(weights), out_(out) {
    const std::size_t step = weights.kernel().m_step;
    const std::size_t row_bytes = row_bytes_of(weights);
    strip_ = std::max(step, kStripBytes / row_bytes / step * step);
    if (lhs.offsets == nullptr) strip_ = std::min(strip_, kMaxPlainStrip / step * step);
    if (lhs.rows <= weights.kernel().few_rows) {
      strip_ = lhs.rows;
      strips_ = 1;
      prepares_ = weights.kernel().prepared_bytes(static_cast<std::uint32_t>(strip_), weights.runs().data(),
                                                  static_cast<std::uint32_t>(weights.runs().size())) <=
                  kPreparedBytes;
      return;
    }
    balance(step);
    while (threads > 1 && strip_ > step && items() < kPiecesPerThread * static_cast<std::uint64_t>(threads)) {
      strip_ = std::max(step, strip_ / 2 / step * step);
      balance(step);
    }
  }

  std::uint64_t items() const { return std::uint64_t{lhs_.images} * strips_ * weights_.panels(); }

  /// Items [first, last).
  void run(std::uint64_t first, std::uint64_t last) const {
    alignas(64) std::byte prepared[kPreparedBytes];
    const std::uint64_t panels = weights_.panels();
    for (std::uint64_t item = first; item < last;) {
      const std::uint64_t index = item / panels, end = std::min(last, (index + 1) * panels);
      Strip strip(*this, index / strips_, index % strips_ * strip_);
      if (prepares_) {
        weights_.kernel().prepare(strip.args, prepared);
        strip.args.prepared = prepared;
      }
      for (; item < end; ++item) run_panel(strip, item % panels);
    }
  }

 private:
  void balance(std::size_t step) {
    strips_ = ceil_div(lhs_.rows, strip_);
    strip_ = ceil_div(ceil_div(lhs_.rows, strips_), step) * step;
    strips_ = ceil_div(lhs_.rows, strip_);
  }

  /// Rows of one image, as a kernel sees them.
  struct Strip {
    std::size_t image, row;
    TileArgs args;
    std::ptrdiff_t offsets[kMaxPlainStrip];  // of a plain matrix

    Strip(const Tiling& tiling, std::size_t image_index, std::size_t first_row)
        : image(image_index), row(first_row) {
      const GemmLhs& lhs = tiling.lhs_;
      args.m = static_cast<std::uint32_t>(std::min(tiling.strip_, lhs.rows - row));
      args.a = lhs.a + static_cast<std::ptrdiff_t>(image) * lhs.image_stride;
      args.runs = tiling.weights_.runs().data();
      args.run_count = static_cast<std::uint32_t>(tiling.weights_.runs().size());
      if (lhs.offsets != nullptr) {
        args.a_offset = lhs.offsets + row;
        args.a_offset_stride = lhs.rows;
        return;
      }
      for (std::uint32_t i = 0; i < args.m; ++i)
        offsets[i] = static_cast<std::ptrdiff_t>(row + i) * lhs.row_stride;
      args.a_offset = offsets;
    }
  };

  void run_panel(Strip& strip, std::uint64_t index) const {
    const auto panel = static_cast<std::uint32_t>(index);
    const std::uint32_t nr = weights_.kernel().nr, column = panel * nr;
    TileArgs& args = strip.args;
    args.n = std::min(nr, weights_.n() - column);
    args.panel = weights_.panel(panel);
    args.epilogue = tile_epilogue(strip.image, strip.row, column);
    args.c = static_cast<std::byte*>(out_.c) +
             static_cast<std::ptrdiff_t>(strip.image) * out_.c_image_stride + strip.row * out_.c_row_bytes +
             column * element_bytes(out_.epilogue.out);
    args.c_row_bytes = out_.c_row_bytes;
    weights_.kernel().run(args);
  }

  Epilogue tile_epilogue(std::size_t image, std::size_t row, std::uint32_t column) const {
    Epilogue e = out_.epilogue;
    const std::size_t i = image * lhs_.rows + row;
    if (e.column_constant) e.column_constant += column;
    if (e.row_a) e.row_a += i;
    if (e.col_a) e.col_a += column;
    if (e.row_b) e.row_b += i;
    if (e.col_b) e.col_b += column;
    if (e.multiplier) e.multiplier += column;
    if (e.row_scale) e.row_scale += i;
    if (e.addend) e.addend += column;
    if (e.residual)
      e.residual += static_cast<std::ptrdiff_t>(image) * out_.residual_image_stride +
                    static_cast<std::ptrdiff_t>(row * e.residual_row_bytes + column);
    return e;
  }

  const GemmLhs& lhs_;
  const PackedWeights& weights_;
  const GemmOut& out_;
  std::size_t strip_ = 0, strips_ = 0;
  bool prepares_ = false;
};

}  // namespace

void gemm(const GemmLhs& lhs, const PackedWeights& weights, const GemmOut& out, Executor& executor) noexcept {
  LOWBIT_ASSERT(lhs.offsets != nullptr || weights.taps() == 1);
  if (lhs.images == 0 || lhs.rows == 0 || weights.n() == 0) return;
  const std::uint64_t macs = std::uint64_t{lhs.images} * lhs.rows * weights.n() * weights.k();
  const int threads = macs < kMinParallelMacs ? 1 : executor.concurrency();
  const Tiling tiling(lhs, weights, out, threads);
  const std::uint64_t items = tiling.items();
  const std::uint64_t pieces =
      threads == 1 ? 1 : std::min(items, kPiecesPerThread * static_cast<std::uint64_t>(threads));
  auto piece = [&](int i) {
    const FloatEnvironmentGuard guard;  // the executor's threads are not always ours
    const auto p = static_cast<std::uint64_t>(i);
    tiling.run(items * p / pieces, items * (p + 1) / pieces);
  };
  if (pieces == 1) {
    piece(0);
  } else {
    executor.parallel_for(static_cast<int>(pieces), TaskRef(piece));
  }
}

void row_sums(const GemmLhs& lhs, const PackedWeights& weights, std::int32_t* sums) noexcept {
  const auto sum_u8 = elementwise().sum_u8;
  const std::size_t per_tap = weights.k() / weights.taps();
  for (std::size_t b = 0; b < lhs.images; ++b) {
    const std::uint8_t* image = lhs.a + static_cast<std::ptrdiff_t>(b) * lhs.image_stride;
    for (std::size_t i = 0; i < lhs.rows; ++i) {
      std::uint32_t sum = 0;
      for (std::size_t tap = 0; tap < weights.taps(); ++tap) {
        const std::ptrdiff_t offset =
            lhs.offsets ? lhs.offsets[tap * lhs.rows + i] : static_cast<std::ptrdiff_t>(i) * lhs.row_stride;
        sum += static_cast<std::uint32_t>(sum_u8(image + offset, per_tap));
      }
      sums[b * lhs.rows + i] = static_cast<std::int32_t>(sum);
    }
  }
}

}  // namespace lowbit::kernels
