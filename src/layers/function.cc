// SPDX-License-Identifier: Apache-2.0
#include "lowbit/layers/function.h"

#include <fmt/format.h>

#include <cmath>

#include "core/elementary.h"
#include "kernels/functions/function_kernel.h"
#include "layers/step_common.h"
#include "layers/table_step.h"

namespace lowbit::ops {
namespace {

constexpr std::string_view kFunctionNames[] = {
    "abs", "elu",   "erf",        "exp",     "gelu", "gelu_tanh", "hard_sigmoid", "hard_swish", "leaky_relu",
    "log", "power", "reciprocal", "sigmoid", "silu", "softplus",  "sqrt",         "tanh"};

float hard_sigmoid(const FunctionOp& op, float x) {
  float y = op.alpha * x + op.beta;
  y = 0.0f > y ? 0.0f : y;
  return 1.0f < y ? 1.0f : y;
}

double gelu_tanh(double x) {
  constexpr double kRootTwoOverPi = 0.7978845608028654;
  return 0.5 * x * (1 + elementary::tanh(kRootTwoOverPi * (x + 0.044715 * x * x * x)));
}

/// In double, of the functions that are not a few operations of float.
template <Function F>
double transcendental(const FunctionOp& op, double x) {
  constexpr double kRootHalf = 0.7071067811865476;
  const double alpha = static_cast<double>(op.alpha);
  if constexpr (F == Function::elu) return x < 0 ? alpha * elementary::expm1(x) : x;
  if constexpr (F == Function::erf) return elementary::erf(x);
  if constexpr (F == Function::exp) return elementary::exp(x);
  if constexpr (F == Function::gelu) return 0.5 * x * (1 + elementary::erf(x * kRootHalf));
  if constexpr (F == Function::gelu_tanh) return gelu_tanh(x);
  if constexpr (F == Function::log) return elementary::log(x);
  if constexpr (F == Function::power) return elementary::pow(x, alpha);
  if constexpr (F == Function::sigmoid) return elementary::sigmoid(x);
  if constexpr (F == Function::silu) return x * elementary::sigmoid(alpha * x);
  if constexpr (F == Function::softplus) return x > 40 ? x : elementary::log(1 + elementary::exp(x));
  if constexpr (F == Function::tanh) return elementary::tanh(x);
}

template <Function F>
float value(const FunctionOp& op, float x) {
  if constexpr (F == Function::abs)
    return std::fabs(x);
  else if constexpr (F == Function::hard_sigmoid)
    return hard_sigmoid(op, x);
  else if constexpr (F == Function::leaky_relu)
    return x < 0.0f ? op.alpha * x : x;
  else if constexpr (F == Function::reciprocal)
    return 1.0f / x;
  else if constexpr (F == Function::sqrt)
    return std::sqrt(x);
  else
    return static_cast<float>(transcendental<F>(op, static_cast<double>(x)));
}

using FunctionLine = void (*)(const FunctionOp&, const float*, std::int64_t, float*);

/// Of few enough elements that they stay in the first cache.
template <Function F>
void chunk(const FunctionOp& op, const float* in, std::int64_t n, float* out) {
  if constexpr (F == Function::hard_swish) {
    // In two passes, since compilers make branches of one: a product with 0 or 1 looks worth skipping.
    for (std::int64_t i = 0; i < n; ++i) out[i] = hard_sigmoid(op, in[i]);
    for (std::int64_t i = 0; i < n; ++i) out[i] *= in[i];
  } else {
    for (std::int64_t i = 0; i < n; ++i) out[i] = value<F>(op, in[i]);
  }
  if (op.is_plain()) return;
  for (std::int64_t i = 0; i < n; ++i) out[i] = out[i] * op.scale_after + op.shift_after;
}

template <Function F>
void line(const FunctionOp& op, const float* in, std::int64_t n, float* out) {
  constexpr std::int64_t kAtOnce = 1024;
  const FunctionOp own = op;  // what is written cannot change it, as far as the compiler knows
  for (std::int64_t first = 0; first < n; first += kAtOnce)
    chunk<F>(own, in + first, n - first < kAtOnce ? n - first : kAtOnce, out + first);
}

template <std::size_t... I>
constexpr std::array<FunctionLine, sizeof...(I)> function_lines(std::index_sequence<I...>) {
  return {line<static_cast<Function>(I)>...};
}
constexpr auto kFunctionLines = function_lines(std::make_index_sequence<std::size(kFunctionNames)>());

/// Without scale and shift; false for functions that have no kernel.
bool apply_kernel(const kernels::FunctionKernel& kernel, const FunctionOp& op, const float* in, std::size_t n,
                  float* out) {
  switch (op.function) {
    case Function::elu:
      return kernel.elu(in, n, op.alpha, out), true;
    case Function::erf:
      return kernel.erf(in, n, out), true;
    case Function::exp:
      return kernel.exp(in, n, out), true;
    case Function::gelu:
      return kernel.gelu(in, n, out), true;
    case Function::gelu_tanh:
      return kernel.gelu_tanh(in, n, out), true;
    case Function::hard_sigmoid:
      return kernel.hard_sigmoid(in, n, op.alpha, op.beta, out), true;
    case Function::hard_swish:
      return kernel.hard_swish(in, n, op.alpha, op.beta, out), true;
    case Function::leaky_relu:
      return kernel.leaky_relu(in, n, op.alpha, out), true;
    case Function::sigmoid:
      return kernel.sigmoid(in, n, out), true;
    case Function::silu:
      return kernel.silu(in, n, op.alpha, out), true;
    case Function::softplus:
      return kernel.softplus(in, n, out), true;
    case Function::tanh:
      return kernel.tanh(in, n, out), true;
    case Function::abs:
    case Function::log:
    case Function::power:
    case Function::reciprocal:
    case Function::sqrt:
      return false;
  }
  return false;
}

void apply_to_floats(const kernels::FunctionKernel& kernel, const FunctionOp& op, const float* in,
                     std::int64_t n, float* out) {
  constexpr std::int64_t kAtOnce = 1024;
  for (std::int64_t first = 0; first < n; first += kAtOnce) {
    const std::int64_t count = n - first < kAtOnce ? n - first : kAtOnce;
    float* y = out + first;
    if (!apply_kernel(kernel, op, in + first, static_cast<std::size_t>(count), y))
      return kFunctionLines[static_cast<std::size_t>(op.function)](op, in, n, out);
    if (op.is_plain()) continue;
    for (std::int64_t i = 0; i < count; ++i) y[i] = y[i] * op.scale_after + op.shift_after;
  }
}

class FunctionF32 final : public Step {
 public:
  FunctionF32(const FunctionOp& op, const SampleLayout& layout, Isa isa)
      : op_(op), layout_(layout), kernel_(kernels::select_function_kernel(isa)) {}

