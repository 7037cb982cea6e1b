#include "lowbit/layers/linear.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <vector>

#include "layers/column_terms.h"
#include "layers/dynamic_input.h"
#include "layers/scratch.h"
#include "lowbit/core/error.h"
#include "lowbit/kernels/gemm.h"

namespace lowbit {
namespace {

// Rows are quantized and multiplied in blocks, so that the working memory does not grow with the batch.
constexpr std::int64_t kRowBlock = 256;

LayerQuantization input_quantization(const LinearOptions& options) {
  LayerQuantization q;
  if (!options.activations.is_dynamic) q.input = options.activations.qparams;
  return q;
}

std::vector<float> copy(const VectorView& v) {
  std::vector<float> out(static_cast<std::size_t>(v.size));
  for (std::int64_t i = 0; i < v.size; ++i) out[static_cast<std::size_t>(i)] = v[i];
  return out;
}

void check(const QuantizedMatrix& weights, const LinearOptions& options) {
  if (!options.bias.empty() && options.bias.size != weights.rows)
    throw Error(ErrorCode::shape_mismatch, fmt::format("a Linear of {} outputs needs as many biases, not {}",
                                                       weights.rows, options.bias.size));
  if (options.activations.bits != 8)
    throw Error(ErrorCode::not_built,
                fmt::format("activations of {} bits are not built yet, only 8", options.activations.bits));
  const QParams& q = options.activations.qparams;
  if (!options.activations.is_dynamic && !(q.scale > 0 && q.scale <= std::numeric_limits<float>::max() &&
                                           q.zero_point >= 0 && q.zero_point <= 255))
    throw Error(
        ErrorCode::invalid_argument,
        fmt::format("a Linear's input needs a positive scale and a zero point in 0..255, not {} and {}",
                    q.scale, q.zero_point));
}

}  // namespace

struct Linear::State {
  State(const QuantizedMatrix& q, const LinearOptions& options)
      : quantization(input_quantization(options)),
        weights(q.spec()),
        terms(weights, q.scales, copy(options.bias), quantization),
        executor(options.executor) {}

  void run_block(const MatrixView& x, const MutableMatrixView& y, std::int64_t first, std::int64_t count,
                 std::byte* block) const;
  std::size_t block_bytes(std::int64_t in, std::int64_t out) const {
    return align64(kRowBlock * align64(static_cast<std::size_t>(in))) +
           3 * align64(kRowBlock * sizeof(float)) +
           align64(kRowBlock * static_cast<std::size_t>(out) * sizeof(float)) +
           align64(static_cast<std::size_t>(in) * sizeof(float));
  }

  LayerQuantization quantization;
  PackedWeights weights;
  ColumnTerms terms;
  std::shared_ptr<Executor> executor;
};

void Linear::State::run_block(const MatrixView& x, const MutableMatrixView& y, std::int64_t first,
                              std::int64_t count, std::byte* block) const {
  Scratch scratch(block);
  const auto stride = static_cast<std::ptrdiff_t>(align64(static_cast<std::size_t>(x.cols)));
  auto* codes = scratch.take<std::uint8_t>(static_cast<std::size_t>(kRowBlock * stride));
  auto* row_scale = scratch.take<float>(kRowBlock);
  auto* row_a = scratch.take<std::int32_t>(kRowBlock);
  auto* row_b = scratch.take<std::int32_t>(kRowBlock);
  auto* result = scratch.take<float>(static_cast<std::size_t>(kRowBlock * y.cols));
  auto* gathered = scratch.take<float>(static_cast<std::size_t>(x.cols));

  for (std::int64_t i = 0; i < count; ++i) {
    const float* row = x.data + (first + i) * x.row_stride;
    if (x.col_stride != 1) {
      for (std::int64_t c = 0; c < x.cols; ++c) gathered[c] = row[c * x.col_stride];
      row = gathered;
    }
    const QParams p =
        quantization.input ? *quantization.input : choose_dynamic(row, static_cast<std::size_t>(x.cols));
    elementwise().quantize(row, static_cast<std::size_t>(x.cols), u8_quantize_params(p), codes + i * stride,
                           nullptr);
    row_scale[i] = p.scale;
    row_a[i] = p.zero_point;
  }

  const bool direct = y.col_stride == 1 && y.row_stride >= 0;
  const GemmLhs lhs{.a = codes, .rows = static_cast<std::size_t>(count), .row_stride = stride};
  GemmOut out;
  out.c = direct ? y.data + first * y.row_stride : result;
  out.c_row_bytes = static_cast<std::size_t>(direct ? y.row_stride : y.cols) * sizeof(float);
  out.epilogue = base_epilogue({}, quantization);
  set_columns(out.epilogue, terms, weights, !quantization.input);
  if (!quantization.input) out.epilogue.row_scale = row_scale;
  if (!quantization.input || weights.groups() > 1) out.epilogue.row_a = row_a;
  if (!weights.weight_zero_points().empty()) {
    row_sums(lhs, weights, row_b);
    out.epilogue.row_b = row_b;
  }
  gemm(lhs, weights, out, executor ? *executor : serial_executor());
  if (direct) return;
  for (std::int64_t i = 0; i < count; ++i)
    for (std::int64_t c = 0; c < y.cols; ++c) y(first + i, c) = result[i * y.cols + c];
}

Linear::Linear(const QuantizedMatrix& weights, const LinearOptions& options)
    : in_(weights.cols), out_(weights.rows) {
  weights.validate();
  check(weights, options);
  state_ = std::make_shared<const State>(weights, options);
}

const char* Linear::kernel() const {
  return state_->weights.kernel().name;
}

void Linear::forward(const TensorView& x, const MutableTensorView& y) const {
  if (x.shape.rank() != 2 || y.shape.rank() != 2 || x.shape[1] != in_ || y.shape[1] != out_ ||
      x.shape[0] != y.shape[0])
    throw Error(ErrorCode::shape_mismatch,
                fmt::format("a Linear of {} inputs and {} outputs got samples of shape {} and room for {}",
                            in_, out_, x.shape.to_string(), y.shape.to_string()));
  const MatrixView rows(x.data, x.shape[0], in_, x.strides[0], x.strides[1]);
  const MutableMatrixView results(y.data, y.shape[0], out_, y.strides[0], y.strides[1]);
  const AlignedBytes block = aligned_bytes(state_->block_bytes(in_, out_));
  for (std::int64_t first = 0; first < rows.rows; first += kRowBlock)
    state_->run_block(rows, results, first, std::min(kRowBlock, rows.rows - first), block.get());
}

}  // namespace lowbit
