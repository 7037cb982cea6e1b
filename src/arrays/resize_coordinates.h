// SPDX-License-Identifier: Apache-2.0
// Where the elements of a resized axis come from: the standard's transformations of coordinates, neighbours
// and their weights.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "arrays/call.h"

namespace lowbit::arrays {

/// One axis that is resized.
struct ResizedAxis {
  std::int64_t from = 0, to = 0;
  double scale = 1;                   ///< as given, or to / from
  double roi_start = 0, roi_end = 1;  ///< the part that tf_crop_and_resize reads
};

enum class Interpolation { nearest, linear, cubic };

/// What the attributes say of all axes.
struct ResizeRules {
  std::string coordinates = "half_pixel";
  std::string nearest = "round_prefer_floor";
  Interpolation interpolation = Interpolation::nearest;
  double cubic_a = -0.75;
  bool excludes_outside = false, antialiases = false;
};

/// Rejects names that the standard has not.
ResizeRules read_rules(const Call& call);

/// The coordinate along the input of element `i` of the output.
double source_coordinate(const ResizeRules& rules, const ResizedAxis& axis, std::int64_t i);

/// Whether tf_crop_and_resize reads outside of the input there.
bool is_outside(const ResizeRules& rules, const ResizedAxis& axis, double coordinate);

/// The one element that `nearest` takes at a coordinate.
std::int64_t nearest_element(const ResizeRules& rules, const ResizedAxis& axis, double coordinate);

/// Weighted neighbours of all elements of the output: `taps` each, in a row.
struct Neighbours {
  std::int64_t taps = 0;
  std::vector<std::int64_t> elements{};
  std::vector<float> weights{};
  std::vector<bool> outside{};
};

/// How many each element has.
std::int64_t neighbour_count(const ResizeRules& rules, const ResizedAxis& axis);
Neighbours find_neighbours(const ResizeRules& rules, const ResizedAxis& axis);

}  // namespace lowbit::arrays