  void run(const StepArgs& args) const noexcept override {
    constexpr std::int64_t kWork = 8;  // of an element, in those of an addition
    for_pixel_blocks(args, layout_.pixels(), kWork * layout_.channels,
                     [&](std::int64_t s, std::int64_t p0, std::int64_t p1) {
                       const std::int64_t first = p0 * layout_.pixel_stride;
                       apply_to_floats(kernel_, op_, args.inputs[0].sample<const float>(s) + first,
                                       (p1 - p0) * layout_.pixel_stride,
                                       args.output.sample<float>(s) + first);
                     });
  }

 private:
  FunctionOp op_;
  SampleLayout layout_;
  const kernels::FunctionKernel& kernel_;
};

/// The code of the function's value for each code.
CodeTable function_table(const FunctionOp& op, const StepSpec& spec) {
  const CodeRange range = code_range(*spec.output, {});
  const QParams in = spec.inputs[0]->qparams, out = spec.output->qparams;
  CodeTable table{};
  for (std::int32_t code = 0; code < 256; ++code) {
    const float real = function_value(op, static_cast<float>(code - in.zero_point) * in.scale);
    table[static_cast<std::size_t>(code)] =
        u8_code(range, static_cast<float>(static_cast<double>(real) / static_cast<double>(out.scale)));
  }
  return table;
}

}  // namespace

std::string_view function_name(Function function) {
  return kFunctionNames[static_cast<std::size_t>(function)];
}

float function_value(const FunctionOp& op, float x) {
  float y = 0;
  kFunctionLines[static_cast<std::size_t>(op.function)](op, &x, 1, &y);
  return y;
}

Shape infer_shape(const FunctionOp& op, std::span<const Shape> inputs) {
  require_inputs(inputs, 1, FunctionOp::kName);
  if (static_cast<std::size_t>(op.function) >= std::size(kFunctionNames))
    throw Error(ErrorCode::invalid_argument,
                fmt::format("there is no function {}", static_cast<int>(op.function)));
  if (!std::isfinite(op.alpha) || !std::isfinite(op.beta))
    throw Error(ErrorCode::invalid_argument, fmt::format("{}: {} and {} are no parameters",
                                                         function_name(op.function), op.alpha, op.beta));
  return inputs[0];
}

std::unique_ptr<Step> make_step(const FunctionOp& op, const StepSpec& spec) {
  require_shapes(op, spec);
  if (require_same_dtype(spec, FunctionOp::kName) == DType::f32)
    return std::make_unique<FunctionF32>(op, spec.output->layout(), spec.isa);
  return std::make_unique<TableStep>(function_table(op, spec), spec.output->layout());
}

}  // namespace lowbit::ops
