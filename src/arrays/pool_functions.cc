// SPDX-License-Identifier: Apache-2.0
// Pools of one to three dimensions.
#include <fmt/format.h>

#include <limits>

#include "arrays/numbers.h"
#include "arrays/registry.h"
#include "arrays/walk.h"
#include "arrays/window.h"
#include "core/elementary.h"

namespace lowbit::arrays {
namespace {

struct Pool {
  Window window{};
  std::int64_t planes = 0;
  Shape output{};
};

Pool read_pool(const Call& call) {
  const Shape& shape = call.shape(0);
  Pool pool;
  pool.window = read_window(call, shape, call.ints_attribute("kernel_shape", {}));
  set_outputs(call, pool.window, call.int_attribute("ceil_mode", 0) != 0);
  pool.planes = shape[0] * shape[1];
  pool.output = output_shape(call, pool.window, shape[0], shape[1]);
  return pool;
}

/// One window over all of the input.
Pool read_global_pool(const Call& call) {
  const Shape& shape = call.shape(0);
  Pool pool;
  pool.window = read_window(
      call, shape,
      std::vector<std::int64_t>(shape.dims().begin() + std::min(2, shape.rank()), shape.dims().end()));
  pool.planes = shape[0] * shape[1];
  pool.output = output_shape(call, pool.window, shape[0], shape[1]);
  return pool;
}

/// Calls body(output, i, j, k) for the place of each window, the last one fastest.
template <class Body>
void for_each_window(const Window& window, Body&& body) {
  const auto& [a, b, c] = window.axes;
  std::int64_t at = 0;
  for (std::int64_t i = 0; i < a.out; ++i)
    for (std::int64_t j = 0; j < b.out; ++j)
      for (std::int64_t k = 0; k < c.out; ++k) body(at++, i, j, k);
}

/// Calls body(index) for what window (i, j, k) reads of a plane, in ascending order.
template <class Body>
void for_each_tap(const Window& window, std::int64_t i, std::int64_t j, std::int64_t k, Body&& body) {
  const auto& [a, b, c] = window.axes;
  const std::int64_t first = c.first_tap(k), end = c.end_tap(k, c.in);
  for (std::int64_t ta = a.first_tap(i); ta < a.end_tap(i, a.in); ++ta)
    for (std::int64_t tb = b.first_tap(j); tb < b.end_tap(j, b.in); ++tb) {
      const std::int64_t line = ((a.start(i) + ta * a.dilation) * b.in + b.start(j) + tb * b.dilation) * c.in;
      std::int64_t index = line + c.start(k) + first * c.dilation;
      for (std::int64_t tc = first; tc < end; ++tc, index += c.dilation) body(index);
    }
}

/// The index of an element of a plane where the first axis is the fastest one.
std::int64_t column_major(const Window& window, std::int64_t index) {
  const auto& [a, b, c] = window.axes;
  const std::int64_t k = index % c.in, j = index / c.in % b.in, i = index / c.in / b.in;
  return (k * b.in + j) * a.in + i;
}

template <class T>
void run_max_pool(const Pool& pool, bool by_columns, const Run& run) {
  const std::int64_t in_size = pool.window.in_size(), out_size = pool.window.out_size();
  T lowest;
  if constexpr (std::is_same_v<T, float>)
    lowest = -std::numeric_limits<float>::infinity();
  else
    lowest = integer_range(run.out[0].type.element).low;
  std::int64_t* indices = run.out.size() > 1 && run.out[1].is_present() ? run.out[1].integers : nullptr;
  for (std::int64_t p = 0; p < pool.planes; ++p) {
    const T* x = run.in[0].data<T>() + p * in_size;
    T* y = run.out[0].data<T>() + p * out_size;
    for_each_window(pool.window, [&](std::int64_t at, std::int64_t i, std::int64_t j, std::int64_t k) {
      T most = lowest;
      std::int64_t index = -1;
      for_each_tap(pool.window, i, j, k, [&](std::int64_t from) {
        if (x[from] > most || x[from] != x[from] || index < 0) most = x[from], index = from;
      });
      y[at] = most;
      if (indices)
        indices[p * out_size + at] =
            index < 0 ? -1 : p * in_size + (by_columns ? column_major(pool.window, index) : index);
    });
  }
}

Prepared max_pool(const Call& call) {
  const Pool pool = read_pool(call);
  const bool by_columns = call.int_attribute("storage_order", 0) != 0;
  std::vector<ArrayType> outputs{{call.element(0), pool.output}};
  if (call.output_count() > 1) outputs.push_back({ElementType::i64, pool.output});
  return with_storage(call.element(0), [&](auto zero) -> Prepared {
    using T = decltype(zero);
    return {std::move(outputs),
            [pool, by_columns](const Run& run) { run_max_pool<T>(pool, by_columns, run); }};
  });
}

/// Taps of window `o` that are in the input, or in its padding if that counts.
double counted_taps(const Window::Axis& a, std::int64_t o, bool with_padding) {
  const std::int64_t low = with_padding ? -a.pad_before : 0, high = with_padding ? a.in + a.pad_after : a.in;
  return static_cast<double>(std::max<std::int64_t>(0, a.end_tap(o, high) - a.first_tap(o, low)));
}

Prepared average_pool(const Call& call) {
  if (!is_float(call.element(0))) call.reject("needs floats");
  const Pool pool = read_pool(call);
  const bool with_padding = call.int_attribute("count_include_pad", 0) != 0;
  return {{{call.element(0), pool.output}}, [pool, with_padding](const Run& run) {
            const Window& w = pool.window;
            for (std::int64_t p = 0; p < pool.planes; ++p) {
              const float* x = run.in[0].floats + p * w.in_size();
              float* y = run.out[0].floats + p * w.out_size();
              for_each_window(w, [&](std::int64_t at, std::int64_t i, std::int64_t j, std::int64_t k) {
                double sum = 0;
                for_each_tap(w, i, j, k, [&](std::int64_t from) { sum += x[from]; });
                const double count = counted_taps(w.axes[0], i, with_padding) *
                                     counted_taps(w.axes[1], j, with_padding) *
                                     counted_taps(w.axes[2], k, with_padding);
                y[at] = static_cast<float>(sum / count);
              });
            }
          }};
}

/// The p-norm of what each window reads.
Prepared norm_pool(const Call& call, const Pool& pool) {
  if (!is_float(call.element(0))) call.reject("needs floats");
  const std::int64_t p = call.int_attribute("p", 2);
  if (p < 1) call.reject(fmt::format("has the norm {}", p));
  return {{{call.element(0), pool.output}}, [pool, p](const Run& run) {
            const Window& w = pool.window;
            const auto power = static_cast<double>(p);
            for (std::int64_t plane = 0; plane < pool.planes; ++plane) {
              const float* x = run.in[0].floats + plane * w.in_size();
              float* y = run.out[0].floats + plane * w.out_size();
              for_each_window(w, [&](std::int64_t at, std::int64_t i, std::int64_t j, std::int64_t k) {
                double sum = 0;
                for_each_tap(w, i, j, k, [&](std::int64_t from) {
                  const double v = std::fabs(x[from]);
                  sum += p == 1 ? v : p == 2 ? v * v : elementary::pow(v, power);
                });
                y[at] = static_cast<float>(p == 1   ? sum
                                           : p == 2 ? std::sqrt(sum)
                                                    : elementary::pow(sum, 1 / power));
              });
            }
          }};
}

Prepared lp_pool(const Call& call) {
  return norm_pool(call, read_pool(call));
}

Prepared global_lp_pool(const Call& call) {
  return norm_pool(call, read_global_pool(call));
}

/// Elements go where their indices say, in an array of the inferred shape, which is the first corner of the
/// output.
Prepared max_unpool(const Call& call) {
  const Shape& shape = call.shape(0);
  if (call.shape(1) != shape || call.element(1) != ElementType::i64)
    call.reject("needs an index of each element");
  const Window window = read_window(call, shape, call.ints_attribute("kernel_shape", {}));
  std::vector<std::int64_t> dims{shape[0], shape[1]};
  for (int i = 0; i < window.rank; ++i) {
    const Window::Axis& a = window.axis(i);
    dims.push_back((a.in - 1) * a.stride + a.kernel - a.pad_before - a.pad_after);
  }
  const Shape inferred = call.make_shape(dims);
  const Shape output = call.has(2) ? call.make_shape(call.integers(2)) : inferred;
  if (output.rank() != shape.rank()) call.reject("has an output_shape of another number of dimensions");
  for (int i = 0; i < output.rank(); ++i)
    if (call.has(2) && output[i] < inferred[i])
      call.reject(fmt::format("has an output_shape of {} for {}", output.to_string(), inferred.to_string()));
  return with_storage(call.element(0), [&](auto zero) -> Prepared {
    using T = decltype(zero);
    return {{{call.element(0), output}}, [inferred, output](const Run& run) {
              T* y = run.out[0].data<T>();
              std::fill_n(y, output.elements(), T{});
              for (std::int64_t i = 0; i < run.in[0].size(); ++i) {
                std::int64_t index = run.in[1].integers[i], to = 0, stride = 1;
                if (index < 0 || index >= inferred.elements()) continue;
                for (int axis = output.rank() - 1; axis >= 0; --axis) {
                  to += index % inferred[axis] * stride;
                  index /= inferred[axis], stride *= output[axis];
                }
                y[to] = run.in[0].data<T>()[i];
              }
            }};
  });
}

constexpr Function kPoolFunctions[] = {
    {"AveragePool", average_pool}, {"GlobalLpPool", global_lp_pool}, {"LpPool", lp_pool},
    {"MaxPool", max_pool},         {"MaxUnpool", max_unpool},
};

}  // namespace

std::span<const Function> pool_functions() {
  return kPoolFunctions;
}

}  // namespace lowbit::arrays
