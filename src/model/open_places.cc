// SPDX-License-Identifier: Apache-2.0
#include "model/open_places.h"

#include <algorithm>

#include "model/open_graph.h"

namespace lowbit::detail {
namespace {

using Sizes = std::vector<std::int64_t>;

/// From here on nothing is dropped.
constexpr std::int64_t kLarge = 2;

std::int64_t lowest_large(const OpenDimension& d) {
  return std::clamp(kLarge, d.lowest, d.highest);
}

void add_once(std::vector<Sizes>& places, Sizes sizes) {
  if (std::find(places.begin(), places.end(), sizes) == places.end()) places.push_back(std::move(sizes));
}

/// One dimension at a time away from its highest size, then low, high and odd sizes, which try the rules.
std::vector<Sizes> places_of_rules(std::span<const OpenDimension> dimensions, const Sizes& others) {
  const Sizes high = highest_sizes(dimensions);
  std::vector<Sizes> places;
  for (std::size_t d = 0; d < dimensions.size(); ++d) {
    Sizes sizes = high;
    sizes[d] = others[d];
    add_once(places, std::move(sizes));
  }
  const auto add_all = [&](auto&& size) {
    Sizes sizes;
    for (std::size_t d = 0; d < dimensions.size(); ++d) {
      const std::int64_t low = lowest_large(dimensions[d]);
      sizes.push_back(std::clamp(size(low, dimensions[d].highest, static_cast<std::int64_t>(d)), low,
                                 dimensions[d].highest));
    }
    add_once(places, std::move(sizes));
  };
  add_once(places, others);
  add_all([](std::int64_t low, std::int64_t, std::int64_t) { return low; });
  add_all([](std::int64_t low, std::int64_t, std::int64_t i) { return low + 1 + i; });
  add_all([](std::int64_t, std::int64_t top, std::int64_t i) { return top - 1 - i; });
  add_all([](std::int64_t low, std::int64_t top, std::int64_t i) {
    return (low + (top - low) * (i + 2) / (i + 4)) | 1;
  });
  std::erase(places, high);
  return places;
}

/// Each dimension at 0 and 1, the others as small as nothing is dropped for, then all as small as can be.
std::vector<Sizes> small_places(std::span<const OpenDimension> dimensions) {
  std::vector<Sizes> places;
  Sizes least, large;
  for (const OpenDimension& d : dimensions) {
    least.push_back(d.lowest);
    large.push_back(lowest_large(d));
  }
  for (std::size_t d = 0; d < dimensions.size(); ++d)
    for (std::int64_t size = dimensions[d].lowest; size < large[d]; ++size) {
      Sizes sizes = large;
      sizes[d] = size;
      add_once(places, std::move(sizes));
    }
  if (!places.empty()) add_once(places, std::move(least));
  return places;
}

}  // namespace

OpenPlaces places_to_look(std::span<const OpenDimension> dimensions) {
  OpenPlaces places;
  for (const OpenDimension& d : dimensions) {
    const std::int64_t low = lowest_large(d);
    // Where there is no other large size below, one above says as much.
    places.others.push_back(low < d.highest || d.lowest == d.highest ? low : d.highest + 1);
  }
  places.same = places_of_rules(dimensions, places.others);
  places.small = small_places(dimensions);
  return places;
}

}  // namespace lowbit::detail
