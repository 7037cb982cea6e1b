// SPDX-License-Identifier: Apache-2.0
// Functions of each element by itself that the standard has for numbers; those that networks are activated
// with are in activation_functions.cc.
#include <cmath>

#include "arrays/element_functions.h"
#include "arrays/registry.h"
#include "core/elementary_trigonometry.h"

namespace lowbit::arrays {
namespace {

namespace el = elementary;

struct Absolute {
  float operator()(float x) const { return std::fabs(x); }
  std::uint64_t operator()(std::uint64_t x) const { return x; }
  std::int64_t operator()(std::int64_t x) const { return x < 0 ? subtract<std::int64_t>(0, x) : x; }
};

struct Negative {
  template <class T>
  T operator()(T x) const {
    if constexpr (std::is_same_v<T, float>)
      return -x;
    else
      return subtract<T>(0, x);
  }
};

struct Sign {
  template <class T>
  T operator()(T x) const {
    if constexpr (std::is_same_v<T, std::uint64_t>)
      return x != 0;
    else
      return x > 0 ? T{1} : x < 0 ? T{-1} : x;
  }
};

/// A function of doubles, rounded.
template <double (*kFunction)(double)>
Prepared elementary_function(const Call& call) {
  return of_floats(call, [](float x) { return static_cast<float>(kFunction(x)); });
}

/// One of floats that is exact in each C library.
template <float (*kFunction)(float)>
Prepared exact_function(const Call& call) {
  return of_floats(call, [](float x) { return kFunction(x); });
}

float reciprocal(float x) {
  return 1 / x;
}
float floor_of(float x) {
  return std::floor(x);
}
float ceil_of(float x) {
  return std::ceil(x);
}
float root_of(float x) {
  return std::sqrt(x);
}
float nearest_even(float x) {
  return std::rint(x);
}

Prepared bitwise_not(const Call& call) {
  if (is_float(call.element(0)) || call.element(0) == ElementType::boolean) call.reject("needs integers");
  return {{call.type(0)}, [](const Run& run) {
            for (std::int64_t i = 0; i < run.out[0].size(); ++i)
              run.out[0].integers[i] = ~run.in[0].integers[i];
            wrap_all(run.out[0]);
          }};
}

Prepared logical_not(const Call& call) {
  if (call.element(0) != ElementType::boolean) call.reject("needs booleans");
  return {{call.type(0)}, [](const Run& run) {
            for (std::int64_t i = 0; i < run.out[0].size(); ++i)
              run.out[0].integers[i] = run.in[0].integers[i] == 0;
          }};
}

/// Booleans, one for each float.
template <class F>
Prepared test_of_floats(const Call& call, F f) {
  if (!is_float(call.element(0))) call.reject("needs floats");
  return {{{ElementType::boolean, call.shape(0)}}, [f](const Run& run) {
            for (std::int64_t i = 0; i < run.out[0].size(); ++i)
              run.out[0].integers[i] = f(run.in[0].floats[i]);
          }};
}

Prepared is_nan(const Call& call) {
  return test_of_floats(call, [](float x) { return x != x; });
}

Prepared is_infinite(const Call& call) {
  const bool negative = call.int_attribute("detect_negative", 1) != 0;
  const bool positive = call.int_attribute("detect_positive", 1) != 0;
  return test_of_floats(call, [negative, positive](float x) {
    return (positive && x == HUGE_VALF) || (negative && x == -HUGE_VALF);
  });
}

constexpr Function kUnaryFunctions[] = {
    {"Abs", of_all_numbers<Absolute>},
    {"Acos", elementary_function<el::acos>},
    {"Acosh", elementary_function<el::acosh>},
    {"Asin", elementary_function<el::asin>},
    {"Asinh", elementary_function<el::asinh>},
    {"Atan", elementary_function<el::atan>},
    {"Atanh", elementary_function<el::atanh>},
    {"BitwiseNot", bitwise_not},
    {"Ceil", exact_function<ceil_of>},
    {"Cos", elementary_function<el::cos>},
    {"Cosh", elementary_function<el::cosh>},
    {"Erf", elementary_function<el::erf>},
    {"Exp", elementary_function<el::exp>},
    {"Floor", exact_function<floor_of>},
    {"IsInf", is_infinite},
    {"IsNaN", is_nan},
    {"Log", elementary_function<el::log>},
    {"Neg", of_all_numbers<Negative>},
    {"Not", logical_not},
    {"Reciprocal", exact_function<reciprocal>},
    {"Round", exact_function<nearest_even>},
    {"Sign", of_all_numbers<Sign>},
    {"Sin", elementary_function<el::sin>},
    {"Sinh", elementary_function<el::sinh>},
    {"Sqrt", exact_function<root_of>},
    {"Tan", elementary_function<el::tan>},
};

}  // namespace

std::span<const Function> unary_functions() {
  return kUnaryFunctions;
}

}  // namespace lowbit::arrays
