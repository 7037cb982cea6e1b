// SPDX-License-Identifier: Apache-2.0
// Losses of classes, [N, C, ...] scores against [N, ...] classes.
#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "arrays/registry.h"
#include "arrays/walk.h"
#include "core/elementary.h"

namespace lowbit::arrays {
namespace {

enum class LossReduction { none, sum, mean };

/// Minus the logarithm of the probability of each element's class, times the class's weight.
struct ClassLoss {
  std::int64_t images = 0, classes = 0, area = 0;
  LossReduction reduction = LossReduction::mean;
  bool has_ignored = false;
  std::int64_t ignored = 0;

  /// `log_probability(image, class, position)`.
  template <class LogProbability>
  void operator()(const Run& run, LogProbability&& log_probability) const {
    const float* weights = run.in.size() > 2 && run.in[2].is_present() ? run.in[2].floats : nullptr;
    float* y = run.out[0].floats;
    double sum = 0, weight_sum = 0;
    for (std::int64_t i = 0; i < images; ++i)
      for (std::int64_t k = 0; k < area; ++k) {
        const std::int64_t target = run.in[1].integers[i * area + k];
        double loss = 0, weight = 0;
        if (!has_ignored || target != ignored) {
          const std::int64_t c = target < 0 ? target + classes : target;
          const bool is_class = c >= 0 && c < classes;
          weight = weights && is_class ? weights[c] : 1;
          loss = is_class ? -log_probability(i, c, k) * weight : std::numeric_limits<double>::quiet_NaN();
        }
        sum += loss, weight_sum += weight;
        if (reduction == LossReduction::none) y[i * area + k] = static_cast<float>(loss);
      }
    if (reduction != LossReduction::none)
      y[0] = static_cast<float>(reduction == LossReduction::mean ? sum / weight_sum : sum);
  }
};

ClassLoss read_loss(const Call& call) {
  const Shape& shape = call.shape(0);
  if (shape.rank() < 2 || !is_float(call.element(0)) || is_float(call.element(1)))
    call.reject("needs floats of at least two dimensions, and integers");
  ClassLoss loss{shape[0], shape[1], product(shape, 2, shape.rank())};
  std::vector<std::int64_t> dims{shape[0]};
  for (int i = 2; i < shape.rank(); ++i) dims.push_back(shape[i]);
  if (call.shape(1) != call.make_shape(dims))
    call.reject(fmt::format("has classes of {} for {}", call.shape(1).to_string(), shape.to_string()));
  if (call.has(2) && (call.rank(2) != 1 || call.shape(2)[0] != shape[1] || !is_float(call.element(2))))
    call.reject(fmt::format("has weights of {} for {} classes", call.shape(2).to_string(), shape[1]));
  const std::string reduction = call.text_attribute("reduction", "mean");
  if (reduction != "none" && reduction != "sum" && reduction != "mean")
    call.reject(fmt::format("has the reduction '{}'", reduction));
  loss.reduction = reduction == "none"  ? LossReduction::none
                   : reduction == "sum" ? LossReduction::sum
                                        : LossReduction::mean;
  loss.has_ignored = call.has_attribute("ignore_index");
  loss.ignored = call.int_attribute("ignore_index", 0);
  return loss;
}

Shape loss_shape(const Call& call, const ClassLoss& loss) {
  return loss.reduction == LossReduction::none ? call.shape(1) : Shape{};
}

Prepared negative_log_likelihood_loss(const Call& call) {
  const ClassLoss loss = read_loss(call);
  return {{{call.element(0), loss_shape(call, loss)}}, [loss](const Run& run) {
            loss(run, [&](std::int64_t i, std::int64_t c, std::int64_t k) -> double {
              return run.in[0].floats[(i * loss.classes + c) * loss.area + k];
            });
          }};
}

/// What is subtracted from the scores [C] to make them logarithms of probabilities.
double log_of_sum(const float* x, std::int64_t classes, std::int64_t step) {
  double most = -std::numeric_limits<double>::infinity(), sum = 0;
  for (std::int64_t c = 0; c < classes; ++c) most = std::max<double>(most, x[c * step]);
  for (std::int64_t c = 0; c < classes; ++c) sum += elementary::exp(x[c * step] - most);
  return most + elementary::log(sum);
}

Prepared softmax_cross_entropy_loss(const Call& call) {
  const ClassLoss loss = read_loss(call);
  std::vector<ArrayType> outputs{{call.element(0), loss_shape(call, loss)}};
  if (call.output_count() > 1) outputs.push_back(call.type(0));
  const auto run_loss = [loss](const Run& run) {
    auto* logs = reinterpret_cast<double*>(run.scratch);
    const float* x = run.in[0].floats;
    const auto first = [&](std::int64_t i, std::int64_t k) { return i * loss.classes * loss.area + k; };
    for (std::int64_t i = 0; i < loss.images; ++i)
      for (std::int64_t k = 0; k < loss.area; ++k)
        logs[i * loss.area + k] = log_of_sum(x + first(i, k), loss.classes, loss.area);
    loss(run, [&](std::int64_t i, std::int64_t c, std::int64_t k) {
      return x[first(i, k) + c * loss.area] - logs[i * loss.area + k];
    });
    if (run.out.size() < 2 || !run.out[1].is_present()) return;
    for (std::int64_t i = 0; i < loss.images; ++i)
      for (std::int64_t c = 0; c < loss.classes; ++c)
        for (std::int64_t k = 0; k < loss.area; ++k) {
          const std::int64_t at = first(i, k) + c * loss.area;
          run.out[1].floats[at] = static_cast<float>(x[at] - logs[i * loss.area + k]);
        }
  };
  return {std::move(outputs), run_loss, static_cast<std::size_t>(loss.images * loss.area) * sizeof(double)};
}

constexpr Function kLossFunctions[] = {
    {"NegativeLogLikelihoodLoss", negative_log_likelihood_loss},
    {"SoftmaxCrossEntropyLoss", softmax_cross_entropy_loss},
};

}  // namespace

std::span<const Function> loss_functions() {
  return kLossFunctions;
}

}  // namespace lowbit::arrays
