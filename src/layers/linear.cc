// SPDX-License-Identifier: Apache-2.0
#include "lowbit/layers/linear.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <vector>

#include "layers/group_offsets.h"
#include "layers/linear_product.h"
#include "layers/scratch.h"
#include "lowbit/core/aligned_bytes.h"
#include "lowbit/core/error.h"
#include "lowbit/runtime/detail/float_env.h"

namespace lowbit {
namespace {

// Rows are quantized and multiplied in blocks, so that the working memory does not grow with the batch.
constexpr std::int64_t kRowBlock = 256;

RowInput linear_input(const LinearOptions& options) {
  if (options.activations.bits == 1) return RowInput::signs;
  return options.activations.bits == 0 ? RowInput::floats : RowInput::quantize;
}

LayerQuantization input_quantization(const LinearOptions& options) {
  LayerQuantization q;
  if (!options.activations.is_dynamic && options.activations.bits != 0) q.input = options.activations.qparams;
  return q;
}

void check(const QuantizedMatrix& weights, const LinearOptions& options) {
  if (!options.bias.empty() && options.bias.size() != weights.rows)
    throw Error(ErrorCode::shape_mismatch, fmt::format("a Linear of {} outputs needs as many biases, not {}",
                                                       weights.rows, options.bias.size()));
  const int bits = options.activations.bits;
  if (bits != 8 && bits != 0 && !(bits == 1 && options.activations.is_dynamic))
    throw Error(
        ErrorCode::not_built,
        fmt::format("activations of {} bits are not supported, only 8 (or 0, floats; or 1, signs with a "
                    "scale found at run time)",
                    bits));
  const QParams& q = options.activations.qparams;
  if (bits == 8 && !options.activations.is_dynamic &&
      !(q.scale > 0 && q.scale <= std::numeric_limits<float>::max() && q.zero_point >= 0 &&
        q.zero_point <= 255))
    throw Error(
        ErrorCode::invalid_argument,
        fmt::format("a Linear's input needs a positive scale and a zero point in 0..255, not {} and {}",
                    q.scale, q.zero_point));
}

QuantizedMatrix without_offsets(QuantizedMatrix q) {
  q.offsets.clear();
  return q;
}

/// Whether a product can read or write rows there.
template <class View>
bool is_direct(const View& m) {
  return m.col_stride == 1 && m.row_stride >= 0;
}

}  // namespace

struct Linear::State {
  State(const QuantizedMatrix& weights, const LinearOptions& options)
      : product(weights, linear_input(options), options.bias.values(), input_quantization(options),
                options.activation, active_isa()),
        executor(options.executor) {}
  /// Of weights with offsets of groups, float activations.
  State(const QuantizedMatrix& weights, const LinearOptions& options, GroupOffsets group_offsets)
      : product(without_offsets(weights), linear_input(options), options.bias.values(), {}, {}, active_isa()),
        executor(options.executor),
        offsets(std::move(group_offsets)),
        activation(options.activation) {}

  void run_block(const MatrixView& x, const MutableMatrixView& y, std::int64_t first, std::int64_t count,
                 std::byte* block) const;
  /// Scratch memory of `rows` rows. `x` and `y`: whether samples are gathered, and results scattered.
  std::size_t block_bytes(std::int64_t rows, const MatrixView& x, const MutableMatrixView& y) const {
    const auto count = static_cast<std::size_t>(rows);
    return product.scratch_bytes(count) +
           (is_direct(x) ? 0 : align64(count * static_cast<std::size_t>(x.cols) * sizeof(float))) +
           (is_direct(y) ? 0 : align64(count * static_cast<std::size_t>(y.cols) * sizeof(float)));
  }

  LinearProduct product;
  std::shared_ptr<Executor> executor;
  GroupOffsets offsets{QuantizedMatrix{}};
  ops::Activation activation{};  // where it comes after offsets
};

void Linear::State::run_block(const MatrixView& x, const MutableMatrixView& y, std::int64_t first,
                              std::int64_t count, std::byte* block) const {
  Scratch scratch(block);
  const auto rows = static_cast<std::size_t>(count);
  auto* memory = scratch.take<std::byte>(product.scratch_bytes(rows));
  constexpr auto kBytes = static_cast<std::ptrdiff_t>(sizeof(float));
  // Only read through.
  RowBlock in{const_cast<float*>(x.data + first * x.row_stride), 1, rows, 0, x.row_stride * kBytes};
  RowBlock out{y.data + first * y.row_stride, 1, rows, 0, y.row_stride * kBytes};
  if (!is_direct(x)) {
    auto* gathered = scratch.take<float>(rows * static_cast<std::size_t>(x.cols));
    for (std::int64_t i = 0; i < count; ++i)
      for (std::int64_t c = 0; c < x.cols; ++c) gathered[i * x.cols + c] = x(first + i, c);
    in.data = gathered;
    in.row_stride = x.cols * kBytes;
  }
  float* result = nullptr;
  if (!is_direct(y)) {
    out.data = result = scratch.take<float>(rows * static_cast<std::size_t>(y.cols));
    out.row_stride = y.cols * kBytes;
  }
  product.run(in, out, memory, executor ? *executor : serial_executor());
  for (std::size_t i = 0; i < rows && !offsets.empty(); ++i) {
    const auto row = static_cast<std::ptrdiff_t>(i);
    offsets.add(static_cast<const float*>(in.data) + row * (in.row_stride / kBytes),
                static_cast<float*>(out.data) + row * (out.row_stride / kBytes), activation);
  }
  if (result == nullptr) return;
  for (std::int64_t i = 0; i < count; ++i)
    for (std::int64_t c = 0; c < y.cols; ++c) y(first + i, c) = result[i * y.cols + c];
}

Linear::Linear(const QuantizedMatrix& weights, const LinearOptions& options)
    : in_(weights.cols), out_(weights.rows) {
  weights.validate();
  check(weights, options);
  state_ = GroupOffsets::are_in(weights) && linear_input(options) == RowInput::floats
               ? std::make_shared<const State>(weights, options, GroupOffsets(weights))
               : std::make_shared<const State>(weights, options);
}

const char* Linear::kernel() const {
  return state_->product.weights().kernel().name;
}

void Linear::forward(const TensorView& x, const MutableTensorView& y) const {
  if (x.shape.rank() != 2 || y.shape.rank() != 2 || x.shape[1] != in_ || y.shape[1] != out_ ||
      x.shape[0] != y.shape[0])
    throw Error(ErrorCode::shape_mismatch,
                fmt::format("a Linear of {} inputs and {} outputs got samples of shape {} and room for {}",
                            in_, out_, x.shape.to_string(), y.shape.to_string()));
  const FloatEnvironmentGuard defaults;  // quantizing the samples rounds, too
  const MatrixView rows(x.data, x.shape[0], in_, x.strides[0], x.strides[1]);
  const MutableMatrixView results(y.data, y.shape[0], out_, y.strides[0], y.strides[1]);
  const AlignedBytes block =
      aligned_bytes(state_->block_bytes(std::min(kRowBlock, rows.rows), rows, results));
  for (std::int64_t first = 0; first < rows.rows; first += kRowBlock)
    state_->run_block(rows, results, first, std::min(kRowBlock, rows.rows - first), block.get());
}

}  // namespace lowbit
