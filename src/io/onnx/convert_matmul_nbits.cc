// SPDX-License-Identifier: Apache-2.0
// MatMulNBits of com.microsoft: a product with weights in blocks of 4 or 8 bits, as exporters of language
// models write it. y = x W^T, W [N][K] in codes [N][blocks][bytes of a block], low bits first.
#include <fmt/format.h>

#include <utility>

#include "io/onnx/registry.h"
#include "io/onnx/tensors.h"

namespace lowbit::onnx_import {
namespace {

class Blocks {
 public:
  explicit Blocks(const NodeContext& node)
      : node_(node),
        rows_(node.int_attribute("N", 0)),
        cols_(node.int_attribute("K", 0)),
        bits_(node.int_attribute("bits", 4)),
        size_(node.int_attribute("block_size", 0)),
        codes_(node.constant(1)) {
    constexpr std::int64_t kMost = std::int64_t{1} << 31;
    if (bits_ != 4 && bits_ != 8)
      node.refuse(fmt::format("has codes of {} bits; 4 and 8 are supported", bits_));
    if (rows_ < 1 || cols_ < 1 || size_ < 16 || size_ % 4 != 0 || rows_ > kMost || cols_ > kMost)
      node.reject(fmt::format("has N = {}, K = {} and blocks of {}", rows_, cols_, size_));
    blocks_ = (cols_ + size_ - 1) / size_;
    if (!codes_.is_integer ||
        static_cast<std::int64_t>(codes_.size()) != rows_ * blocks_ * (size_ * bits_ / 8))
      node.reject(fmt::format("has {} bytes of codes for {} x {} weights in blocks of {}", codes_.size(),
                              rows_, cols_, size_));
    if (node.has_input(4)) node.refuse("gives its columns in another order (g_idx)");
    result_.group_size = size_;
    result_.bits = static_cast<int>(bits_);
    result_.is_signed = false;
    result_.scales = float_vector(node, 2);
    if (static_cast<std::int64_t>(result_.scales.size()) != rows_ * blocks_)
      node.reject(fmt::format("has {} scales for {} blocks", result_.scales.size(), rows_ * blocks_));
    read_zero_points();
  }

  const WeightCodes& codes() const { return result_; }

  Tensor reals() const {
    Tensor weight;
    weight.shape = Shape{rows_, cols_};
    weight.data = large_floats(static_cast<std::size_t>(rows_ * cols_));
    for (std::int64_t r = 0; r < rows_; ++r)
      for (std::int64_t c = 0; c < cols_; ++c) {
        const auto block = static_cast<std::size_t>(r * blocks_ + c / size_);
        weight.data[static_cast<std::size_t>(r * cols_ + c)] =
            static_cast<float>(packed(codes_, static_cast<std::int64_t>(block) * size_ + c % size_) -
                               result_.zero_points[block]) *
            result_.scales[block];
      }
    return weight;
  }

 private:
  std::int32_t packed(const Constant& bytes, std::int64_t i) const {
    if (bits_ == 8) return static_cast<std::int32_t>(bytes.integers[static_cast<std::size_t>(i)]);
    return static_cast<std::int32_t>(bytes.integers[static_cast<std::size_t>(i / 2)] >> (i % 2 * 4)) & 15;
  }

  /// Without any the middle code. Each row begins at a byte.
  void read_zero_points() {
    result_.zero_points.assign(result_.scales.size(), bits_ == 4 ? 8 : 128);
    const Constant* zeros = node_.optional_constant(3);
    if (!zeros) return;
    if (!zeros->is_integer) node_.refuse("has zero points that are floats");
    const std::int64_t row = (blocks_ * bits_ + 7) / 8;
    if (static_cast<std::int64_t>(zeros->size()) != rows_ * row)
      node_.reject(fmt::format("has {} bytes of zero points for {} blocks", zeros->size(), rows_ * blocks_));
    for (std::int64_t r = 0; r < rows_; ++r)
      for (std::int64_t b = 0; b < blocks_; ++b)
        result_.zero_points[static_cast<std::size_t>(r * blocks_ + b)] =
            packed(*zeros, r * row * 8 / bits_ + b);
  }

  const NodeContext& node_;
  std::int64_t rows_, cols_, bits_, size_, blocks_ = 0;
  const Constant& codes_;
  WeightCodes result_;
};

}  // namespace

void convert_matmul_nbits(NodeContext& node) {
  const Shape& in = node.shape(0);
  if (in.rank() < 1 || in.rank() > 2)
    node.refuse(fmt::format("reads a sample of shape {}; F and T x F are supported", in.to_string()));
  const Blocks blocks(node);
  ops::LinearOp linear;
  linear.weight = blocks.reals();
  if (node.has_input(5)) linear.bias = float_vector(node, 5);
  node.note_weights(blocks.codes());
  node.emit(std::move(linear), {node.value(0)});
}

}  // namespace lowbit::onnx_import
