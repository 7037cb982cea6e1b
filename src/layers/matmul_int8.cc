// SPDX-License-Identifier: Apache-2.0
// Codes less their zero points are words; their products are whole numbers, which are added up exactly and
// rounded to float once, so that the result has the same bits on every CPU.
#include <algorithm>

#include "layers/matmul_steps.h"
#include "layers/word_panels.h"

namespace lowbit::ops {
namespace {

using kernels::kWordTile;

/// Products whose sum stays in 32 bits: 255 * 255 * kDepth < 2^31.
constexpr std::int64_t kDepth = 32768;

class MatMulInt8 final : public Step {
 public:
  explicit MatMulInt8(const StepSpec& spec)
      : kernel_(kernels::select_word_kernel(spec.isa)),
        products_(spec),
        range_(code_range(*spec.output, {})),
        zero_a_(spec.inputs[0]->qparams.zero_point),
        zero_b_(spec.inputs[1]->qparams.zero_point) {
    const double scale = static_cast<double>(spec.inputs[0]->qparams.scale) *
                         static_cast<double>(spec.inputs[1]->qparams.scale);
    multiplier_ = multiplier(scale, static_cast<double>(spec.output->qparams.scale));
    depth_ = round_up(products_.a.cols, 2);
    cols_ = round_up(products_.b.cols, kWordTile);
    chunk_ = std::min(depth_, kDepth);
    room_[0] = scratch_bytes_of<std::int16_t>(products_.a.rows * depth_);
    room_[1] = scratch_bytes_of<std::int16_t>(cols_ * chunk_);
    room_[2] = scratch_bytes_of<std::int32_t>(products_.a.rows * cols_);
    room_[3] = scratch_bytes_of<std::int64_t>(products_.a.rows * cols_);
  }

  std::size_t scratch_bytes(std::int64_t, int) const override {
    return room_[0] + room_[1] + room_[2] + room_[3];
  }

  void run(const StepArgs& args) const noexcept override {
    auto* left = reinterpret_cast<std::int16_t*>(args.scratch);
    auto* right = reinterpret_cast<std::int16_t*>(args.scratch + room_[0]);
    auto* sums = reinterpret_cast<std::int32_t*>(args.scratch + room_[0] + room_[1]);
    auto* totals = reinterpret_cast<std::int64_t*>(args.scratch + room_[0] + room_[1] + room_[2]);
    const auto& [a, b, out, shape, count] = products_;
    for (std::int64_t s = 0; s < args.batch; ++s)
      for (std::int64_t i = 0; i < count; ++i) {
        word_rows(left_of(args, s, i), depth_, left);
        std::fill_n(totals, a.rows * cols_, std::int64_t{0});
        for (std::int64_t first = 0; first < depth_; first += chunk_) {
          const std::int64_t part = std::min(chunk_, depth_ - first);
          word_panels(right_of(args, s, i, first, part), part, cols_, right);
          kernel_.multiply({a.rows, cols_, part, left + first, depth_, right, sums, cols_});
          for (std::int64_t e = 0; e < a.rows * cols_; ++e) totals[e] += sums[e];
        }
        write(totals, args.output.sample<std::uint8_t>(s) + products_.offset(out, i));
      }
  }
  std::string kernel() const override { return kernel_.name; }

 private:
  CodeMatrix left_of(const StepArgs& args, std::int64_t s, std::int64_t i) const {
    const Matrices& a = products_.a;
    return {args.inputs[0].sample<const std::uint8_t>(s) + products_.offset(a, i),
            a.rows,
            a.cols,
            a.row_stride,
            a.col_stride,
            zero_a_};
  }
  /// Up to `count` rows from `first` on.
  CodeMatrix right_of(const StepArgs& args, std::int64_t s, std::int64_t i, std::int64_t first,
                      std::int64_t count) const {
    const Matrices& b = products_.b;
    return {args.inputs[1].sample<const std::uint8_t>(s) + products_.offset(b, i) + first * b.row_stride,
            std::min(count, b.rows - first),
            b.cols,
            b.row_stride,
            b.col_stride,
            zero_b_};
  }

  void write(const std::int64_t* totals, std::uint8_t* to) const {
    const Matrices& out = products_.out;
    for (std::int64_t r = 0; r < out.rows; ++r)
      for (std::int64_t c = 0; c < out.cols; ++c)
        to[r * out.row_stride + c * out.col_stride] =
            u8_code(range_, static_cast<float>(totals[r * cols_ + c]) * multiplier_);
  }

  const kernels::WordKernel& kernel_;
  MatrixProducts products_;
  CodeRange range_;
  int zero_a_, zero_b_;
  float multiplier_ = 1.0f;
  std::int64_t depth_ = 0, cols_ = 0, chunk_ = 0;
  std::array<std::size_t, 4> room_{};
};

}  // namespace

std::unique_ptr<Step> make_matmul_int8(const StepSpec& spec) {
  for (const ValueType* input : spec.inputs) require_qparams(*input, MatMulOp::kName);
  require_qparams(*spec.output, MatMulOp::kName);
  return std::make_unique<MatMulInt8>(spec);
}

}  // namespace lowbit::ops
