// SPDX-License-Identifier: Apache-2.0
#include "lowbit/layers/reduce.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/elementary.h"
#include "layers/step_common.h"

namespace lowbit::ops {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

double first_of(Reduction r) {
  switch (r) {
    case Reduction::max:
      return -kInfinity;
    case Reduction::min:
      return kInfinity;
    case Reduction::prod:
      return 1;
    default:
      return 0;
  }
}

template <Reduction R>
double joined(double sum, double x) {
  switch (R) {
    case Reduction::max:
      return x > sum || x != x ? x : sum;
    case Reduction::min:
      return x < sum || x != x ? x : sum;
    case Reduction::prod:
      return sum * x;
    case Reduction::l1:
      return sum + std::fabs(x);
    case Reduction::l2:
    case Reduction::sum_square:
      return sum + x * x;
    case Reduction::log_sum_exp:
      return sum + elementary::exp(x);
    default:
      return sum + x;
  }
}

double finished(Reduction r, double sum, std::int64_t count) {
  switch (r) {
    case Reduction::mean:
      return sum / static_cast<double>(count);
    case Reduction::l2:
      return std::sqrt(sum);
    case Reduction::log_sum:
    case Reduction::log_sum_exp:
      return elementary::log(sum);
    default:
      return sum;
  }
}

/// Adds a line of n elements to sums, which go on with `step` 0 or 1.
using ReduceLine = void (*)(const float* in, std::int64_t n, double* sums, std::int64_t step);

template <Reduction R>
void line(const float* in, std::int64_t n, double* sums, std::int64_t step) {
  if (step == 0) {
    double sum = *sums;
    for (std::int64_t i = 0; i < n; ++i) sum = joined<R>(sum, static_cast<double>(in[i]));
    *sums = sum;
  } else {
    for (std::int64_t i = 0; i < n; ++i) sums[i] = joined<R>(sums[i], static_cast<double>(in[i]));
  }
}

constexpr std::size_t kReductions = static_cast<std::size_t>(Reduction::log_sum_exp) + 1;

template <std::size_t... I>
constexpr std::array<ReduceLine, sizeof...(I)> reduce_lines(std::index_sequence<I...>) {
  return {line<static_cast<Reduction>(I)>...};
}
constexpr auto kReduceLines = reduce_lines(std::make_index_sequence<kReductions>());

Shape with_ones(const ReduceOp& op, const Shape& in) {
  std::vector<std::int64_t> dims(in.dims().begin(), in.dims().end());
  for (const std::int64_t axis : op.axes) dims[static_cast<std::size_t>(axis)] = 1;
  return Shape(dims);
}

class ReduceStep final : public Step {
 public:
  ReduceStep(const ReduceOp& op, const StepSpec& spec) : reduction_(op.reduction), in_(*spec.inputs[0]) {
    const Shape& shape = spec.inputs[0]->shape;
    const int rank = shape.rank();
    // Sums lie in the memory order of the input; the output is in that of its own, shorter shape.
    const Box sums({with_ones(op, shape), DType::f32, {}});
    for (std::size_t i = 0; i < sum_stride_.size(); ++i)
      sum_stride_[i] = sums.size[i] == in_.size[i] ? sums.stride[i] : 0;
    sums_ = sums;
    count_ = sum_count() == 0 ? 0 : shape.elements() / sum_count();
    const Box out(*spec.output);
    int kept = 0;
    for (int axis = 0; axis < rank; ++axis) {
      const bool reduced = std::find(op.axes.begin(), op.axes.end(), axis) != op.axes.end();
      if (reduced && !op.keep_axes) continue;
      out_stride_[memory_axis(rank, axis)] = out.stride[memory_axis(spec.output->shape.rank(), kept++)];
    }
  }

  std::size_t scratch_bytes(std::int64_t, int) const override {
    return static_cast<std::size_t>(sum_count()) * sizeof(double);
  }

  void run(const StepArgs& args) const noexcept override {
    auto* sums = reinterpret_cast<double*>(args.scratch);
    for (std::int64_t s = 0; s < args.batch; ++s) {
      const float* in = args.inputs[0].sample<const float>(s);
      float* out = args.output.sample<float>(s);
      std::fill_n(sums, sum_count(), first_of(reduction_));
      const ReduceLine add = kReduceLines[static_cast<std::size_t>(reduction_)];
      for_lines(in_.size, in_.stride, sum_stride_, [&](std::int64_t from, std::int64_t to) {
        add(in + from, in_.size.back(), sums + to, sum_stride_.back());
      });
      for_lines(sums_.size, sums_.stride, out_stride_, [&](std::int64_t from, std::int64_t to) {
        for (std::int64_t i = 0; i < sums_.size.back(); ++i)
          out[to + i * out_stride_.back()] = static_cast<float>(finished(reduction_, sums[from + i], count_));
      });
    }
  }

 private:
  std::int64_t sum_count() const {
    std::int64_t n = 1;
    for (const std::int64_t size : sums_.size) n *= size;
    return n;
  }

  Reduction reduction_;
  Box in_, sums_;
  BoxDims sum_stride_{}, out_stride_{};
  std::int64_t count_ = 0;  ///< elements of each sum
};

}  // namespace

Shape infer_shape(const ReduceOp& op, std::span<const Shape> inputs) {
  require_inputs(inputs, 1, ReduceOp::kName);
  const Shape& in = inputs[0];
  bool fits = static_cast<std::size_t>(op.reduction) < kReductions;
  for (std::size_t i = 0; i < op.axes.size(); ++i)
    fits = fits && op.axes[i] >= (i == 0 ? 0 : op.axes[i - 1] + 1) && op.axes[i] < in.rank();
  if (!fits || in.elements() == 0)
    throw Error(ErrorCode::invalid_argument,
                fmt::format("Reduce: the axes {} are none to reduce of a sample of shape {}",
                            fmt::join(op.axes, ", "), in.to_string()));
  const Shape ones = with_ones(op, in);
  if (op.keep_axes) return ones;
  std::vector<std::int64_t> dims;
  for (int axis = 0; axis < in.rank(); ++axis)
    if (std::find(op.axes.begin(), op.axes.end(), axis) == op.axes.end()) dims.push_back(in[axis]);
  return Shape(dims);
}

std::unique_ptr<Step> make_step(const ReduceOp& op, const StepSpec& spec) {
  require_shapes(op, spec);
  if (require_same_dtype(spec, ReduceOp::kName) != DType::f32)
    throw Error(ErrorCode::unsupported, "Reduce computes on f32 values only");
  return std::make_unique<ReduceStep>(op, spec);
}

}  // namespace lowbit::ops
