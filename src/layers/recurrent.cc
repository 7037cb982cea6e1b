// SPDX-License-Identifier: Apache-2.0
// The state of all samples of the batch that the operator knows is one matrix; each step multiplies it by the
// weights and gives the result to the kernel of the cells.
#include "lowbit/layers/recurrent.h"

#include <fmt/format.h>

#include <algorithm>

#include "fp32/fp32_kernel.h"
#include "kernels/functions/function_kernel.h"
#include "layers/linear_product.h"
#include "layers/packed_f32.h"
#include "layers/step_common.h"

namespace lowbit::ops {
namespace {

/// y = W h + b for `rows` rows of floats.
class StateProduct {
 public:
  virtual ~StateProduct() = default;
  virtual std::size_t scratch_bytes() const = 0;
  virtual void run(const float* h, float* y, std::byte* scratch) const noexcept = 0;
  virtual std::string kernel() const = 0;
  virtual const LinearProduct* quantized() const { return nullptr; }
};

/// A part of an operator's weights, and how far apart the rows are that it is multiplied by.
struct GateRows {
  std::int64_t first = 0, count = 0, in_stride = 0;
};

std::span<const float> bias_of(std::span<const float> bias, const GateRows& part) {
  if (bias.empty()) return {};
  return bias.subspan(static_cast<std::size_t>(part.first), static_cast<std::size_t>(part.count));
}

class FloatStateProduct final : public StateProduct {
 public:
  /// `same`: one of another batch, or null.
  FloatStateProduct(const RecurrentOp& op, const GateRows& part, Isa isa, const FloatStateProduct* same)
      : kernel_(fp32::fp32_kernel(isa)) {
    shape_.in_height = 1;
    shape_.in_width = shape_.out_width = op.batch;
    shape_.channels = op.weight.shape[1], shape_.in_stride = part.in_stride;
    shape_.n = shape_.out_stride = part.count;
    packed_ = same ? same->packed_
                   : pack_f32(kernel_, shape_, op.weight.data.data() + part.first * shape_.channels,
                              bias_of(op.bias, part));
  }
  std::size_t scratch_bytes() const override {
    return static_cast<std::size_t>(kernel_.conv_scratch(shape_)) * sizeof(float);
  }
  void run(const float* h, float* y, std::byte* scratch) const noexcept override {
    fp32::ConvArgs c;
    c.shape = &shape_;
    c.last = shape_.out_width;
    c.in = h;
    c.weights = packed_->weights.data();
    c.bias = packed_->bias.data();
    c.out = y;
    c.lo = Activation{}.lo, c.hi = Activation{}.hi;
    c.scratch = reinterpret_cast<float*>(scratch);
    kernel_.conv(c);
  }
  std::string kernel() const override { return kernel_.name; }

 private:
  const fp32::Fp32Kernel& kernel_;
  fp32::ConvShape shape_;
  std::shared_ptr<const PackedF32> packed_;
};

class QuantizedStateProduct final : public StateProduct {
 public:
  QuantizedStateProduct(const RecurrentOp& op, const GateRows& part, const StepSpec& spec,
                        const QuantizedStateProduct* same)
      : rows_(static_cast<std::size_t>(op.batch)),
        in_stride_(part.in_stride),
        out_stride_(part.count),
        product_(same ? same->product_ : pack(op, part, spec)) {}
  std::size_t scratch_bytes() const override { return product_->scratch_bytes(rows_); }
  void run(const float* h, float* y, std::byte* scratch) const noexcept override {
    constexpr auto kFloat = static_cast<std::ptrdiff_t>(sizeof(float));
    // Too little work at a time for threads.
    product_->run({const_cast<float*>(h), 1, rows_, 0, in_stride_ * kFloat},
                  {y, 1, rows_, 0, out_stride_ * kFloat}, scratch, serial_executor());
  }
  std::string kernel() const override { return product_->weights().kernel().name; }
  const LinearProduct* quantized() const override { return product_.get(); }

