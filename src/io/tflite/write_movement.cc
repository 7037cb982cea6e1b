// SPDX-License-Identifier: Apache-2.0
// Operators that move elements. Shapes are those that the file gives its tensors.
#include <fmt/format.h>

#include <cstddef>
#include <limits>

#include "io/tflite/write_ops.h"

namespace lowbit::tflite {
namespace {

constexpr std::int64_t kEnd = std::numeric_limits<std::int64_t>::max();

/// One pixel: the same elements in either order.
bool is_pixel(const Tensor& tensor) {
  return tensor.rank() == 4 && tensor.dims[1] == 1 && tensor.dims[2] == 1;
}

Integers with_batch(const Translator& t, const Integers& dims) {
  Integers result = dims;
  const Integers& from = t.input(0).dims;
  if (!result.empty() && !from.empty() && result[0] == from[0]) result[0] = 0;  // as in the input
  return result;
}

std::string slice(Translator& t, const std::string& x, Order order, std::int64_t axis, std::int64_t first,
                  std::int64_t end) {
  return t.emit("Slice",
                {x, t.integers_of({first}), t.integers_of({end}), t.integers_of({axis_in(order, axis)})});
}

void give_parts(Translator& t, std::size_t input, std::int64_t axis, const Integers& sizes) {
  if (sizes.size() != t.op().outputs.size()) t.reject("has another number of parts than of outputs");
  const Order order = order_of(t, input);
  const std::string x = t.read(input, order);
  std::int64_t first = 0;
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    if (sizes[i] < 1 || sizes[i] > std::numeric_limits<std::int32_t>::max())
      t.reject(fmt::format("has a part of {} elements", sizes[i]));
    t.give(i, order, slice(t, x, order, axis, first, first + sizes[i]));
    first += sizes[i];
  }
}

}  // namespace

/// RESHAPE, SQUEEZE and EXPAND_DIMS.
void write_reshape(Translator& t) {
  const Tensor &from = t.input(0), &to = t.output();
  if (from.is_constant) t.refuse("computes constants");
  const std::string x = t.read(0, is_pixel(from) ? order_of(t, 0) : Order::file);
  Integers dims = with_batch(t, to.dims);
  if (to.rank() == 4 && is_pixel(to)) {
    const Integers image{dims[0], dims[3], 1, 1};
    return t.give(0, Order::image, t.emit("Reshape", {x, t.integers_of(image)}));
  }
  t.give(0, Order::file, t.emit("Reshape", {x, t.integers_of(dims)}));
}

void write_transpose(Translator& t) {
  const Integers perm = t.integers(1);
  if (static_cast<std::int64_t>(perm.size()) != t.input(0).rank())
    t.reject("has as many axes as its input has not");
  t.give(0, Order::file, t.emit("Transpose", {t.read(0, Order::file)}, {{"perm", perm}}));
}

/// PAD and PADV2: before and after each axis; PADV2 says with what, PAD pads with zero.
void write_pad(Translator& t) {
  const Order order = order_of(t, 0);
  const Integers given = t.integers(1);
  const auto rank = static_cast<std::size_t>(t.input(0).rank());
  if (given.size() != 2 * rank) t.reject(fmt::format("has {} sizes for {} dimensions", given.size(), rank));
  Integers pads(2 * rank);
  for (std::size_t axis = 0; axis < rank; ++axis) {
    const auto at = static_cast<std::size_t>(axis_in(order, static_cast<std::int64_t>(axis)));
    pads[at] = given[2 * axis];
    pads[rank + at] = given[2 * axis + 1];
  }
  std::vector<std::string> inputs{t.read(0, order), t.integers_of(pads)};
  if (t.has_input(2)) {
    if (t.input(2).rank() != 0 && t.input(2).elements() != 1) t.reject("pads with several numbers");
    inputs.push_back(t.read(2, Order::file));
  }
  t.give(0, order, t.emit("Pad", inputs));
}

