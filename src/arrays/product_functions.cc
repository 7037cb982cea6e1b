// SPDX-License-Identifier: Apache-2.0
// Products of matrices.
#include <fmt/format.h>

#include "arrays/arithmetic.h"
#include "arrays/batched_product.h"
#include "arrays/numbers.h"
#include "arrays/registry.h"
#include "arrays/walk.h"

namespace lowbit::arrays {
namespace {

Prepared matmul(const Call& call) {
  const BatchedProduct p = batched_product(call, 0, 1);
  if (call.element(0) != call.element(1)) call.reject("multiplies arrays of two types");
  if (is_float(call.element(0)))
    return {{{call.element(0), p.output}},
            [p](const Run& run) { p.multiply(run.in[0].floats, run.in[1].floats, run.out[0].floats); }};
  return {{{call.element(0), p.output}}, [p](const Run& run) {
            p.multiply(bits(run.in[0].integers), bits(run.in[1].integers), bits(run.out[0].integers));
            wrap_all(run.out[0]);
          }};
}

/// alpha A B + beta C, where A and B may be transposed and C broadcasts.
struct GemmPlan {
  std::int64_t m = 0, n = 0, k = 0;
  bool transposes_a = false, transposes_b = false, has_c = false;
  double alpha = 1, beta = 1;
  Dims dims{}, c_strides{};

  template <class T>
  void multiply(const Run& run) const {
    using M = Modular<T>;
    const auto* a = reinterpret_cast<const M*>(run.in[0].data<T>());
    const auto* b = reinterpret_cast<const M*>(run.in[1].data<T>());
    auto* y = reinterpret_cast<M*>(run.out[0].data<T>());
    std::fill_n(y, m * n, M{});
    const std::int64_t row = transposes_a ? 1 : k, column = transposes_a ? m : 1;
    if (transposes_b && m == 1) {  // as the product of B with a vector
      add_product<M>(n, 1, k, {b, k, 1}, a, 1, y, 1);
    } else if (transposes_b) {
      auto* turned = reinterpret_cast<M*>(run.scratch);
      transpose_matrix(b, n, k, turned);
      add_product<M>(m, n, k, {a, row, column}, turned, n, y, n);
    } else {
      add_product<M>(m, n, k, {a, row, column}, b, n, y, n);
    }
    add_c(run, run.out[0].data<T>());
  }

  template <class T>
  void add_c(const Run& run, T* y) const {
    const ElementType type = run.out[0].type.element;
    const bool is_plain = alpha == 1 && beta == 1;
    for_each_line(dims, c_strides, Dims{}, [&](std::int64_t at, std::int64_t from, std::int64_t) {
      const T* c = has_c ? run.in[2].data<T>() + from : nullptr;
      const std::int64_t step = c_strides.back();
      for (std::int64_t i = at; i < at + n; ++i) {
        const T other = c ? c[(i - at) * step] : T{};
        if (is_plain)
          y[i] = from_modular<T>(type, static_cast<Modular<T>>(y[i]) + static_cast<Modular<T>>(other));
        else
          y[i] = from_double<T>(type, alpha * static_cast<double>(y[i]) + beta * static_cast<double>(other));
      }
    });
  }
};

Prepared gemm(const Call& call) {
  if (call.rank(0) != 2 || call.rank(1) != 2) call.reject("needs two matrices");
  if (call.element(0) != call.element(1)) call.reject("multiplies arrays of two types");
  GemmPlan p;
  p.transposes_a = call.int_attribute("transA", 0) != 0,
  p.transposes_b = call.int_attribute("transB", 0) != 0;
  p.alpha = call.float_attribute("alpha", 1), p.beta = call.float_attribute("beta", 1);
  p.m = call.shape(0)[p.transposes_a ? 1 : 0], p.k = call.shape(0)[p.transposes_a ? 0 : 1];
  p.n = call.shape(1)[p.transposes_b ? 0 : 1];
  if (call.shape(1)[p.transposes_b ? 1 : 0] != p.k)
    call.reject(fmt::format("multiplies {} by {}", call.shape(0).to_string(), call.shape(1).to_string()));
  const std::int64_t dims[] = {p.m, p.n};
  const Shape output = call.make_shape(dims);
  p.dims = padded_dims(output);
  p.has_c = call.has(2);
  if (p.has_c) {
    const Dims c = padded_dims(call.shape(2));
    bool fits = call.rank(2) <= 2 && call.element(2) == call.element(0);
    for (std::size_t i = 0; i < c.size(); ++i) fits = fits && (c[i] == 1 || c[i] == p.dims[i]);
    if (!fits) call.reject(fmt::format("adds {} to {}", call.shape(2).to_string(), output.to_string()));
    p.c_strides = broadcast_strides(call.shape(2));
  }
  const std::size_t scratch = p.transposes_b && p.m != 1
                                  ? static_cast<std::size_t>(call.shape(1).elements()) * sizeof(std::int64_t)
                                  : 0;
  return with_storage(call.element(0), [&](auto zero) -> Prepared {
    using T = decltype(zero);
    return {{{call.element(0), output}}, [p](const Run& run) { p.multiply<T>(run); }, scratch};
  });
}

constexpr Function kProductFunctions[] = {
    {"Gemm", gemm},
    {"MatMul", matmul},
};

}  // namespace

std::span<const Function> product_functions() {
  return kProductFunctions;
}

}  // namespace lowbit::arrays
