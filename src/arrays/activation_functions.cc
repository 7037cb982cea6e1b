// SPDX-License-Identifier: Apache-2.0
// Functions that networks are activated with, Clip and Dropout.
#include <algorithm>
#include <cmath>
#include <limits>

#include "arrays/element_functions.h"
#include "arrays/registry.h"
#include "core/elementary_trigonometry.h"

namespace lowbit::arrays {
namespace {

namespace el = elementary;

/// A function of doubles, rounded.
template <class F>
Prepared rounded(const Call& call, F f) {
  return of_floats(call, [f](float x) { return static_cast<float>(f(static_cast<double>(x))); });
}

double softplus(double x) {
  return x > 0 ? x + el::log1p(el::exp(-x)) : el::log1p(el::exp(x));
}

/// x where it is positive (or NaN).
struct PositivePart {
  template <class T>
  T operator()(T x) const {
    return x < 0 ? T{0} : x;
  }
};

Prepared sigmoid(const Call& call) {
  return rounded(call, el::sigmoid);
}

Prepared tanh(const Call& call) {
  return rounded(call, el::tanh);
}

Prepared soft_plus(const Call& call) {
  return rounded(call, softplus);
}

Prepared soft_sign(const Call& call) {
  return rounded(call, [](double x) { return x / (1 + std::fabs(x)); });
}

Prepared mish(const Call& call) {
  return rounded(call, [](double x) { return x * el::tanh(softplus(x)); });
}

Prepared swish(const Call& call) {
  return rounded(call, [alpha = double{call.float_attribute("alpha", 1)}](double x) {
    return x * el::sigmoid(alpha * x);
  });
}

Prepared gelu(const Call& call) {
  const std::string approximate = call.text_attribute("approximate", "none");
  if (approximate == "none")
    return rounded(call, [](double x) { return x * 0.5 * (1 + el::erf(x * 0.70710678118654752)); });
  if (approximate != "tanh") call.reject("has the unknown approximation '" + approximate + "'");
  constexpr double kRootTwoOverPi = 0.79788456080286536;
  return rounded(
      call, [](double x) { return x * 0.5 * (1 + el::tanh(kRootTwoOverPi * (x + 0.044715 * x * x * x))); });
}

Prepared hard_sigmoid(const Call& call) {
  const float alpha = call.float_attribute("alpha", 0.2f), beta = call.float_attribute("beta", 0.5f);
  return of_floats(call, [alpha, beta](float x) { return larger(0.0f, smaller(1.0f, alpha * x + beta)); });
}

Prepared hard_swish(const Call& call) {
  return of_floats(call, [](float x) { return x * larger(0.0f, smaller(1.0f, x / 6 + 0.5f)); });
}

Prepared elu(const Call& call) {
  return rounded(call, [alpha = double{call.float_attribute("alpha", 1)}](double x) {
    return x < 0 ? alpha * el::expm1(x) : x;
  });
}

Prepared celu(const Call& call) {
  const double alpha = call.float_attribute("alpha", 1);
  return rounded(call, [alpha](double x) { return x < 0 ? alpha * el::expm1(x / alpha) : x; });
}

Prepared selu(const Call& call) {
  const double alpha = call.float_attribute("alpha", 1.67326319217681884765625f);
  const double gamma = call.float_attribute("gamma", 1.05070102214813232421875f);
  return rounded(call, [alpha, gamma](double x) { return gamma * (x > 0 ? x : alpha * el::expm1(x)); });
}

Prepared leaky_relu(const Call& call) {
  const float alpha = call.float_attribute("alpha", 0.01f);
  return of_floats(call, [alpha](float x) { return x < 0 ? alpha * x : x; });
}

Prepared thresholded_relu(const Call& call) {
  const float alpha = call.float_attribute("alpha", 1);
  return of_floats(call, [alpha](float x) { return x > alpha ? x : 0.0f; });
}

Prepared shrink(const Call& call) {
  const double lambda = call.float_attribute("lambd", 0.5f), bias = call.float_attribute("bias", 0);
  return of_numbers(call, [lambda, bias](auto x) {
    using T = decltype(x);
    const auto v = static_cast<double>(x);
    if (v < -lambda) return truncate_to<T>(v + bias);
    return v > lambda ? truncate_to<T>(v - bias) : T{0};
  });
}

template <class T>
void clip_all(const Run& run, T low, T high) {
  const T* in = elements<T>(run.in[0]);
  T* out = elements<T>(run.out[0]);
  const std::int64_t size = run.out[0].size();
  for (std::int64_t i = 0; i < size; ++i) {
    const T x = in[i] < low ? low : in[i];
    out[i] = x > high ? high : x;
  }
}

/// The only element of an input, which may be left out.
template <class T>
T limit(const Run& run, std::size_t i, T otherwise) {
  return run.in.size() > i && run.in[i].is_present() ? *elements<T>(run.in[i]) : otherwise;
}

Prepared clip(const Call& call) {
  if (call.element(0) == ElementType::boolean) call.reject("needs numbers, not bool");
  for (int i = 1; i < 3; ++i) {
    if (!call.has(i)) continue;
    if (call.element(i) != call.element(0)) call.reject("has limits of another type");
    if (call.shape(i).elements() != 1) call.reject("has limits that are no scalars");
  }
  if (call.opset() < 11) {
    const float low = call.float_attribute("min", -HUGE_VALF), high = call.float_attribute("max", HUGE_VALF);
    return of_floats(call, [low, high](float x) {
      const float v = x < low ? low : x;
      return v > high ? high : v;
    });
  }
  return {{call.type(0)}, [](const Run& run) {
            with_arithmetic(run.in[0].type.element, [&](auto zero) {
              using T = decltype(zero);
              using Limits = std::numeric_limits<T>;
              constexpr T kLowest = Limits::has_infinity ? -Limits::infinity() : Limits::lowest();
              constexpr T kHighest = Limits::has_infinity ? Limits::infinity() : Limits::max();
              clip_all<T>(run, limit<T>(run, 1, kLowest), limit<T>(run, 2, kHighest));
            });
          }};
}

bool only_zeros(const Array& array) {
  for (const float v : array.floats)
    if (v != 0) return false;
  for (const std::int64_t v : array.integers)
    if (v != 0) return false;
  return true;
}

/// Training draws elements at random, but for a ratio of 0.
bool is_training(const Call& call) {
  if (call.opset() < 12) return call.opset() < 7 && call.int_attribute("is_test", 0) == 0;
  if (!call.has(2)) return false;
  if (!call.known(2)) call.refuse("computes whether it is in training mode");
  if (only_zeros(*call.known(2))) return false;
  return !(call.has(1) && call.known(1) && only_zeros(*call.known(1)));
}

/// The input, and a mask that keeps all of it.
Prepared dropout(const Call& call) {
  if (is_training(call)) call.refuse("in training mode");
  Prepared prepared = of_floats(call, [](float x) { return x; });
  if (call.output_count() < 2) return prepared;
  prepared.outputs.push_back({call.opset() < 10 ? call.element(0) : ElementType::boolean, call.shape(0)});
  prepared.run = [same = std::move(prepared.run)](const Run& run) {
    if (run.out[0].is_present()) same(run);
    if (run.out.size() < 2 || !run.out[1].is_present()) return;
    with_storage(run.out[1].type.element, [&](auto zero) {
      std::fill_n(run.out[1].data<decltype(zero)>(), run.out[1].size(), decltype(zero){1});
    });
  };
  return prepared;
}

constexpr Function kActivationFunctions[] = {
    {"Celu", celu},
    {"Clip", clip},
    {"Dropout", dropout},
    {"Elu", elu},
    {"Gelu", gelu},
    {"HardSigmoid", hard_sigmoid},
    {"HardSwish", hard_swish},
    {"LeakyRelu", leaky_relu},
    {"Mish", mish},
    {"Relu", of_all_numbers<PositivePart>},
    {"Selu", selu},
    {"Shrink", shrink},
    {"Sigmoid", sigmoid},
    {"Softplus", soft_plus},
    {"Softsign", soft_sign},
    {"Swish", swish},
    {"Tanh", tanh},
    {"ThresholdedRelu", thresholded_relu},
};

}  // namespace

std::span<const Function> activation_functions() {
  return kActivationFunctions;
}

}  // namespace lowbit::arrays
