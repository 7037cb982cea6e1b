// SPDX-License-Identifier: Apache-2.0
// The largest and smallest elements along an axis: ArgMax, ArgMin, TopK.
#include <fmt/format.h>

#include <algorithm>

#include "arrays/arithmetic.h"
#include "arrays/registry.h"
#include "arrays/walk.h"

namespace lowbit::arrays {
namespace {

/// Whether a comes before b: the largest ones first, or the smallest. NaN is larger than all numbers.
template <class T>
bool precedes(T a, T b, bool largest) {
  if (largest) return a > b || (a != a && b == b);
  return a < b || (b != b && a == a);
}

/// The axis of an array, and what is before and after it.
struct Lines {
  std::int64_t outer, size, inner;
};

Lines lines_along(const Shape& shape, int axis) {
  return {product(shape, 0, axis), shape[axis], product(shape, axis + 1, shape.rank())};
}

template <bool kLargest>
Prepared arg_of_extreme(const Call& call) {
  const Shape& from = call.shape(0);
  const int axis = call.axis(call.int_attribute("axis", 0), from.rank());
  const Lines lines = lines_along(from, axis);
  if (lines.size == 0) call.reject("looks for an element of an empty axis");
  const bool takes_last = call.int_attribute("select_last_index", 0) != 0;
  std::vector<std::int64_t> dims(from.dims().begin(), from.dims().end());
  if (call.int_attribute("keepdims", 1) != 0)
    dims[static_cast<std::size_t>(axis)] = 1;
  else
    dims.erase(dims.begin() + axis);
  return {{{ElementType::i64, call.make_shape(dims)}}, [lines, takes_last](const Run& run) {
            with_arithmetic(run.in[0].type.element, [&](auto zero) {
              using T = decltype(zero);
              for (std::int64_t i = 0; i < lines.outer * lines.inner; ++i) {
                const T* line =
                    elements<T>(run.in[0]) + i / lines.inner * lines.size * lines.inner + i % lines.inner;
                std::int64_t best = 0;
                for (std::int64_t k = 1; k < lines.size; ++k) {
                  const T a = line[k * lines.inner], b = line[best * lines.inner];
                  if (takes_last ? !precedes(b, a, kLargest) : precedes(a, b, kLargest)) best = k;
                }
                run.out[0].integers[i] = best;
              }
            });
          }};
}

std::int64_t read_k(const Call& call, std::int64_t size) {
  if (call.opset() >= 10 && call.shape(1).elements() != 1) call.reject("needs one number k");
  const std::int64_t k = call.opset() < 10 ? call.int_attribute("k", -1) : call.integers(1)[0];
  if (k < 0 || k > size) call.reject(fmt::format("takes {} of {} elements", k, size));
  return k;
}

/// The first k of a line in `places`, which has room for all of it; the first places where elements are
/// equal.
template <class T>
void sort_first(const T* line, const Lines& lines, std::int64_t k, bool largest, std::int64_t* places) {
  for (std::int64_t i = 0; i < lines.size; ++i) places[i] = i;
  std::partial_sort(places, places + k, places + lines.size, [&](std::int64_t a, std::int64_t b) {
    const T x = line[a * lines.inner], y = line[b * lines.inner];
    if (precedes(x, y, largest)) return true;
    return !precedes(y, x, largest) && a < b;
  });
}

Prepared top_k(const Call& call) {
  const Shape& from = call.shape(0);
  const int axis = call.axis(call.int_attribute("axis", -1), from.rank());
  const Lines lines = lines_along(from, axis);
  const std::int64_t k = read_k(call, lines.size);
  const bool largest = call.int_attribute("largest", 1) != 0;
  std::vector<std::int64_t> dims(from.dims().begin(), from.dims().end());
  dims[static_cast<std::size_t>(axis)] = k;
  const Shape to = call.make_shape(dims);
  const auto work = [lines, k, largest](const Run& run) {
    auto* places = reinterpret_cast<std::int64_t*>(run.scratch);
    const bool has_values = run.out[0].is_present();
    const bool has_places = run.out.size() > 1 && run.out[1].is_present();
    with_arithmetic(run.in[0].type.element, [&](auto zero) {
      using T = decltype(zero);
      for (std::int64_t i = 0; i < lines.outer * lines.inner; ++i) {
        const std::int64_t o = i / lines.inner, at = i % lines.inner;
        const T* line = elements<T>(run.in[0]) + o * lines.size * lines.inner + at;
        sort_first(line, lines, k, largest, places);
        for (std::int64_t j = 0; j < k; ++j) {
          const std::int64_t place = (o * k + j) * lines.inner + at;
          if (has_values) elements<T>(run.out[0])[place] = line[places[j] * lines.inner];
          if (has_places) run.out[1].integers[place] = places[j];
        }
      }
    });
  };
  return {{{call.element(0), to}, {ElementType::i64, to}},
          work,
          static_cast<std::size_t>(lines.size) * sizeof(std::int64_t)};
}

constexpr Function kOrderFunctions[] = {
    {"ArgMax", arg_of_extreme<true>},
    {"ArgMin", arg_of_extreme<false>},
    {"TopK", top_k},
};

}  // namespace

std::span<const Function> order_functions() {
  return kOrderFunctions;
}

}  // namespace lowbit::arrays
