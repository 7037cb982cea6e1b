// Products of matrices.
#include "arrays/product.h"

#include <fmt/format.h>

#include "arrays/numbers.h"
#include "arrays/registry.h"
#include "arrays/walk.h"

namespace lowbit::arrays {
namespace {

/// MatMul as numpy has it: products of the last two axes, the others broadcast.
struct BatchedProduct {
  std::int64_t m = 1, n = 1, k = 1;
  Dims batch{}, a_strides{}, b_strides{};  ///< the last entry is of no axis
  Shape output{};

  template <class T>
  void multiply(const T* a, const T* b, T* c) const {
    std::fill_n(c, output.elements(), T{});
    for_each_line(batch, a_strides, b_strides, [&](std::int64_t at, std::int64_t i, std::int64_t j) {
      add_product<T>(m, n, k, {a + i * m * k, k, 1}, b + j * k * n, n, c + at * m * n, n);
    });
  }
};

/// The axes before the last two, and one of size 1 after them.
Shape batch_shape(const Call& call, const Shape& shape) {
  std::vector<std::int64_t> dims;
  for (int i = 0; i + 2 < shape.rank(); ++i) dims.push_back(shape[i]);
  dims.push_back(1);
  return call.make_shape(dims);
}

BatchedProduct batched_product(const Call& call, int i_a, int i_b) {
  const Shape &a = call.shape(i_a), &b = call.shape(i_b);
  if (a.rank() < 1 || b.rank() < 1) call.reject("multiplies a scalar");
  BatchedProduct p;
  p.k = a[a.rank() - 1];
  if (a.rank() > 1) p.m = a[a.rank() - 2];
  if (b.rank() > 1) p.n = b[b.rank() - 1];
  const Shape a_batch = batch_shape(call, a), b_batch = batch_shape(call, b);
  const Dims a_dims = padded_dims(a_batch), b_dims = padded_dims(b_batch);
  bool fits = p.k == b[b.rank() > 1 ? b.rank() - 2 : 0];
  for (std::size_t i = 0; i < a_dims.size(); ++i) {
    p.batch[i] = a_dims[i] == 1 ? b_dims[i] : a_dims[i];
    fits = fits && (a_dims[i] == p.batch[i] || a_dims[i] == 1) && (b_dims[i] == p.batch[i] || b_dims[i] == 1);
  }
  if (!fits) call.reject(fmt::format("multiplies {} by {}", a.to_string(), b.to_string()));
  const auto batch_rank = static_cast<std::size_t>(std::max(a_batch.rank(), b_batch.rank()));
  std::vector<std::int64_t> dims(p.batch.end() - static_cast<std::ptrdiff_t>(batch_rank), p.batch.end() - 1);
  if (a.rank() > 1) dims.push_back(p.m);
  if (b.rank() > 1) dims.push_back(p.n);
  p.output = call.make_shape(dims);
  p.a_strides = broadcast_strides(a_batch), p.b_strides = broadcast_strides(b_batch);
  if (b.rank() <= 2) {  // one matrix for all rows
    p.m = p.k == 0 ? p.output.elements() / std::max<std::int64_t>(p.n, 1) : a.elements() / p.k;
    p.batch.fill(1);
  }
  return p;
}

void wrap_integers(const MutableArrayView& out) {
  for (std::int64_t i = 0; i < out.size(); ++i) out.integers[i] = wrap_to(out.type.element, out.integers[i]);
}

/// Integers are multiplied as their bits, which wrap.
const std::uint64_t* bits(const std::int64_t* p) {
  return reinterpret_cast<const std::uint64_t*>(p);
}

std::uint64_t* bits(std::int64_t* p) {
  return reinterpret_cast<std::uint64_t*>(p);
}

Prepared matmul(const Call& call) {
  const BatchedProduct p = batched_product(call, 0, 1);
  if (call.element(0) != call.element(1)) call.reject("multiplies arrays of two types");
  if (is_float(call.element(0)))
    return {{{call.element(0), p.output}},
            [p](const Run& run) { p.multiply(run.in[0].floats, run.in[1].floats, run.out[0].floats); }};
  return {{{call.element(0), p.output}}, [p](const Run& run) {
            p.multiply(bits(run.in[0].integers), bits(run.in[1].integers), bits(run.out[0].integers));
            wrap_integers(run.out[0]);
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

/// Strides of the zero points or scales in input `i` along the axes of input `of`; one number, one for each
/// row (a vector, if `by_rows`), or what broadcasts.
Dims point_strides(const Call& call, int i, int of, bool by_rows) {
  const Shape& to = call.shape(of);
  std::vector<std::int64_t> from;
  for (const std::int64_t dim : call.shape(i).dims()) from.push_back(dim);
  if (by_rows && from.size() == 1 && from[0] != 1) from.push_back(1);
  const Shape shape = call.make_shape(from);
  const Dims dims = padded_dims(shape), whole = padded_dims(to);
  bool fits = shape.rank() <= to.rank() || shape.elements() == 1;
  for (std::size_t axis = 0; axis < dims.size(); ++axis)
    fits = fits && (dims[axis] == 1 || dims[axis] == whole[axis]);
  if (!fits)
    call.reject(fmt::format("has zero points of {} for {}", call.shape(i).to_string(), to.to_string()));
  return broadcast_strides(shape);
}

/// Input `i` less the zero points of input `point`, if there are any.
struct Centred {
  int i = 0, point = -1;
  Dims dims{}, strides{};

  void operator()(const Run& run, std::int64_t* to) const {
    const std::int64_t* x = run.in[static_cast<std::size_t>(i)].integers;
    const std::int64_t none = 0;
    const std::int64_t* z = point < 0 ? &none : run.in[static_cast<std::size_t>(point)].integers;
    for_each_line(dims, strides, Dims{}, [&](std::int64_t at, std::int64_t from, std::int64_t) {
      for (std::int64_t k = 0; k < dims.back(); ++k) to[at + k] = x[at + k] - z[from + k * strides.back()];
    });
  }
};

Centred centred(const Call& call, int i, int point, bool by_rows) {
  Centred c{i, -1, padded_dims(call.shape(i)), {}};
  if (is_float(call.element(i)) || call.element(i) == ElementType::i64 || call.element(i) == ElementType::u64)
    call.reject("needs integers of at most 32 bits");
  if (!call.has(point)) return c;
  if (call.element(point) != call.element(i)) call.reject("has zero points of another type");
  c.point = point;
  c.strides = point_strides(call, point, i, by_rows);
  return c;
}

Prepared matmul_integer(const Call& call) {
  const BatchedProduct p = batched_product(call, 0, 1);
  const Centred a = centred(call, 0, 2, true), b = centred(call, 1, 3, false);
  const std::int64_t a_size = call.shape(0).elements(), b_size = call.shape(1).elements();
  const auto run_product = [p, a, b, a_size](const Run& run) {
    auto* factors = reinterpret_cast<std::int64_t*>(run.scratch);
    a(run, factors);
    b(run, factors + a_size);
    p.multiply(bits(factors), bits(factors + a_size), bits(run.out[0].integers));
    wrap_integers(run.out[0]);
  };
  return {{{ElementType::i32, p.output}},
          run_product,
          static_cast<std::size_t>(a_size + b_size) * sizeof(std::int64_t)};
}

constexpr Function kProductFunctions[] = {
    {"Gemm", gemm},
    {"MatMul", matmul},
    {"MatMulInteger", matmul_integer},
};

}  // namespace

std::span<const Function> product_functions() {
  return kProductFunctions;
}

}  // namespace lowbit::arrays
