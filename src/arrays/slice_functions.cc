// SPDX-License-Identifier: Apache-2.0
// Operators that take a part of their input, or put something around it.
#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "arrays/axis_map.h"
#include "arrays/registry.h"

namespace lowbit::arrays {
namespace {

struct Range {
  std::int64_t start = 0, step = 1, count = 0;
};

/// Of an axis of `size`, as the standard limits start and end.
Range slice_range(std::int64_t start, std::int64_t end, std::int64_t step, std::int64_t size) {
  constexpr std::int64_t kLongStep = std::int64_t{1} << 40;
  step = std::clamp(step, -kLongStep, kLongStep);
  if (start < 0) start += size;
  if (end < 0) end += size;
  if (step > 0) {
    start = std::clamp<std::int64_t>(start, 0, size);
    end = std::clamp<std::int64_t>(end, 0, size);
    const std::int64_t count = end > start ? (end - start - 1) / step + 1 : 0;
    return {start, count > 1 ? step : 1, count};
  }
  start = std::clamp<std::int64_t>(start, std::min<std::int64_t>(size - 1, 0), size - 1);
  end = std::clamp<std::int64_t>(end, -1, size);
  step = std::max(step, -std::numeric_limits<std::int64_t>::max());
  const std::int64_t count = size > 0 && start > end ? (start - end - 1) / -step + 1 : 0;
  return {start, count > 1 ? step : 1, count};
}

/// Axes that are named, all of them in order where they are not. `counted`: how many there must be.
std::vector<int> named_axes(const Call& call, std::vector<std::int64_t> given, bool is_given,
                            std::size_t counted) {
  const int rank = call.rank(0);
  std::vector<int> axes;
  if (!is_given)
    for (std::size_t i = 0; i < counted; ++i) given.push_back(static_cast<std::int64_t>(i));
  if (given.size() != counted)
    call.reject(fmt::format("names {} axes for {} numbers", given.size(), counted));
  for (const std::int64_t a : given) {
    axes.push_back(call.axis(a, rank));
    if (std::count(axes.begin(), axes.end(), axes.back()) > 1) call.reject("names an axis twice");
  }
  return axes;
}

Prepared slice(const Call& call) {
  const Shape& from = call.shape(0);
  const bool is_old = call.opset() < 10;
  const auto starts = is_old ? call.ints_attribute("starts", {}) : call.integers(1);
  const auto ends = is_old ? call.ints_attribute("ends", {}) : call.integers(2);
  const bool has_axes = is_old ? call.has_attribute("axes") : call.has(3);
  const auto given = !has_axes ? std::vector<std::int64_t>{}
                     : is_old  ? call.ints_attribute("axes", {})
                               : call.integers(3);
  const auto axes = named_axes(call, given, has_axes, starts.size());
  const auto steps = !is_old && call.has(4) ? call.integers(4) : std::vector<std::int64_t>(starts.size(), 1);
  if (ends.size() != starts.size() || steps.size() != starts.size())
    call.reject("has starts, ends and steps of different numbers");
  std::vector<Range> ranges;
  for (int i = 0; i < from.rank(); ++i) ranges.push_back({0, 1, from[i]});
  for (std::size_t i = 0; i < axes.size(); ++i) {
    if (steps[i] == 0) call.reject("has a step of 0");
    ranges[static_cast<std::size_t>(axes[i])] = slice_range(starts[i], ends[i], steps[i], from[axes[i]]);
  }
  const std::vector<std::int64_t> strides = row_strides(from);
  AxisMap map;
  for (std::size_t i = 0; i < ranges.size(); ++i)
    map.add_even_axis(ranges[i].count, ranges[i].start * strides[i], ranges[i].step * strides[i]);
  return mapped(call, std::move(map));
}

enum class PadMode { constant, reflect, edge, wrap };

PadMode pad_mode(const Call& call) {
  const std::string mode = call.text_attribute("mode", "constant");
  if (mode == "constant") return PadMode::constant;
  if (mode == "reflect") return PadMode::reflect;
  if (mode == "edge") return PadMode::edge;
  if (mode == "wrap") return PadMode::wrap;
  call.reject("has the unknown mode '" + mode + "'");
}

using Runs = std::vector<EvenRun>;

/// Coordinates of an axis of `size` there and back again, the ends once, from place `at` of that.
Runs reflected(std::int64_t at, std::int64_t size) {
  const std::int64_t last = size - 1;
  if (last == 0) return {{1, 0, 0}};
  if (at < last) return {{last - at, at, 1}, {last, last, -1}, {at, 0, 1}};
  at -= last;
  return {{last - at, last - at, -1}, {last, 0, 1}, {at, last, -1}};
}

/// Where the coordinates from -before to size + after are read.
Runs padded_runs(PadMode mode, std::int64_t before, std::int64_t size, std::int64_t after) {
  if (mode == PadMode::reflect || mode == PadMode::wrap) {
    const std::int64_t period = mode == PadMode::wrap ? size : std::max<std::int64_t>(2 * size - 2, 1);
    if (period == 0) return {};
    const std::int64_t at = (-before % period + period) % period;
    if (mode == PadMode::wrap) return {{size - at, at, 1}, {at, 0, 1}};
    return reflected(at, size);
  }
  const std::int64_t count = before + size + after, left = std::clamp<std::int64_t>(before, 0, count);
  const std::int64_t first = std::max<std::int64_t>(-before, 0), end = std::min(size, size + after);
  const std::int64_t inside = std::max<std::int64_t>(end - first, 0);
  const bool is_edge = mode == PadMode::edge;
  return {{left, is_edge ? 0 : kOutside, 0},
          {inside, first, 1},
          {count - left - inside, is_edge ? size - 1 : kOutside, 0}};
}

/// Numbers before and after each axis.
using Pads = std::vector<std::pair<std::int64_t, std::int64_t>>;

Pads read_pads(const Call& call) {
  const auto given = call.opset() < 11 ? call.ints_attribute("pads", {}) : call.integers(1);
  if (given.size() % 2 != 0) call.reject("has an odd number of pads");
  const std::size_t count = given.size() / 2;
  const bool has_axes = call.opset() >= 18 && call.has(3);
  if (!has_axes && count != static_cast<std::size_t>(call.rank(0)))
    call.reject(fmt::format("has {} pads for {} dimensions", given.size(), call.rank(0)));
  const auto axes =
      named_axes(call, has_axes ? call.integers(3) : std::vector<std::int64_t>{}, has_axes, count);
  Pads pads(static_cast<std::size_t>(call.rank(0)));
  for (std::size_t i = 0; i < count; ++i)
    pads[static_cast<std::size_t>(axes[i])] = {given[i], given[count + i]};
  return pads;
}

AxisMap padded_map(const Call& call, const Pads& pads, PadMode mode) {
  const Shape& from = call.shape(0);
  std::vector<std::int64_t> dims;
  for (int i = 0; i < from.rank(); ++i) {
    const auto [before, after] = pads[static_cast<std::size_t>(i)];
    if (std::min(before, after) < -INT32_MAX || std::max(before, after) > INT32_MAX)
      call.refuse("pads by more than 2^31");
    dims.push_back(before + from[i] + after);
    if (from[i] == 0 && dims.back() > 0 && mode != PadMode::constant)
      call.reject("repeats elements of an empty axis");
  }
  static_cast<void>(call.make_shape(dims));
  const std::vector<std::int64_t> strides = row_strides(from);
  AxisMap map;
  for (int i = 0; i < from.rank(); ++i) {
    const auto axis = static_cast<std::size_t>(i);
    map.add_axis(dims[axis], padded_runs(mode, pads[axis].first, from[i], pads[axis].second), strides[axis]);
  }
  return map;
}

Prepared pad(const Call& call) {
  const PadMode mode = pad_mode(call);
  AxisMap map = padded_map(call, read_pads(call), mode);
  if (call.opset() < 11) return mapped_with_fill(call, std::move(map), call.float_attribute("value", 0));
  if (call.has(2) && (call.element(2) != call.element(0) || call.shape(2).elements() != 1))
    call.reject("needs one value of its input's type");
  return mapped(call, std::move(map), 2);
}

/// Cut, or zeros around, on both sides; the odd one is at the end.
Prepared center_crop_pad(const Call& call) {
  const Shape& from = call.shape(0);
  const std::vector<std::int64_t> sizes = call.integers(1);
  const bool has_axes = call.has_attribute("axes");
  if (!has_axes && sizes.size() != static_cast<std::size_t>(from.rank()))
    call.reject(fmt::format("has {} sizes for {} dimensions", sizes.size(), from.rank()));
  const auto axes = named_axes(call, call.ints_attribute("axes", {}), has_axes, sizes.size());
  Pads pads(static_cast<std::size_t>(from.rank()));
  for (std::size_t i = 0; i < axes.size(); ++i) {
    if (sizes[i] < 0 || sizes[i] > INT32_MAX) call.reject(fmt::format("has a size of {}", sizes[i]));
    const std::int64_t more = sizes[i] - from[axes[i]];
    pads[static_cast<std::size_t>(axes[i])] = {more / 2, more - more / 2};
  }
  return mapped(call, padded_map(call, pads, PadMode::constant));
}

constexpr Function kSliceFunctions[] = {{"CenterCropPad", center_crop_pad}, {"Pad", pad}, {"Slice", slice}};

}  // namespace

std::span<const Function> slice_functions() {
  return kSliceFunctions;
}

}  // namespace lowbit::arrays
