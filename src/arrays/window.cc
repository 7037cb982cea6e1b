// SPDX-License-Identifier: Apache-2.0
#include "arrays/window.h"

#include <fmt/format.h>

#include <algorithm>

namespace lowbit::arrays {
namespace {

constexpr std::int64_t kLargest = std::int64_t{1} << 30;  // sums of products of two of these do not overflow

/// `count` numbers from `low` on, or those of the default.
std::vector<std::int64_t> read_numbers(const Call& call, const char* name, std::size_t count,
                                       std::int64_t low) {
  std::vector<std::int64_t> numbers = call.ints_attribute(name, {});
  if (!call.has_attribute(name)) numbers.assign(count, low);
  if (numbers.size() != count)
    call.reject(
        fmt::format("has {} numbers as its attribute '{}' instead of {}", numbers.size(), name, count));
  for (const std::int64_t v : numbers)
    if (v < low || v > kLargest) call.reject(fmt::format("has {} in its attribute '{}'", v, name));
  return numbers;
}

}  // namespace

Window read_window(const Call& call, const Shape& input, std::vector<std::int64_t> kernel) {
  if (input.rank() < 3) call.reject("needs an input of at least three dimensions");
  Window window;
  window.rank = input.rank() - 2;
  if (window.rank > kMaxSpatial) call.refuse(fmt::format("has {} spatial dimensions", window.rank));
  const auto count = static_cast<std::size_t>(window.rank);
  if (kernel.size() != count)
    call.reject(fmt::format("has a kernel of {} dimensions instead of {}", kernel.size(), count));
  const std::vector<std::int64_t> strides = read_numbers(call, "strides", count, 1);
  const std::vector<std::int64_t> dilations = read_numbers(call, "dilations", count, 1);
  const std::vector<std::int64_t> pads = read_numbers(call, "pads", 2 * count, 0);
  for (std::size_t i = 0; i < count; ++i) {
    if (kernel[i] < 1 || kernel[i] > kLargest) call.reject(fmt::format("has a kernel of size {}", kernel[i]));
    window.axis(static_cast<int>(i)) = {
        input[static_cast<int>(i) + 2], 1, kernel[i], strides[i], dilations[i], pads[i], pads[count + i]};
  }
  return window;
}

void set_outputs(const Call& call, Window& window, bool ceil_mode) {
  const std::string auto_pad = call.text_attribute("auto_pad", "NOTSET");
  const bool same = auto_pad == "SAME_UPPER" || auto_pad == "SAME_LOWER";
  if (!same && !auto_pad.empty() && auto_pad != "NOTSET" && auto_pad != "VALID")
    call.reject(fmt::format("has the padding '{}'", auto_pad));
  for (int i = 0; i < window.rank; ++i) {
    Window::Axis& a = window.axis(i);
    if (same) {
      a.out = (a.in + a.stride - 1) / a.stride;
      const std::int64_t total = std::max<std::int64_t>(0, (a.out - 1) * a.stride + a.reach() - a.in);
      a.pad_before = auto_pad == "SAME_UPPER" ? total / 2 : total - total / 2;
      a.pad_after = total - a.pad_before;
      continue;
    }
    if (auto_pad == "VALID") a.pad_before = a.pad_after = 0;
    const std::int64_t room = a.in + a.pad_before + a.pad_after - a.reach();
    if (room < 0) call.reject(fmt::format("has a window of {} for {} elements", a.reach(), a.in));
    a.out = (ceil_mode ? (room + a.stride - 1) / a.stride : room / a.stride) + 1;
    // No window starts in the padding at the end.
    if (ceil_mode && (a.out - 1) * a.stride >= a.in + a.pad_before) --a.out;
  }
}

Shape output_shape(const Call& call, const Window& window, std::int64_t n, std::int64_t c) {
  std::vector<std::int64_t> dims{n, c};
  for (int i = 0; i < window.rank; ++i) dims.push_back(window.axis(i).out);
  return call.make_shape(dims);
}

}  // namespace lowbit::arrays
