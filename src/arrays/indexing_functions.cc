// SPDX-License-Identifier: Apache-2.0
// Operators that read elements at places that an input names, and those that choose.
#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "arrays/axis_map.h"
#include "arrays/broadcast.h"
#include "arrays/indices.h"
#include "arrays/registry.h"

namespace lowbit::arrays {
namespace {

Prepared gather(const Call& call) {
  const Shape& from = call.shape(0);
  const Shape& indices = call.shape(1);
  const int axis = call.axis(call.int_attribute("axis", 0), from.rank());
  check_indices(call, 1, from[axis]);
  std::vector<std::int64_t> dims(from.dims().begin(), from.dims().begin() + axis);
  dims.insert(dims.end(), indices.dims().begin(), indices.dims().end());
  dims.insert(dims.end(), from.dims().begin() + axis + 1, from.dims().end());
  const std::int64_t outer = product(from, 0, axis), inner = product(from, axis + 1, from.rank());
  return {{{call.element(0), call.make_shape(dims)}},
          [outer, inner, size = from[axis], count = indices.elements()](const Run& run) {
            with_storage(run.in[0].type.element, [&](auto zero) {
              using T = decltype(zero);
              T* out = run.out[0].data<T>();
              for (std::int64_t o = 0; o < outer; ++o) {
                const T* in = run.in[0].data<T>() + o * size * inner;
                for (std::int64_t i = 0; i < count; ++i, out += inner)
                  copy_elements(in + limited_index(run.in[1].integers[i], size) * inner, inner, out);
              }
            });
          }};
}

Prepared gather_elements(const Call& call) {
  const Shape& from = call.shape(0);
  const Shape& to = call.shape(1);
  const int axis = call.axis(call.int_attribute("axis", 0), from.rank());
  check_indices(call, 1, from[axis]);
  check_fits_beside(call, to, axis);
  const ElementWalk walk = make_element_walk(from, to, axis);
  return {{{call.element(0), to}}, [walk](const Run& run) {
            with_storage(run.in[0].type.element, [&](auto zero) {
              using T = decltype(zero);
              const T* in = run.in[0].data<T>();
              T* out = run.out[0].data<T>();
              for_each_element(walk, run.in[1].integers,
                               [&](std::int64_t i, std::int64_t at) { out[i] = in[at]; });
            });
          }};
}

Prepared gather_nd(const Call& call) {
  const Shape& indices = call.shape(1);
  const SliceWalk walk = make_slice_walk(call, static_cast<int>(call.int_attribute("batch_dims", 0)));
  std::vector<std::int64_t> dims(indices.dims().begin(), indices.dims().end() - 1);
  const auto rest = call.shape(0).dims().subspan(static_cast<std::size_t>(walk.first_axis + walk.depth));
  dims.insert(dims.end(), rest.begin(), rest.end());
  return {{{call.element(0), call.make_shape(dims)}}, [walk](const Run& run) {
            with_storage(run.in[0].type.element, [&](auto zero) {
              using T = decltype(zero);
              for_each_slice(walk, run.in[1].integers, [&](std::int64_t i, std::int64_t at) {
                copy_elements(run.in[0].data<T>() + at, walk.slice, run.out[0].data<T>() + i * walk.slice);
              });
            });
          }};
}

template <class T>
void choose_line(const std::int64_t* condition, std::int64_t step_c, const T* a, std::int64_t step_a,
                 const T* b, std::int64_t step_b, T* out, std::int64_t n) {
  if (step_c == 0) {  // all from one of the two
    const T* from = *condition != 0 ? a : b;
    const std::int64_t step = *condition != 0 ? step_a : step_b;
    for (std::int64_t i = 0; i < n; ++i) out[i] = from[i * step];
    return;
  }
  for (std::int64_t i = 0; i < n; ++i) out[i] = condition[i] != 0 ? a[i * step_a] : b[i * step_b];
}

Prepared where(const Call& call) {
  if (call.element(0) != ElementType::boolean) call.reject("needs booleans as its condition");
  if (call.element(1) != call.element(2)) call.reject("has inputs of different types");
  const std::array<Shape, 3> shapes = {call.shape(0), call.shape(1), call.shape(2)};
  const Shape shape = broadcast_shape(call, shapes);
  return {{{call.element(1), shape}}, [walk = make_broadcast<3>(shape, shapes)](const Run& run) {
            with_storage(run.out[0].type.element, [&](auto zero) {
              using T = decltype(zero);
              for_each_line(walk, [&](std::int64_t to, const std::array<std::int64_t, 3>& at) {
                choose_line(run.in[0].integers + at[0], walk.strides[0].back(), run.in[1].data<T>() + at[1],
                            walk.strides[1].back(), run.in[2].data<T>() + at[2], walk.strides[2].back(),
                            run.out[0].data<T>() + to, walk.dims.back());
              });
            });
          }};
}

/// Those elements, or parts along an axis, whose condition holds. Their number must be known.
Prepared compress(const Call& call) {
  const Shape& from = call.shape(0);
  if (call.rank(1) != 1) call.reject("needs a condition of one dimension");
  const std::vector<std::int64_t> condition = call.integers(1);
  const bool has_axis = call.has_attribute("axis");
  const int axis = has_axis ? call.axis(call.int_attribute("axis", 0), from.rank()) : 0;
  const std::int64_t size = has_axis ? from[axis] : from.elements();
  if (static_cast<std::int64_t>(condition.size()) > size)
    call.reject(fmt::format("has {} conditions for {} parts", condition.size(), size));
  std::vector<std::int64_t> kept;
  for (std::size_t i = 0; i < condition.size(); ++i)
    if (condition[i] != 0) kept.push_back(static_cast<std::int64_t>(i));
  AxisMap map;
  if (!has_axis) {
    map.add_axis(std::move(kept));
    return mapped(call, std::move(map));
  }
  const std::vector<std::int64_t> strides = row_strides(from);
  for (int i = 0; i < from.rank(); ++i) {
    if (i == axis)
      map.add_axis(kept, strides[static_cast<std::size_t>(i)]);
    else
      map.add_whole_axis(from[i], strides[static_cast<std::size_t>(i)]);
  }
  return mapped(call, std::move(map));
}

/// The places of an input that is known: a row of coordinates for each axis.
Prepared non_zero(const Call& call) {
  const Array* array = call.known(0);
  if (!array) call.refuse("of a computed input gives a number of places that is not known before it runs");
  const std::vector<std::int64_t> strides = row_strides(call.shape(0));
  std::vector<std::int64_t> places;
  for (std::int64_t i = 0; i < call.shape(0).elements(); ++i) {
    const auto at = static_cast<std::size_t>(i);
    if (is_float(array->type.element) ? array->floats[at] != 0 : array->integers[at] != 0)
      places.push_back(i);
  }
  std::vector<std::int64_t> coordinates;
  for (int axis = 0; axis < call.rank(0); ++axis)
    for (const std::int64_t place : places)
      coordinates.push_back(place / strides[static_cast<std::size_t>(axis)] % call.shape(0)[axis]);
  const Shape shape{std::int64_t{call.rank(0)}, static_cast<std::int64_t>(places.size())};
  return {{{ElementType::i64, shape}}, [coordinates](const Run& run) {
            std::copy(coordinates.begin(), coordinates.end(), run.out[0].integers);
          }};
}

std::int64_t one_hot_depth(const Call& call) {
  if (call.shape(1).elements() != 1) call.reject("needs a scalar as its depth");
  const double depth =
      is_float(call.element(1)) ? call.floats(1)[0] : static_cast<double>(call.integers(1)[0]);
  if (!(depth >= 0 && depth <= 0x1p31)) call.reject(fmt::format("has a depth of {}", depth));
  return static_cast<std::int64_t>(depth);
}

/// Indices outside of [-depth, depth) give a vector of the value for off.
Prepared one_hot(const Call& call) {
  const Shape& indices = call.shape(0);
  const std::int64_t depth = one_hot_depth(call);
  if (call.shape(2).elements() != 2) call.reject("needs two values");
  const int axis = call.axis(call.int_attribute("axis", -1), indices.rank() + 1);
  std::vector<std::int64_t> dims(indices.dims().begin(), indices.dims().end());
  dims.insert(dims.begin() + axis, depth);
  const std::int64_t outer = product(indices, 0, axis), inner = product(indices, axis, indices.rank());
  return {{{call.element(2), call.make_shape(dims)}}, [=](const Run& run) {
            with_storage(run.out[0].type.element, [&](auto zero) {
              using T = decltype(zero);
              const T* values = run.in[2].data<T>();
              T* out = run.out[0].data<T>();
              std::fill_n(out, run.out[0].size(), values[0]);
              for (std::int64_t i = 0; i < outer * inner; ++i) {
                const double given =
                    run.in[0].floats ? run.in[0].floats[i] : static_cast<double>(run.in[0].integers[i]);
                const double at = given < 0 ? given + static_cast<double>(depth) : given;
                if (at >= 0 && at < static_cast<double>(depth))
                  out[(i / inner * depth + static_cast<std::int64_t>(at)) * inner + i % inner] = values[1];
              }
            });
          }};
}

constexpr Function kIndexingFunctions[] = {
    {"Compress", compress},  {"Gather", gather},    {"GatherElements", gather_elements},
    {"GatherND", gather_nd}, {"NonZero", non_zero}, {"OneHot", one_hot},
    {"Where", where},
};

}  // namespace

std::span<const Function> indexing_functions() {
  return kIndexingFunctions;
}

}  // namespace lowbit::arrays