 private:
  static std::shared_ptr<const LinearProduct> pack(const RecurrentOp& op, const GateRows& part,
                                                   const StepSpec& spec) {
    return std::make_shared<const LinearProduct>(
        *spec.weights, row_input(spec), bias_of(op.bias, part), LayerQuantization{}, Activation{}, spec.isa,
        sign_scale(spec), LinearProduct::Rows{part.first, part.count});
  }

  std::size_t rows_;
  std::ptrdiff_t in_stride_, out_stride_;
  std::shared_ptr<const LinearProduct> product_;
};

std::unique_ptr<StateProduct> make_product(const RecurrentOp& op, const GateRows& part, const StepSpec& spec,
                                           const StateProduct* same) {
  // What is shared is of the same kind: quantized or not.
  const bool shares = same && (same->quantized() != nullptr) == (spec.weights != nullptr);
  if (!shares) same = nullptr;
  if (spec.weights)
    return std::make_unique<QuantizedStateProduct>(op, part, spec,
                                                   static_cast<const QuantizedStateProduct*>(same));
  return std::make_unique<FloatStateProduct>(op, part, spec.isa, static_cast<const FloatStateProduct*>(same));
}

class RecurrentStep final : public SharingStep<RecurrentStep> {
 public:
  RecurrentStep(const RecurrentOp& op, const StepSpec& spec)
      : cells_(kernels::select_function_kernel(spec.isa)),
        cell_(op.cell),
        hidden_(op.weight.shape[1]),
        width_(op.weight.shape[0]),
        batch_(op.batch),
        steps_(spec.inputs[0]->shape[0] / op.batch),
        reverse_(op.reverse) {
    // A state that is reset before its product stands where the reset gate was.
    const std::int64_t first = cell_ == Cell::gru_of_reset ? 2 * hidden_ : width_;
    const auto* same = same_node<RecurrentStep>(spec);
    products_.push_back(
        make_product(op, {0, first, hidden_}, spec, same ? same->products_[0].get() : nullptr));
    if (first < width_)
      products_.push_back(
          make_product(op, {first, width_ - first, first}, spec, same ? same->products_[1].get() : nullptr));
  }

  std::size_t scratch_bytes(std::int64_t, int) const override {
    std::size_t most = 0;
    for (const auto& product : products_) most = std::max(most, product->scratch_bytes());
    return static_cast<std::size_t>(gate_floats()) * sizeof(float) + most;
  }
  std::string kernel() const override { return products_[0]->kernel(); }
  PackReport pack_report() const override {
    PackReport sum;
    for (const auto& product : products_)
      if (product->quantized()) sum += product->quantized()->weights().report();
    return sum;
  }
  bool keeps_weights() const override {
    return std::ranges::all_of(products_, [](const auto& product) {
      const LinearProduct* p = product->quantized();
      return p && p->restorer().holds(p->weights());
    });
  }
  void restore_weights(QuantizedMatrix& weights) const override {
    products_[0]->quantized()->restorer().prepare(weights);
    std::int64_t first = 0;
    for (const auto& product : products_) {
      const kernels::PackedWeights& packed = product->quantized()->weights();
      WeightRestorer::restore(packed, first, weights);
      first += packed.n();
    }
  }

  void run(const StepArgs& args) const noexcept override {
    auto* gates = reinterpret_cast<float*>(args.scratch);
    std::byte* rest = args.scratch + static_cast<std::size_t>(gate_floats()) * sizeof(float);
    for (std::int64_t s = 0; s < args.batch; ++s) run_sample(args, s, gates, rest);
  }

 private:
  std::int64_t gate_floats() const { return round_up(batch_ * width_, 16); }

