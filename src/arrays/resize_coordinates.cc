// SPDX-License-Identifier: Apache-2.0
#include "arrays/resize_coordinates.h"

#include <algorithm>
#include <cmath>

namespace lowbit::arrays {
namespace {

template <std::size_t N>
void check_name(const Call& call, const std::string& name, const std::string_view (&names)[N]) {
  if (std::find(std::begin(names), std::end(names), name) == std::end(names))
    call.reject("has the unknown mode '" + name + "'");
}

/// Of the filter at a distance from its centre.
double filter_weight(const ResizeRules& rules, double distance) {
  const double x = std::fabs(distance), a = rules.cubic_a;
  if (rules.interpolation == Interpolation::linear) return std::max(0.0, 1 - x);
  if (x <= 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
  return x < 2 ? ((a * x - 5 * a) * x + 8 * a) * x - 4 * a : 0;
}

/// Antialiasing widens the filter by its inverse, so that it covers all that becomes one element.
double filter_scale(const ResizeRules& rules, const ResizedAxis& axis) {
  return rules.antialiases ? std::min(axis.scale, 1.0) : 1.0;
}

/// Of the first neighbour of an element that lies at 0.
std::int64_t first_neighbour(const ResizeRules& rules, const ResizedAxis& axis) {
  const double reach = rules.interpolation == Interpolation::linear ? 1 : 2;
  return static_cast<std::int64_t>(std::floor(-reach / filter_scale(rules, axis))) + 1;
}

}  // namespace

ResizeRules read_rules(const Call& call) {
  constexpr std::string_view kCoordinates[] = {
      "half_pixel", "half_pixel_symmetric", "pytorch_half_pixel",  "align_corners",
      "asymmetric", "tf_crop_and_resize",   "tf_half_pixel_for_nn"};
  constexpr std::string_view kNearest[] = {"round_prefer_floor", "round_prefer_ceil", "floor", "ceil"};
  constexpr std::string_view kModes[] = {"nearest", "linear", "cubic"};
  ResizeRules rules;
  std::string mode = call.text_attribute("mode", "nearest");
  if (mode == "bilinear" && call.op() == "Upsample") mode = "linear";
  check_name(call, mode, kModes);
  rules.interpolation =
      static_cast<Interpolation>(std::find(std::begin(kModes), std::end(kModes), mode) - kModes);
  if (call.opset() < 11 || call.op() == "Upsample") {  // the standard had no choice
    rules.coordinates = "asymmetric", rules.nearest = "floor";
    return rules;
  }
  rules.coordinates = call.text_attribute("coordinate_transformation_mode", "half_pixel");
  rules.nearest = call.text_attribute("nearest_mode", "round_prefer_floor");
  check_name(call, rules.coordinates, kCoordinates);
  check_name(call, rules.nearest, kNearest);
  rules.cubic_a = call.float_attribute("cubic_coeff_a", -0.75f);
  rules.excludes_outside = call.int_attribute("exclude_outside", 0) != 0;
  rules.antialiases = call.int_attribute("antialias", 0) != 0;
  return rules;
}

double source_coordinate(const ResizeRules& rules, const ResizedAxis& axis, std::int64_t i) {
  const auto x = static_cast<double>(i), last = static_cast<double>(axis.from - 1);
  const double length = axis.scale * static_cast<double>(axis.from);  // of the output, before it was rounded
  const std::string& name = rules.coordinates;
  if (name == "align_corners") return length == 1 ? 0 : x * last / (length - 1);
  if (name == "asymmetric") return x / axis.scale;
  if (name == "tf_half_pixel_for_nn") return (x + 0.5) / axis.scale;
  if (name == "tf_crop_and_resize") {
    const double part = axis.roi_end - axis.roi_start;
    return axis.roi_start * last + (length == 1 ? part * last / 2 : x * part * last / (length - 1));
  }
  if (name == "pytorch_half_pixel" && length == 1) return -0.5;
  double offset = 0;
  if (name == "half_pixel_symmetric")
    offset = static_cast<double>(axis.from) / 2 * (1 - static_cast<double>(axis.to) / length);
  return offset + (x + 0.5) / axis.scale - 0.5;
}

bool is_outside(const ResizeRules& rules, const ResizedAxis& axis, double coordinate) {
  return rules.coordinates == "tf_crop_and_resize" &&
         !(coordinate >= 0 && coordinate <= static_cast<double>(axis.from - 1));
}

std::int64_t nearest_element(const ResizeRules& rules, const ResizedAxis& axis, double coordinate) {
  const double c = std::clamp(coordinate, -1.0, static_cast<double>(axis.from));
  const double below = std::floor(c), fraction = c - below;
  bool up = rules.nearest == "ceil" && fraction > 0;
  if (rules.nearest == "round_prefer_floor") up = fraction > 0.5;
  if (rules.nearest == "round_prefer_ceil") up = fraction >= 0.5;
  return std::clamp<std::int64_t>(static_cast<std::int64_t>(below) + (up ? 1 : 0), 0, axis.from - 1);
}

std::int64_t neighbour_count(const ResizeRules& rules, const ResizedAxis& axis) {
  return 2 - 2 * first_neighbour(rules, axis);
}

Neighbours find_neighbours(const ResizeRules& rules, const ResizedAxis& axis) {
  const double width = filter_scale(rules, axis);
  const std::int64_t start = first_neighbour(rules, axis);
  Neighbours n;
  n.taps = neighbour_count(rules, axis);
  const auto last = static_cast<double>(axis.from);
  std::vector<double> weights(static_cast<std::size_t>(n.taps));
  for (std::int64_t i = 0; i < axis.to; ++i) {
    const double given = source_coordinate(rules, axis, i);
    n.outside.push_back(is_outside(rules, axis, given));
    // The left one of two neighbours at the same distance, as the standard has it.
    const double c = std::clamp(given, -last, 2 * last), base = std::ceil(c) - 1;
    double sum = 0;
    for (std::int64_t t = 0; t < n.taps; ++t) {
      const std::int64_t at = static_cast<std::int64_t>(base) + start + t;
      const bool is_excluded = rules.excludes_outside && (at < 0 || at >= axis.from);
      const double distance = static_cast<double>(start + t) - (c - base);
      sum += weights[static_cast<std::size_t>(t)] = is_excluded ? 0 : filter_weight(rules, distance * width);
      n.elements.push_back(std::clamp<std::int64_t>(at, 0, axis.from - 1));
    }
    for (const double w : weights) n.weights.push_back(static_cast<float>(w / sum));
  }
  return n;
}

}  // namespace lowbit::arrays
