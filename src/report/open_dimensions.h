// SPDX-License-Identifier: Apache-2.0
// Open dimensions of a model, for people and as JSON.
#pragma once

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <span>
#include <string>

#include "lowbit/model/open_shapes.h"

namespace lowbit::report {

/// "batch 1 to 4, sequence 1 to 512".
inline std::string open_text(std::span<const OpenDimension> open) {
  std::string text;
  for (const OpenDimension& d : open)
    text += fmt::format("{}{} {} to {}", text.empty() ? "" : ", ", d.name, d.lowest, d.highest);
  return text;
}

inline nlohmann::ordered_json open_json(std::span<const OpenDimension> open) {
  nlohmann::ordered_json list = nlohmann::ordered_json::array();
  for (const OpenDimension& d : open)
    list.push_back({{"name", d.name}, {"lowest", d.lowest}, {"highest", d.highest}});
  return list;
}

}  // namespace lowbit::report
