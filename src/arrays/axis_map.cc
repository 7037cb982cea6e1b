// SPDX-License-Identifier: Apache-2.0
#include "arrays/axis_map.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <memory>

#include "arrays/arithmetic.h"

namespace lowbit::arrays {
/// Whether the offsets are inside, one `stride` apart.
bool AxisMap::Axis::is_even(std::int64_t stride) const {
  if (table.empty()) return size <= 1 || step == stride;
  for (std::size_t i = 0; i < size; ++i)
    if (table[i] == kOutside || table[i] != table[0] + static_cast<std::int64_t>(i) * stride) return false;
  return true;
}

/// Whether both together are elements in a row, and not so many that the table becomes large.
bool AxisMap::joins(const Axis& outer, const Axis& inner) {
  constexpr std::size_t kLargeTable = 4096;
  return inner.size > 0 && outer.size * inner.size <= kLargeTable && inner.is_even(1) &&
         outer.is_even(static_cast<std::int64_t>(inner.size));
}

AxisMap::Axis AxisMap::joined(const Axis& outer, const Axis& inner) {
  if (inner.size == 1 && outer.table.empty() && inner.at(0) != kOutside)
    return {outer.size, outer.first + inner.at(0), outer.step, {}};
  Axis both{outer.size * inner.size, 0, 0, {}};
  both.table.reserve(both.size);
  for (std::size_t o = 0; o < outer.size; ++o)
    for (std::size_t i = 0; i < inner.size; ++i)
      both.table.push_back(outer.at(o) == kOutside || inner.at(i) == kOutside ? kOutside
                                                                              : outer.at(o) + inner.at(i));
  return both;
}

void AxisMap::add_axis(std::vector<std::int64_t> offsets) {
  const std::size_t size = offsets.size();
  axes_.push_back({size, 0, 0, std::move(offsets)});
}

void AxisMap::add_axis(std::vector<std::int64_t> coordinates, std::int64_t stride) {
  for (std::int64_t& c : coordinates)
    if (c != kOutside) c *= stride;
  add_axis(std::move(coordinates));
}

void AxisMap::add_even_axis(std::int64_t size, std::int64_t first, std::int64_t step) {
  axes_.push_back({static_cast<std::size_t>(size), first, step, {}});
}

std::vector<std::int64_t> AxisMap::dims() const {
  std::vector<std::int64_t> dims;
  for (const auto& axis : axes_) dims.push_back(static_cast<std::int64_t>(axis.size));
  return dims;
}

void AxisMap::finish() {
  // Short last axes make lines that are not worth their beginning.
  constexpr std::size_t kShortLine = 16;
  while (axes_.size() > 1 &&
         (axes_.back().size == 1 || joins(axes_[axes_.size() - 2], axes_.back()) ||
          (axes_.back().size < kShortLine && axes_[axes_.size() - 2].size < kShortLine))) {
    Axis both = joined(axes_[axes_.size() - 2], axes_.back());
    axes_.pop_back();
    axes_.back() = std::move(both);
  }
  if (axes_.empty()) axes_.push_back({1, 0, 0, {}});
  is_contiguous_ = axes_.back().is_even(1);
}

template <class T>
void AxisMap::run_line(const T* in, T* out, T fill) const {
  const Axis& last = axes_.back();
  if (is_contiguous_) {
    std::memcpy(out, in + last.at(0), last.size * sizeof(T));
  } else if (last.table.empty()) {
    const T* from = in + last.first;
    for (std::size_t i = 0; i < last.size; ++i, from += last.step) out[i] = *from;
  } else {
    const std::int64_t* offsets = last.table.data();
    for (std::size_t i = 0; i < last.size; ++i) out[i] = offsets[i] == kOutside ? fill : in[offsets[i]];
  }
}

template <class T>
void AxisMap::run(const T* in, T* out, T fill) const {
  for (const auto& axis : axes_)
    if (axis.size == 0) return;
  const std::size_t outer = axes_.size() - 1, length = axes_.back().size;
  std::array<std::size_t, Shape::kMaxRank + 1> at{};
  // Offsets of the coordinates so far, of the outermost axes first.
  std::array<std::int64_t, Shape::kMaxRank + 1> base{};
  std::size_t changed = 0;
  for (;; out += length) {
    for (std::size_t i = changed; i < outer; ++i) {
      const std::int64_t offset = axes_[i].at(at[i]);
      base[i + 1] = base[i] == kOutside || offset == kOutside ? kOutside : base[i] + offset;
    }
    if (base[outer] == kOutside)
      std::fill_n(out, length, fill);
    else
      run_line(in + base[outer], out, fill);
    std::size_t axis = outer;
    while (axis > 0 && ++at[axis - 1] == axes_[axis - 1].size) at[--axis] = 0;
    if (axis == 0) return;
    changed = axis - 1;
  }
}

template void AxisMap::run(const float*, float*, float) const;
template void AxisMap::run(const std::int64_t*, std::int64_t*, std::int64_t) const;

std::vector<std::int64_t> row_strides(const Shape& shape) {
  std::vector<std::int64_t> strides(static_cast<std::size_t>(shape.rank()), 1);
  for (std::size_t i = strides.size(); i-- > 1;) strides[i - 1] = strides[i] * shape[static_cast<int>(i)];
  return strides;
}

namespace {

/// fill(run, T{}) gives the element that places outside have.
template <class Fill>
Prepared mapped_and_filled(const Call& call, AxisMap map, Fill fill) {
  const Shape shape = call.make_shape(map.dims());
  map.finish();
  // Shared, since functions are copied.
  auto shared = std::make_shared<const AxisMap>(std::move(map));
  return {{{call.element(0), shape}}, [shared, fill](const Run& run) {
            with_storage(run.out[0].type.element, [&](auto zero) {
              using T = decltype(zero);
              shared->run(run.in[0].data<T>(), run.out[0].data<T>(), fill(run, zero));
            });
          }};
}

}  // namespace

Prepared mapped(const Call& call, AxisMap map, int fill_input) {
  const auto input = static_cast<std::size_t>(fill_input);
  const bool has_fill = fill_input >= 0 && call.has(fill_input);
  return mapped_and_filled(call, std::move(map), [input, has_fill](const Run& run, auto zero) {
    return has_fill ? *run.in[input].data<decltype(zero)>() : zero;
  });
}

Prepared mapped_with_fill(const Call& call, AxisMap map, float fill) {
  return mapped_and_filled(call, std::move(map),
                           [fill](const Run&, auto zero) { return truncate_to<decltype(zero)>(fill); });
}

}  // namespace lowbit::arrays
