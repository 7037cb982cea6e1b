// SPDX-License-Identifier: Apache-2.0
#include "arrays/batched_product.h"

#include <fmt/format.h>

namespace lowbit::arrays {
namespace {

/// The axes before the last two, and one of size 1 after them.
Shape batch_shape(const Call& call, const Shape& shape) {
  std::vector<std::int64_t> dims;
  for (int i = 0; i + 2 < shape.rank(); ++i) dims.push_back(shape[i]);
  dims.push_back(1);
  return call.make_shape(dims);
}

}  // namespace

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

}  // namespace lowbit::arrays
