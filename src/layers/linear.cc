#include "lowbit/layers/linear.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <vector>

#include "layers/column_terms.h"
#include "layers/dynamic_input.h"
#include "layers/scratch.h"
#include "lowbit/core/aligned_bytes.h"
#include "lowbit/core/error.h"
#include "lowbit/kernels/gemm.h"
#include "lowbit/quant/effective.h"
#include "runtime/float_env.h"

namespace lowbit {
namespace {

// Rows are quantized and multiplied in blocks, so that the working memory does not grow with the batch.
constexpr std::int64_t kRowBlock = 256;

LayerQuantization input_quantization(const LinearOptions& options) {
  LayerQuantization q;
  if (!options.activations.is_dynamic && options.activations.bits != 0) q.input = options.activations.qparams;
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
  const int bits = options.activations.bits;
  if (bits != 8 && bits != 0)
    throw Error(ErrorCode::not_built,
                fmt::format("activations of {} bits are not built yet, only 8 (or 0, floats)", bits));
  const QParams& q = options.activations.qparams;
  if (bits == 8 && !options.activations.is_dynamic &&
      !(q.scale > 0 && q.scale <= std::numeric_limits<float>::max() && q.zero_point >= 0 &&
        q.zero_point <= 255))
    throw Error(
        ErrorCode::invalid_argument,
        fmt::format("a Linear's input needs a positive scale and a zero point in 0..255, not {} and {}",
                    q.scale, q.zero_point));
}

/// Whether a product can write its rows there.
bool is_direct(const MutableMatrixView& y) {
  return y.col_stride == 1 && y.row_stride >= 0;
}

}  // namespace

struct Linear::State {
  State(const EffectiveWeights& w, const LinearOptions& options)
      : floats(options.activations.bits == 0),
        quantization(input_quantization(options)),
        weights(w.spec()),
        terms(weights, w.matrix().scales, w.units(), copy(options.bias), quantization),
        executor(options.executor) {}

  void run_block(const MatrixView& x, const MutableMatrixView& y, std::int64_t first, std::int64_t count,
                 std::byte* block) const;
  void quantize_rows(const MatrixView& x, const GemmLhs& lhs, std::uint8_t* codes, Epilogue& e,
                     Scratch& scratch) const;
  std::size_t row_bytes(const MatrixView& x) const {
    return align64(static_cast<std::size_t>(x.cols) * (floats ? sizeof(float) : 1));
  }
  /// Scratch memory of `rows` rows. `x` and `y`: whether samples are gathered, and results scattered.
  std::size_t block_bytes(std::int64_t rows, const MatrixView& x, const MutableMatrixView& y) const {
    const auto count = static_cast<std::size_t>(rows);
    return count * row_bytes(x) + 3 * align64(count * sizeof(float)) +
           (is_direct(y) ? 0 : align64(count * static_cast<std::size_t>(y.cols) * sizeof(float))) +
           (x.col_stride == 1 ? 0 : align64(static_cast<std::size_t>(x.cols) * sizeof(float)));
  }

  bool floats;
  LayerQuantization quantization;
  PackedWeights weights;
  ColumnTerms terms;
  std::shared_ptr<Executor> executor;
};

/// Quantizes the rows of `x` into `codes`, and points the epilogue to their scales and zero points.
void Linear::State::quantize_rows(const MatrixView& x, const GemmLhs& lhs, std::uint8_t* codes, Epilogue& e,
                                  Scratch& scratch) const {
  auto* row_scale = scratch.take<float>(lhs.rows);
  auto* row_a = scratch.take<std::int32_t>(lhs.rows);
  auto* row_b = scratch.take<std::int32_t>(lhs.rows);
  auto* gathered = x.col_stride == 1 ? nullptr : scratch.take<float>(static_cast<std::size_t>(x.cols));
  const bool with_sums = !weights.weight_zero_points().empty();
  for (std::int64_t i = 0; i < x.rows; ++i) {
    const float* row = x.data + i * x.row_stride;
    if (x.col_stride != 1) {
      for (std::int64_t c = 0; c < x.cols; ++c) gathered[c] = row[c * x.col_stride];
      row = gathered;
    }
    const QParams p =
        quantization.input ? *quantization.input : choose_dynamic(row, static_cast<std::size_t>(x.cols));
    elementwise().quantize(row, static_cast<std::size_t>(x.cols), u8_quantize_params(p),
                           codes + i * lhs.row_stride, with_sums ? row_b + i : nullptr);
    row_scale[i] = p.scale;
    row_a[i] = p.zero_point;
  }
  if (!quantization.input) e.row_scale = row_scale;
  if (!quantization.input || weights.groups() > 1) e.row_a = row_a;
  if (with_sums) e.row_b = row_b;
}

void Linear::State::run_block(const MatrixView& x, const MutableMatrixView& y, std::int64_t first,
                              std::int64_t count, std::byte* block) const {
  Scratch scratch(block);
  const auto rows = static_cast<std::size_t>(count);
  const MatrixView part(x.data + first * x.row_stride, count, x.cols, x.row_stride, x.col_stride);
  GemmLhs lhs{.rows = rows, .row_stride = static_cast<std::ptrdiff_t>(row_bytes(x))};
  auto* a = scratch.take<std::uint8_t>(rows * row_bytes(x));
  lhs.a = a;
  const bool direct = is_direct(y);
  auto* result = direct ? nullptr : scratch.take<float>(rows * static_cast<std::size_t>(y.cols));
  GemmOut out;
  out.c = direct ? y.data + first * y.row_stride : result;
  out.c_row_bytes = static_cast<std::size_t>(direct ? y.row_stride : y.cols) * sizeof(float);
  out.epilogue = base_epilogue({}, quantization);
  set_columns(out.epilogue, terms, weights, !quantization.input && !floats);
  if (!floats) {
    quantize_rows(part, lhs, a, out.epilogue, scratch);
  } else if (x.col_stride == 1) {
    lhs.a = reinterpret_cast<const std::uint8_t*>(part.data);
    lhs.row_stride = x.row_stride * static_cast<std::ptrdiff_t>(sizeof(float));
  } else {
    for (std::int64_t i = 0; i < count; ++i)
      for (std::int64_t c = 0; c < x.cols; ++c)
        reinterpret_cast<float*>(a + i * lhs.row_stride)[c] = part(i, c);
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
  const ActType act = options.activations.bits == 0 ? ActType::f32 : ActType::u8;
  state_ = std::make_shared<const State>(EffectiveWeights(weights, act), options);
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
  const FloatEnvironmentGuard defaults;  // quantizing the samples rounds, too
  const MatrixView rows(x.data, x.shape[0], in_, x.strides[0], x.strides[1]);
  const MutableMatrixView results(y.data, y.shape[0], out_, y.strides[0], y.strides[1]);
  const AlignedBytes block =
      aligned_bytes(state_->block_bytes(std::min(kRowBlock, rows.rows), rows, results));
  for (std::int64_t first = 0; first < rows.rows; first += kRowBlock)
    state_->run_block(rows, results, first, std::min(kRowBlock, rows.rows - first), block.get());
}

}  // namespace lowbit