void write_concatenation(Translator& t) {
  const auto& o = t.options<schema::ConcatenationOptions>();
  const Order order = t.common_order();
  const std::int64_t axis = axis_from_front(t, o.axis(), t.output().rank());
  std::vector<std::string> inputs;
  for (std::size_t i = 0; i < t.input_count(); ++i) {
    if (t.input(i).rank() != t.output().rank()) t.reject("has inputs of other dimensions than its output");
    inputs.push_back(t.read(i, order));
  }
  t.give(0, order, t.activated(t.emit("Concat", inputs, {{"axis", axis_in(order, axis)}}), o.activation()));
}

void write_strided_slice(Translator& t) {
  const auto& o = t.options<schema::StridedSliceOptions>();
  if (o.ellipsis_mask() != 0 || o.new_axis_mask() != 0 || o.offset())
    t.refuse("has an ellipsis, new axes or sizes in the place of ends");
  const Integers begin = t.integers(1), end = t.integers(2), stride = t.integers(3);
  const auto rank = static_cast<std::size_t>(t.input(0).rank());
  if (begin.size() > rank || end.size() != begin.size() || stride.size() != begin.size())
    t.reject("has begins, ends and strides that do not fit its input");
  const bool drops = o.shrink_axis_mask() != 0;
  const Order order = drops ? Order::file : order_of(t, 0);
  Integers starts, ends, axes;
  for (std::size_t i = 0; i < begin.size(); ++i) {
    const auto has = [&](std::int32_t mask) {
      return i < 32 && (static_cast<std::uint32_t>(mask) >> i & 1u) != 0;
    };
    const bool one = has(o.shrink_axis_mask());
    starts.push_back(has(o.begin_mask()) && !one ? (stride[i] < 0 ? kEnd : 0) : begin[i]);
    ends.push_back(one                 ? (begin[i] == -1 ? kEnd : begin[i] + 1)
                   : has(o.end_mask()) ? (stride[i] < 0 ? -kEnd : kEnd)
                                       : end[i]);
    axes.push_back(axis_in(order, static_cast<std::int64_t>(i)));
  }
  std::string result = t.read(0, order);
  if (!begin.empty())
    result = t.emit("Slice", {result, t.integers_of(starts), t.integers_of(ends), t.integers_of(axes),
                              t.integers_of(stride)});
  if (drops) result = t.emit("Reshape", {result, t.integers_of(with_batch(t, t.output().dims))});
  t.give(0, order, result);
}

void write_slice(Translator& t) {
  const Integers begin = t.integers(1), size = t.integers(2);
  if (static_cast<std::int64_t>(begin.size()) != t.input(0).rank() || size.size() != begin.size())
    t.reject("has begins and sizes that do not fit its input");
  const Order order = order_of(t, 0);
  Integers ends, axes;
  for (std::size_t i = 0; i < begin.size(); ++i) {
    if (begin[i] < 0 || size[i] < -1 || size[i] > kEnd - begin[i])
      t.reject("begins or ends outside of its input");
    ends.push_back(size[i] < 0 ? kEnd : begin[i] + size[i]);
    axes.push_back(axis_in(order, static_cast<std::int64_t>(i)));
  }
  if (begin.empty()) t.reject("cuts a single number");
  t.give(0, order,
         t.emit("Slice", {t.read(0, order), t.integers_of(begin), t.integers_of(ends), t.integers_of(axes)}));
}

/// The axis comes first.
void write_split(Translator& t) {
  const Integers given = t.integers(0);
  const Tensor& x = t.input(1);
  if (given.size() != 1) t.reject("has several axes");
  const std::int64_t axis = axis_from_front(t, given[0], x.rank());
  const auto parts = static_cast<std::int64_t>(t.op().outputs.size()),
             all = x.dims[static_cast<std::size_t>(axis)];
  if (all % parts != 0) t.reject(fmt::format("cuts {} elements into {} parts", all, parts));
  give_parts(t, 1, axis, Integers(static_cast<std::size_t>(parts), all / parts));
}

void write_split_v(Translator& t) {
  const Integers given = t.integers(2);
  if (given.size() != 1) t.reject("has several axes");
  const std::int64_t axis = axis_from_front(t, given[0], t.input(0).rank());
  give_parts(t, 0, axis, t.integers(1));
}

}  // namespace lowbit::tflite
