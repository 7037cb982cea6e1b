// SPDX-License-Identifier: Apache-2.0
// Softmax and its relatives, and running sums and products: operators along one axis that keep the shape.
#include <algorithm>
#include <limits>

#include "arrays/numbers.h"
#include "arrays/registry.h"
#include "arrays/walk.h"
#include "core/elementary.h"

namespace lowbit::arrays {
namespace {

/// Columns of n elements `inner` apart, `outer` times `inner` of them.
struct Columns {
  std::int64_t outer, n, inner;
};

Columns columns_of(const Shape& shape, int axis) {
  return {product(shape, 0, axis), shape[axis], product(shape, axis + 1, shape.rank())};
}

/// Before opset 13 all axes from the one that is named are one.
Columns softmax_columns(const Call& call) {
  if (!is_float(call.element(0))) call.reject("needs floats");
  const Shape& shape = call.shape(0);
  const int axis = call.axis(call.int_attribute("axis", call.opset() < 13 ? 1 : -1), shape.rank());
  if (call.opset() < 13) return {product(shape, 0, axis), product(shape, axis, shape.rank()), 1};
  return columns_of(shape, axis);
}

/// Calls body(x, y) for the first element of each column.
template <class Body>
void for_each_column(const Columns& c, const Run& run, Body&& body) {
  if (c.n == 0) return;
  for (std::int64_t o = 0; o < c.outer; ++o)
    for (std::int64_t i = 0; i < c.inner; ++i) {
      const std::int64_t at = o * c.n * c.inner + i;
      body(run.in[0].floats + at, run.out[0].floats + at);
    }
}

float greatest(const Columns& c, const float* x) {
  float most = x[0];
  for (std::int64_t i = 1; i < c.n; ++i)
    if (x[i * c.inner] > most || x[i * c.inner] != x[i * c.inner]) most = x[i * c.inner];
  return most;
}

Prepared softmax(const Call& call) {
  const Columns c = softmax_columns(call);
  return {{call.type(0)}, [c](const Run& run) {
            for_each_column(c, run, [&](const float* x, float* y) {
              const double most = greatest(c, x);
              double sum = 0;
              for (std::int64_t i = 0; i < c.n; ++i) {
                const double e = elementary::exp(x[i * c.inner] - most);
                sum += e;
                y[i * c.inner] = static_cast<float>(e);
              }
              for (std::int64_t i = 0; i < c.n; ++i)
                y[i * c.inner] = static_cast<float>(y[i * c.inner] / sum);
            });
          }};
}

Prepared log_softmax(const Call& call) {
  const Columns c = softmax_columns(call);
  return {{call.type(0)}, [c](const Run& run) {
            for_each_column(c, run, [&](const float* x, float* y) {
              const double most = greatest(c, x);
              double sum = 0;
              for (std::int64_t i = 0; i < c.n; ++i) sum += elementary::exp(x[i * c.inner] - most);
              const double log_sum = elementary::log(sum);
              for (std::int64_t i = 0; i < c.n; ++i)
                y[i * c.inner] = static_cast<float>(x[i * c.inner] - most - log_sum);
            });
          }};
}

/// 1 at the first of the greatest.
Prepared hardmax(const Call& call) {
  const Columns c = softmax_columns(call);
  return {{call.type(0)}, [c](const Run& run) {
            for_each_column(c, run, [&](const float* x, float* y) {
              std::int64_t best = 0;
              for (std::int64_t i = 1; i < c.n; ++i)
                if (x[i * c.inner] > x[best * c.inner]) best = i;
              for (std::int64_t i = 0; i < c.n; ++i) y[i * c.inner] = i == best ? 1.0f : 0.0f;
            });
          }};
}

struct RunningSum {
  static constexpr int kEmpty = 0;
  template <class A>
  static A fold(A a, A b) {
    return a + b;
  }
};

struct RunningProduct {
  static constexpr int kEmpty = 1;
  template <class A>
  static A fold(A a, A b) {
    return a * b;
  }
};

/// Each line of `inner` elements is the one before it, folded with its own (exclusive: the previous) input.
template <class Fold, class T>
void run_cumulative(const Columns& c, bool exclusive, bool reverse, const Run& run) {
  const ElementType type = run.out[0].type.element;
  const std::int64_t step = reverse ? -c.inner : c.inner;
  for (std::int64_t o = 0; o < c.outer && c.n > 0; ++o) {
    const std::int64_t first = (o * c.n + (reverse ? c.n - 1 : 0)) * c.inner;
    const T* x = run.in[0].data<T>() + first;
    T* y = run.out[0].data<T>() + first;
    for (std::int64_t i = 0; i < c.inner; ++i) y[i] = exclusive ? T{Fold::kEmpty} : x[i];
    for (std::int64_t k = 1; k < c.n; ++k) {
      const T* before = y;
      y += step;
      const T* with = exclusive ? x : x + step;
      x += step;
      for (std::int64_t i = 0; i < c.inner; ++i)
        y[i] = from_modular<T>(
            type, Fold::fold(static_cast<Modular<T>>(before[i]), static_cast<Modular<T>>(with[i])));
    }
  }
}

template <class Fold>
Prepared cumulative(const Call& call) {
  const std::vector<std::int64_t> axis = call.integers(1);
  if (axis.size() != 1) call.reject("needs one axis");
  const Columns c = columns_of(call.shape(0), call.axis(axis[0], call.rank(0)));
  const bool exclusive = call.int_attribute("exclusive", 0) != 0,
             reverse = call.int_attribute("reverse", 0) != 0;
  return with_storage(call.element(0), [&](auto zero) -> Prepared {
    using T = decltype(zero);
    return {{call.type(0)},
            [c, exclusive, reverse](const Run& run) { run_cumulative<Fold, T>(c, exclusive, reverse, run); }};
  });
}

constexpr Function kSoftmaxFunctions[] = {
    {"CumProd", cumulative<RunningProduct>},
    {"CumSum", cumulative<RunningSum>},
    {"Hardmax", hardmax},
    {"LogSoftmax", log_softmax},
    {"Softmax", softmax},
};

}  // namespace

std::span<const Function> softmax_functions() {
  return kSoftmaxFunctions;
}

}  // namespace lowbit::arrays
