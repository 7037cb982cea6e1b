// SPDX-License-Identifier: Apache-2.0
#include "lowbit/layers/embedding.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "layers/step_common.h"
#include "lowbit/quant/quantized_matrix.h"

namespace lowbit::ops {
namespace {

class EmbeddingStep final : public Step {
 public:
  EmbeddingStep(const EmbeddingOp& op, const StepSpec& spec)
      : table_(spec.weights ? nullptr : op.weight.data.data()),
        codes_(spec.weights),
        out_(*spec.output),
        numbers_(spec.inputs[0]->shape),
        rows_(op.weight.shape[0]),
        width_(op.weight.shape[1]) {
    const int rank = spec.output->shape.rank();
    for (int axis = 0; axis < rank - 1; ++axis)
      strides_[static_cast<std::size_t>(axis)] = out_.stride[memory_axis(rank, axis)];
    stride_ = out_.stride[memory_axis(rank, rank - 1)];
  }

  std::size_t scratch_bytes(std::int64_t, int) const override {
    return static_cast<std::size_t>(round_up(width_, 16)) * sizeof(float);
  }

  bool reads_operator() const override { return table_ != nullptr; }

  void run(const StepArgs& args) const noexcept override {
    auto* room = reinterpret_cast<float*>(args.scratch);
    for (std::int64_t s = 0; s < args.batch; ++s) {
      const auto* numbers = args.inputs[0].sample<const std::int64_t>(s);
      for (std::int64_t i = 0; i < numbers_.elements(); ++i) {
        const std::int64_t row = numbers[i] < 0 ? numbers[i] + rows_ : numbers[i];
        write(std::clamp<std::int64_t>(row, 0, rows_ - 1), args.output.sample<float>(s) + place(i), room);
      }
    }
  }

 private:
  /// Of the i-th row, in logical order.
  std::int64_t place(std::int64_t i) const {
    std::int64_t at = 0;
    for (int axis = numbers_.rank(); axis-- > 0;) {
      at += i % numbers_[axis] * strides_[static_cast<std::size_t>(axis)];
      i /= numbers_[axis];
    }
    return at;
  }

  void write(std::int64_t row, float* to, float* room) const {
    const float* from = table_ ? table_ + row * width_ : room;
    if (codes_) dequantize_row(*codes_, row, {stride_ == 1 ? to : room, static_cast<std::size_t>(width_)});
    if (stride_ != 1)
      for (std::int64_t c = 0; c < width_; ++c) to[c * stride_] = from[c];
    else if (table_)
      std::memcpy(to, from, static_cast<std::size_t>(width_) * sizeof(float));
  }

  const float* table_;
  const QuantizedMatrix* codes_;
  Box out_;
  Shape numbers_;
  std::int64_t rows_, width_;
  std::array<std::int64_t, Shape::kMaxRank> strides_{};  ///< of the axes of numbers, in the output
  std::int64_t stride_ = 1;                              ///< from element to element of a row
};

}  // namespace

Shape infer_shape(const EmbeddingOp& op, std::span<const Shape> inputs) {
  require_inputs(inputs, 1, EmbeddingOp::kName);
  const Shape& table = op.weight.shape;
  if (table.rank() != 2 || table[0] < 1 || table[1] < 1)
    throw Error(ErrorCode::shape_mismatch,
                fmt::format("Embedding: the table has shape {}; expected rows x width", table.to_string()));
  require_weight_data(op.weight, EmbeddingOp::kName);
  if (inputs[0].rank() >= Shape::kMaxRank)
    throw Error(ErrorCode::shape_mismatch,
                fmt::format("Embedding: numbers of {} dimensions", inputs[0].rank()));
  std::vector<std::int64_t> dims(inputs[0].dims().begin(), inputs[0].dims().end());
  dims.push_back(table[1]);
  return Shape(dims);
}

std::unique_ptr<Step> make_step(const EmbeddingOp& op, const StepSpec& spec) {
  require_shapes(op, spec);
  if (spec.inputs[0]->dtype != DType::i64 || spec.output->dtype != DType::f32)
    throw Error(ErrorCode::unsupported, "Embedding takes integers and gives f32 values");
  require_matrix_weights(op.weight, spec, EmbeddingOp::kName);
  return std::make_unique<EmbeddingStep>(op, spec);
}

}  // namespace lowbit::ops
