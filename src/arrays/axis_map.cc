// SPDX-License-Identifier: Apache-2.0
#include "arrays/axis_map.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <memory>

#include "arrays/arithmetic.h"

namespace lowbit::arrays {
namespace {

EvenRun moved(const EvenRun& run, std::int64_t by) {
  if (run.first == kOutside || by == kOutside) return {run.size, kOutside, 0};
  return {run.size, run.first + by, run.step};
}

template <class T>
void copy_run(const EvenRun& run, std::size_t count, const T* in, T* out, T fill) {
  if (run.first == kOutside) {
    std::fill_n(out, count, fill);
  } else if (run.step == 1) {
    std::memcpy(out, in + run.first, count * sizeof(T));
  } else if (run.step == 0) {
    std::fill_n(out, count, in[run.first]);
  } else {
    const T* from = in + run.first;
    for (std::size_t i = 0; i < count; ++i) out[i] = from[static_cast<std::int64_t>(i) * run.step];
  }
}

}  // namespace

std::int64_t AxisMap::Axis::at(std::size_t i) const {
  if (offset) return offset(static_cast<std::int64_t>(i));
  if (!table.empty()) return table[i < table.size() ? i : i % table.size()];
  auto rest = static_cast<std::int64_t>(i);
  if (rest >= runs[0].size) {
    std::int64_t period = 0;
    for (const EvenRun& run : runs) period += run.size;
    rest %= period;
  }
  const EvenRun* run = runs.data();
  for (; rest >= run->size; ++run) rest -= run->size;
  return run->first + rest * run->step;
}

/// Whether the offsets are inside, one `stride` apart.
bool AxisMap::Axis::is_even(std::int64_t stride) const {
  if (size <= 1) return size == 0 || at(0) != kOutside;
  if (offset) return false;
  if (table.empty())
    return runs[0].size >= static_cast<std::int64_t>(size) && runs[0].first != kOutside &&
           runs[0].step == stride;
  for (std::size_t i = 0; i < size; ++i)
    if (at(i) == kOutside || at(i) != at(0) + static_cast<std::int64_t>(i) * stride) return false;
  return true;
}

std::vector<std::int64_t> AxisMap::Axis::first(std::size_t count) const {
  std::vector<std::int64_t> offsets(count);
  for (std::size_t i = 0; i < count; ++i) offsets[i] = at(i);
  return offsets;
}

void AxisMap::Axis::move(std::int64_t by) {
  for (EvenRun& run : runs) run = moved(run, by);
  for (std::int64_t& at : table) at = at == kOutside || by == kOutside ? kOutside : at + by;
}

/// A table of offsets that are computed, while it is a small one; one run in the place of an even table.
void AxisMap::Axis::settle() {
  constexpr std::size_t kLargestTable = std::size_t{1} << 20;
  if (offset && size <= kLargestTable) {
    table = first(size);
    offset = nullptr;
  }
  if (table.empty()) return;
  const std::int64_t step = size > 1 ? at(1) - at(0) : 0;
  if (!is_even(step)) return;
  runs = {{static_cast<std::int64_t>(size), at(0), step}};
  table.clear();
}

/// A table where there are many runs for few elements.
void AxisMap::Axis::prefer_table() {
  constexpr std::int64_t kShortRun = 8, kShortTable = 1024;
  if (!table.empty() || offset) return;
  std::int64_t period = 0;
  for (const EvenRun& run : runs) period += run.size;
  const bool is_short = period < kShortRun * static_cast<std::int64_t>(runs.size());
  if (is_short && period < static_cast<std::int64_t>(size))
    table = first(std::min(size, static_cast<std::size_t>(kShortTable / period * period)));
  else if (is_short && runs.size() > 1)
    table = first(size);
}

/// Whether both together are elements in a row.
bool AxisMap::joins(const Axis& outer, const Axis& inner) {
  return inner.is_even(1) && outer.is_even(static_cast<std::int64_t>(inner.size));
}

AxisMap::Axis AxisMap::joined(Axis outer, const Axis& inner) {
  if (inner.size == 1) {
    outer.move(inner.at(0));
    return outer;
  }
  const std::size_t size = outer.size * inner.size;
  if (joins(outer, inner)) return {size, {{static_cast<std::int64_t>(size), outer.at(0) + inner.at(0), 1}}};
  Axis both{size};
  both.table.reserve(size);
  for (std::size_t o = 0; o < outer.size; ++o)
    for (std::size_t i = 0; i < inner.size; ++i)
      both.table.push_back(outer.at(o) == kOutside || inner.at(i) == kOutside ? kOutside
                                                                              : outer.at(o) + inner.at(i));
  return both;
}

void AxisMap::add_axis(std::vector<std::int64_t> offsets) {
  const std::size_t size = offsets.size();
  axes_.push_back({size, {}, std::move(offsets)});
}

void AxisMap::add_axis(std::vector<std::int64_t> coordinates, std::int64_t stride) {
  for (std::int64_t& c : coordinates)
    if (c != kOutside) c *= stride;
  add_axis(std::move(coordinates));
}

void AxisMap::add_axis(std::int64_t size, const std::vector<EvenRun>& coordinates, std::int64_t stride) {
  Axis axis{static_cast<std::size_t>(size)};
  for (const EvenRun& run : coordinates)
    if (run.size > 0)
      axis.runs.push_back(
          {run.size, run.first == kOutside ? kOutside : run.first * stride, run.step * stride});
  axes_.push_back(std::move(axis));
}

void AxisMap::add_axis(std::int64_t size, std::function<std::int64_t(std::int64_t)> offset) {
  axes_.push_back({static_cast<std::size_t>(size), {}, {}, std::move(offset)});
}

void AxisMap::add_even_axis(std::int64_t size, std::int64_t first, std::int64_t step) {
  axes_.push_back({static_cast<std::size_t>(size), {{size, first, step}}});
}

std::vector<std::int64_t> AxisMap::dims() const {
  std::vector<std::int64_t> dims;
  for (const auto& axis : axes_) dims.push_back(static_cast<std::int64_t>(axis.size));
  return dims;
}

void AxisMap::finish() {
  for (const Axis& axis : axes_)
    if (axis.size == 0) return;
  for (Axis& axis : axes_) axis.settle();
  // Short last axes make lines that are not worth their beginning.
  constexpr std::size_t kShortLine = 16;
  while (axes_.size() > 1) {
    Axis& outer = axes_[axes_.size() - 2];
    const Axis& inner = axes_.back();
    const bool is_short = inner.size == 1 || (inner.size < kShortLine && outer.size < kShortLine);
    if (outer.offset || inner.offset || !(is_short || joins(outer, inner))) break;
    Axis both = joined(std::move(outer), inner);
    axes_.pop_back();
    axes_.back() = std::move(both);
  }
  if (axes_.empty()) add_even_axis(1, 0, 0);
  axes_.back().prefer_table();
}

template <class T>
void AxisMap::run_line(const Axis& axis, const T* in, T* out, T fill) {
  if (axis.offset) {
    for (std::size_t i = 0; i < axis.size; ++i) {
      const std::int64_t from = axis.at(i);
      out[i] = from == kOutside ? fill : in[from];
    }
    return;
  }
  const std::vector<std::int64_t>& table = axis.table;
  std::size_t rest = axis.size;
  while (rest > 0 && !table.empty()) {
    const std::size_t count = std::min(table.size(), rest);
    for (std::size_t i = 0; i < count; ++i) out[i] = table[i] == kOutside ? fill : in[table[i]];
    out += count, rest -= count;
  }
  while (rest > 0) {
    for (const EvenRun& run : axis.runs) {
      const std::size_t count = std::min(static_cast<std::size_t>(run.size), rest);
      copy_run(run, count, in, out, fill);
      out += count, rest -= count;
    }
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
      run_line(axes_.back(), in + base[outer], out, fill);
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
  Prepared prepared{{{call.element(0), call.make_shape(map.dims())}}, {}};
  prepared.make_run = [map = std::move(map), fill]() -> Work {
    auto finished = std::make_shared<AxisMap>(map);  // shared, since functions are copied
    finished->finish();
    return [finished, fill](const Run& run) {
      with_storage(run.out[0].type.element, [&](auto zero) {
        using T = decltype(zero);
        finished->run(run.in[0].data<T>(), run.out[0].data<T>(), fill(run, zero));
      });
    };
  };
  return prepared;
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
