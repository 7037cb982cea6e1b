// SPDX-License-Identifier: Apache-2.0
// Operators that put elements to other places: those that permute, repeat and join.
#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "arrays/axis_map.h"
#include "arrays/broadcast.h"
#include "arrays/registry.h"

namespace lowbit::arrays {
namespace {

Prepared transpose(const Call& call) {
  const Shape& from = call.shape(0);
  std::vector<std::int64_t> order;
  for (int i = from.rank(); i-- > 0;) order.push_back(i);
  order = call.ints_attribute("perm", order);
  std::vector<std::int64_t> sorted = order;
  std::sort(sorted.begin(), sorted.end());
  for (std::size_t i = 0; i < sorted.size(); ++i)
    if (sorted[i] != static_cast<std::int64_t>(i)) call.reject("has a 'perm' that is no permutation");
  if (order.size() != static_cast<std::size_t>(from.rank()))
    call.reject(fmt::format("permutes {} axes of {}", order.size(), from.rank()));
  const std::vector<std::int64_t> strides = row_strides(from);
  AxisMap map;
  for (const std::int64_t axis : order)
    map.add_whole_axis(from[static_cast<int>(axis)], strides[static_cast<std::size_t>(axis)]);
  return mapped(call, std::move(map));
}

Prepared expand(const Call& call) {
  const Shape& from = call.shape(0);
  const Shape shapes[] = {from, call.make_shape(call.integers(1))};
  const Shape to = broadcast_shape(call, shapes);
  const Dims strides = broadcast_strides(from);
  AxisMap map;
  for (int i = 0; i < to.rank(); ++i)
    map.add_whole_axis(to[i], strides[static_cast<std::size_t>(Shape::kMaxRank - to.rank() + i)]);
  return mapped(call, std::move(map));
}

Prepared tile(const Call& call) {
  const Shape& from = call.shape(0);
  const std::vector<std::int64_t> repeats = call.integers(1);
  if (repeats.size() != static_cast<std::size_t>(from.rank()))
    call.reject(fmt::format("has {} repeats for {} dimensions", repeats.size(), from.rank()));
  std::vector<std::int64_t> dims;
  for (int i = 0; i < from.rank(); ++i) {
    const std::int64_t n = repeats[static_cast<std::size_t>(i)];
    if (n < 0 || (from[i] > 0 && n > INT32_MAX)) call.reject(fmt::format("repeats {} times", n));
    dims.push_back(from[i] > 0 ? from[i] * n : 0);
  }
  static_cast<void>(call.make_shape(dims));
  const std::vector<std::int64_t> strides = row_strides(from);
  AxisMap map;
  for (int i = 0; i < from.rank(); ++i)
    map.add_axis(dims[static_cast<std::size_t>(i)], {{from[i], 0, 1}}, strides[static_cast<std::size_t>(i)]);
  return mapped(call, std::move(map));
}

/// N x C x H x W as axes of other sizes, in another order, of which some are read as one.
struct Regrouping {
  std::vector<std::int64_t> sizes;
  std::vector<std::size_t> order;
  std::vector<std::int64_t> dims;  ///< of the result
};

Prepared regrouped(const Call& call, const Regrouping& r) {
  static_cast<void>(call.make_shape(r.sizes));
  std::vector<std::int64_t> strides(r.sizes.size(), 1);
  for (std::size_t i = strides.size(); i-- > 1;) strides[i - 1] = strides[i] * r.sizes[i];
  AxisMap map;
  for (const std::size_t axis : r.order) map.add_whole_axis(r.sizes[axis], strides[axis]);
  Prepared prepared = mapped(call, std::move(map));
  prepared.outputs[0].shape = call.make_shape(r.dims);
  return prepared;
}

std::int64_t block_size(const Call& call) {
  if (call.rank(0) != 4) call.reject("needs an input of 4 dimensions");
  const std::int64_t block = call.int_attribute("blocksize", 0);
  if (block < 1 || block > INT32_MAX) call.reject(fmt::format("has a block size of {}", block));
  return block;
}

Prepared depth_to_space(const Call& call) {
  const std::int64_t b = block_size(call);
  const Shape& s = call.shape(0);
  if (s[1] % (b * b) != 0) call.reject(fmt::format("divides {} channels by {}", s[1], b * b));
  const std::int64_t c = s[1] / (b * b);
  const std::vector<std::int64_t> dims = {s[0], c, s[2] * b, s[3] * b};
  const std::string mode = call.text_attribute("mode", "DCR");
  if (mode == "DCR") return regrouped(call, {{s[0], b, b, c, s[2], s[3]}, {0, 3, 4, 1, 5, 2}, dims});
  if (mode == "CRD") return regrouped(call, {{s[0], c, b, b, s[2], s[3]}, {0, 1, 4, 2, 5, 3}, dims});
  call.reject("has the unknown mode '" + mode + "'");
}

Prepared space_to_depth(const Call& call) {
  const std::int64_t b = block_size(call);
  const Shape& s = call.shape(0);
  if (s[2] % b != 0 || s[3] % b != 0)
    call.reject(fmt::format("divides {} by blocks of {}", s.to_string(), b));
  const std::vector<std::int64_t> dims = {s[0], s[1] * b * b, s[2] / b, s[3] / b};
  return regrouped(call, {{s[0], s[1], s[2] / b, b, s[3] / b, b}, {0, 3, 5, 1, 2, 4}, dims});
}

Prepared concat(const Call& call) {
  if (call.opset() >= 4 && !call.has_attribute("axis")) call.reject("does not name an axis");
  const Shape& first = call.shape(0);
  const int axis = call.axis(call.int_attribute("axis", 1), first.rank());
  std::vector<std::int64_t> dims(first.dims().begin(), first.dims().end()), blocks;
  dims[static_cast<std::size_t>(axis)] = 0;
  for (int i = 0; i < call.input_count(); ++i) {
    const Shape& s = call.shape(i);
    if (call.element(i) != call.element(0)) call.reject("has inputs of different types");
    bool fits = s.rank() == first.rank();
    for (int a = 0; fits && a < s.rank(); ++a) fits = a == axis || s[a] == first[a];
    if (!fits) call.reject(fmt::format("joins {} and {}", first.to_string(), s.to_string()));
    dims[static_cast<std::size_t>(axis)] += s[axis];
    blocks.push_back(product(s, axis, s.rank()));
  }
  const std::int64_t outer = product(first, 0, axis);
  return {{{call.element(0), call.make_shape(dims)}}, [blocks, outer](const Run& run) {
            with_storage(run.out[0].type.element, [&](auto zero) {
              using T = decltype(zero);
              T* out = run.out[0].data<T>();
              for (std::int64_t o = 0; o < outer; ++o) {
                for (std::size_t i = 0; i < blocks.size(); ++i) {
                  copy_elements(run.in[i].data<T>() + o * blocks[i], blocks[i], out);
                  out += blocks[i];
                }
              }
            });
          }};
}

/// Sizes of the parts along an axis of `size`.
std::vector<std::int64_t> split_sizes(const Call& call, std::int64_t size) {
  if (call.opset() < 13 && call.has_attribute("split")) return call.ints_attribute("split", {});
  if (call.has(1)) return call.integers(1);
  const std::int64_t parts = call.int_attribute("num_outputs", call.output_count());
  if (parts < 1 || parts != call.output_count())
    call.reject(fmt::format("makes {} parts for {} outputs", parts, call.output_count()));
  if (call.opset() < 18 && size % parts != 0) call.reject(fmt::format("divides {} by {}", size, parts));
  const std::int64_t part = (size + parts - 1) / parts;
  std::vector<std::int64_t> sizes(static_cast<std::size_t>(parts), part);
  sizes.back() = size - part * (parts - 1);
  return sizes;
}

Prepared split(const Call& call) {
  const Shape& from = call.shape(0);
  const int axis = call.axis(call.int_attribute("axis", 0), from.rank());
  const std::vector<std::int64_t> sizes = split_sizes(call, from[axis]);
  if (sizes.size() < static_cast<std::size_t>(call.output_count()))
    call.reject(fmt::format("makes {} parts for {} outputs", sizes.size(), call.output_count()));
  Prepared prepared;
  std::int64_t rest = from[axis];
  for (const std::int64_t size : sizes) {
    if (size < 0 || size > rest) call.reject(fmt::format("has a part of {} where {} are left", size, rest));
    rest -= size;
    std::vector<std::int64_t> dims(from.dims().begin(), from.dims().end());
    dims[static_cast<std::size_t>(axis)] = size;
    prepared.outputs.push_back({call.element(0), call.make_shape(dims)});
  }
  if (rest != 0) call.reject(fmt::format("leaves {} of {} out", rest, from[axis]));
  const std::int64_t outer = product(from, 0, axis), inner = product(from, axis + 1, from.rank());
  prepared.run = [sizes, outer, inner, size = from[axis]](const Run& run) {
    with_storage(run.in[0].type.element, [&](auto zero) {
      using T = decltype(zero);
      const T* in = run.in[0].data<T>();
      for (std::size_t i = 0; i < run.out.size() && i < sizes.size(); in += sizes[i++] * inner) {
        if (!run.out[i].is_present()) continue;
        const std::int64_t block = sizes[i] * inner;
        for (std::int64_t o = 0; o < outer; ++o)
          copy_elements(in + o * size * inner, block, run.out[i].data<T>() + o * block);
      }
    });
  };
  return prepared;
}

/// The first elements of each sequence backwards, as many as input 1 says; axes 0 and 1 are batch and time.
Prepared reverse_sequence(const Call& call) {
  const Shape& s = call.shape(0);
  if (s.rank() < 2) call.reject("needs an input of 2 dimensions or more");
  const int time = call.axis(call.int_attribute("time_axis", 0), 2);
  const int batch = call.axis(call.int_attribute("batch_axis", 1), 2);
  if (time == batch) call.reject("has one axis for batch and time");
  if (is_float(call.element(1)) || call.shape(1) != Shape{s[batch]})
    call.reject("needs one length for each sequence");
  const std::int64_t steps = s[time], count = s[batch], inner = product(s, 2, s.rank());
  const std::int64_t time_stride = time == 0 ? s[1] : 1, batch_stride = time == 0 ? 1 : s[1];
  return {{call.type(0)}, [=](const Run& run) {
            with_storage(run.in[0].type.element, [&](auto zero) {
              using T = decltype(zero);
              for (std::int64_t b = 0; b < count; ++b) {
                const std::int64_t length = std::clamp<std::int64_t>(run.in[1].integers[b], 0, steps);
                for (std::int64_t t = 0; t < steps; ++t) {
                  const std::int64_t from = t < length ? length - 1 - t : t;
                  copy_elements(run.in[0].data<T>() + (b * batch_stride + from * time_stride) * inner, inner,
                                run.out[0].data<T>() + (b * batch_stride + t * time_stride) * inner);
                }
              }
            });
          }};
}

/// The upper or lower triangle of matrices, zeros elsewhere.
Prepared trilu(const Call& call) {
  const Shape& s = call.shape(0);
  if (s.rank() < 2) call.reject("needs an input of 2 dimensions or more");
  if (call.has(1) && (is_float(call.element(1)) || call.shape(1).elements() != 1))
    call.reject("needs an integer as its diagonal");
  const bool is_upper = call.int_attribute("upper", 1) != 0;
  const std::int64_t rows = s[s.rank() - 2], columns = s[s.rank() - 1];
  return {{call.type(0)}, [=](const Run& run) {
            const bool has_diagonal = run.in.size() > 1 && run.in[1].is_present();
            const std::int64_t k = has_diagonal ? std::clamp(run.in[1].integers[0], -rows, columns) : 0;
            with_storage(run.in[0].type.element, [&](auto zero) {
              using T = decltype(zero);
              const T* in = run.in[0].data<T>();
              T* out = run.out[0].data<T>();
              for (std::int64_t i = 0; i < run.out[0].size(); i += columns) {
                const std::int64_t row = i / columns % rows;
                const std::int64_t first = std::clamp<std::int64_t>(row + k + (is_upper ? 0 : 1), 0, columns);
                std::fill_n(out + i, columns, T{0});
                if (is_upper)
                  copy_elements(in + i + first, columns - first, out + i + first);
                else
                  copy_elements(in + i, first, out + i);
              }
            });
          }};
}

constexpr Function kMovementFunctions[] = {
    {"Concat", concat},
    {"DepthToSpace", depth_to_space},
    {"Expand", expand},
    {"ReverseSequence", reverse_sequence},
    {"SpaceToDepth", space_to_depth},
    {"Split", split},
    {"Tile", tile},
    {"Transpose", transpose},
    {"Trilu", trilu},
};

}  // namespace

std::span<const Function> movement_functions() {
  return kMovementFunctions;
}

}  // namespace lowbit::arrays