  void run_sample(const StepArgs& args, std::int64_t s, float* gates, std::byte* scratch) const {
    const std::int64_t state = batch_ * hidden_;
    const float* x = args.inputs[0].sample<const float>(s);
    float* y = args.output.sample<float>(s);
    float *h = y + steps_ * state, *c = cell_ == Cell::lstm ? h + state : nullptr;
    const auto begin = [&](std::size_t input, float* to) {
      if (input < args.inputs.size())
        std::copy_n(args.inputs[input].sample<const float>(s), state, to);
      else
        std::fill_n(to, state, 0.0f);
    };
    begin(1, h);
    if (c) begin(2, c);
    for (std::int64_t i = 0; i < steps_; ++i) {
      const std::int64_t t = reverse_ ? steps_ - 1 - i : i;
      products_[0]->run(h, gates, scratch);
      if (products_.size() > 1)
        step_of_reset(x + t * batch_ * width_, gates, h, scratch);
      else
        step(x + t * batch_ * width_, gates, h, c);
      std::copy_n(h, state, y + t * state);
    }
  }

  void step(const float* x, const float* gates, float* h, float* c) const {
    const auto n = static_cast<std::size_t>(hidden_);
    for (std::int64_t b = 0; b < batch_; ++b, x += width_, gates += width_, h += hidden_) {
      if (c)
        cells_.lstm_cell(x, gates, n, c + b * hidden_, h);
      else
        cells_.gru_cell(x, gates, n, h);
    }
  }

  void step_of_reset(const float* x, float* gates, float* h, std::byte* scratch) const {
    const auto n = static_cast<std::size_t>(hidden_);
    const std::int64_t two = 2 * hidden_;
    float* of_reset = gates + batch_ * two;
    for (std::int64_t b = 0; b < batch_; ++b)
      cells_.gru_reset(x + b * width_, h + b * hidden_, n, gates + b * two);
    products_[1]->run(gates + hidden_, of_reset, scratch);
    for (std::int64_t b = 0; b < batch_; ++b)
      cells_.gru_update(x + b * width_ + two, of_reset + b * hidden_, gates + b * two, n, h + b * hidden_);
  }

  const kernels::FunctionKernel& cells_;
  Cell cell_;
  std::vector<std::unique_ptr<StateProduct>> products_;
  std::int64_t hidden_, width_, batch_, steps_;
  bool reverse_;
};

}  // namespace

Shape infer_shape(const RecurrentOp& op, std::span<const Shape> inputs) {
  const Shape& w = op.weight.shape;
  if (op.cell > Cell::gru_of_reset || op.batch < 1)
    throw Error(ErrorCode::invalid_argument, fmt::format("Recurrent: there is no cell {}, or a batch of {}",
                                                         static_cast<int>(op.cell), op.batch));
  if (w.rank() != 2 || w[1] < 1 || w[0] != op.gates() * w[1] ||
      (!op.bias.empty() && static_cast<std::int64_t>(op.bias.size()) != w[0]))
    throw Error(ErrorCode::shape_mismatch,
                fmt::format("Recurrent: weights of {} and {} biases are not those of {} gates", w.to_string(),
                            op.bias.size(), op.gates()));
  require_weight_data(op.weight, RecurrentOp::kName);
  const auto states = static_cast<std::size_t>(op.states());
  require_inputs(inputs, inputs.size() == 1 ? 1 : 1 + states, RecurrentOp::kName);
  const Shape& x = inputs[0];
  bool fits = x.rank() == 2 && x[0] > 0 && x[0] % op.batch == 0 && x[1] == w[0];
  for (const Shape& state : inputs.subspan(1)) fits = fits && state == Shape{op.batch, w[1]};
  if (!fits)
    throw Error(ErrorCode::shape_mismatch,
                fmt::format("Recurrent: an input of {} does not go with {} cells and a batch of {}",
                            x.to_string(), w[1], op.batch));
  return Shape{x[0] + op.states() * op.batch, w[1]};
}

std::unique_ptr<Step> make_step(const RecurrentOp& op, const StepSpec& spec) {
  require_shapes(op, spec);
  if (require_same_dtype(spec, RecurrentOp::kName) != DType::f32)
    throw Error(ErrorCode::unsupported, "Recurrent computes on f32 values only");
  require_matrix_weights(op.weight, spec, RecurrentOp::kName);
  return std::make_unique<RecurrentStep>(op, spec);
}

}  // namespace lowbit::ops
