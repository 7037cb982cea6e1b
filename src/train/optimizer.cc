// SPDX-License-Identifier: Apache-2.0
#include "lowbit/train/optimizer.h"

#include <fmt/format.h>

#include <cmath>
#include <utility>

#include "core/elementary_trigonometry.h"
#include "lowbit/core/error.h"

namespace lowbit {
namespace {

void check_option(bool is_valid, const char* name, double value) {
  if (!is_valid)
    throw Error(ErrorCode::invalid_argument, fmt::format("optimizer: {} cannot be {}", name, value));
}

/// b^n by multiplications.
double whole_power(double b, std::int64_t n) {
  double result = 1;
  for (; n > 0; n /= 2, b *= b)
    if (n % 2 != 0) result *= b;
  return result;
}

}  // namespace

double RateSchedule::rate(std::int64_t i) const {
  if (i < warm_up) return peak * static_cast<double>(i + 1) / static_cast<double>(warm_up);
  const std::int64_t length = total > warm_up ? total - warm_up : 1;
  const double part = static_cast<double>(i - warm_up) / static_cast<double>(length);
  switch (kind) {
    case Kind::constant:
      break;
    case Kind::cosine:
      return part >= 1 ? 0 : peak * 0.5 * (1 + elementary::cos(3.141592653589793 * part));
    case Kind::steps:
      return part < 0.5 ? peak : part < 0.75 ? peak * 0.1 : peak * 0.01;
  }
  return peak;
}

Optimizer::Optimizer(std::span<const Parameter> parameters, const OptimizerOptions& options)
    : parameters_(parameters.begin(), parameters.end()), options_(options) {
  check_option(options.momentum >= 0 && options.momentum < 1, "the momentum", options.momentum);
  check_option(options.beta1 >= 0 && options.beta1 < 1, "beta1", options.beta1);
  check_option(options.beta2 >= 0 && options.beta2 < 1, "beta2", options.beta2);
  check_option(options.epsilon > 0, "epsilon", options.epsilon);
  check_option(options.weight_decay >= 0 && options.weight_decay < 1, "the weight decay",
               options.weight_decay);
  check_option(options.step_rate >= 0, "the rate of steps", options.step_rate);
  for (const Parameter& p : parameters_) {
    memory_.first.emplace_back(p.value.size());
    memory_.second.emplace_back(options.kind == OptimizerKind::sgd ? 0 : p.value.size());
  }
}

void Optimizer::step(double rate) {
  ++memory_.steps;
  const auto beta1 = static_cast<float>(options_.beta1), beta2 = static_cast<float>(options_.beta2);
  const auto rest1 = static_cast<float>(1 - options_.beta1), rest2 = static_cast<float>(1 - options_.beta2);
  const auto momentum = static_cast<float>(options_.momentum);
  const double correction1 = 1 - whole_power(options_.beta1, memory_.steps),
               correction2 = 1 - whole_power(options_.beta2, memory_.steps);
  const auto epsilon = static_cast<float>(options_.epsilon * std::sqrt(correction2));
  for (std::size_t n = 0; n < parameters_.size(); ++n) {
    const Parameter& p = parameters_[n];
    const double own = p.kind == ParameterKind::log_step ? rate * options_.step_rate : rate;
    const double decay = p.kind == ParameterKind::weight ? options_.weight_decay : 0;
    const auto added = options_.kind == OptimizerKind::adamw ? 0.0f : static_cast<float>(decay);
    const float kept = options_.kind == OptimizerKind::adamw ? static_cast<float>(1 - own * decay) : 1.0f;
    float *w = p.value.data(), *m = memory_.first[n].data(), *v = memory_.second[n].data();
    const float* gradient = p.gradient.data();
    if (options_.kind == OptimizerKind::sgd) {
      const auto r = static_cast<float>(own);
      for (std::size_t i = 0; i < p.value.size(); ++i) {
        m[i] = momentum * m[i] + (gradient[i] + added * w[i]);
        w[i] -= r * m[i];
      }
      continue;
    }
    const auto r = static_cast<float>(own * std::sqrt(correction2) / correction1);
    for (std::size_t i = 0; i < p.value.size(); ++i) {
      const float g = gradient[i] + added * w[i];
      m[i] = beta1 * m[i] + rest1 * g;
      v[i] = beta2 * v[i] + rest2 * (g * g);
      w[i] = w[i] * kept - r * m[i] / (std::sqrt(v[i]) + epsilon);
    }
  }
}

void Optimizer::restore(Memory memory) {
  bool fits = memory.first.size() == parameters_.size() && memory.second.size() == parameters_.size();
  for (std::size_t n = 0; fits && n < parameters_.size(); ++n)
    fits = memory.first[n].size() == memory_.first[n].size() &&
           memory.second[n].size() == memory_.second[n].size();
  if (!fits || memory.steps < 0)
    throw Error(ErrorCode::shape_mismatch, "optimizer: this memory is of other parameters");
  memory_ = std::move(memory);
}

}  // namespace lowbit
