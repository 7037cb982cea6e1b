// SPDX-License-Identifier: Apache-2.0
#include "report/figures.h"

#include <fmt/format.h>

#include <cmath>
#include <nlohmann/json.hpp>

namespace lowbit::report {
namespace {

using Json = nlohmann::ordered_json;

}  // namespace

std::optional<double> part(const std::optional<std::int64_t>& count, std::int64_t images) {
  if (!count || images == 0) return std::nullopt;
  return static_cast<double>(*count) / static_cast<double>(images);
}

std::string percent(const std::optional<double>& value) {
  return value ? fmt::format("{:.2f} %", *value * 100) : kUnknown;
}

std::string decibel(double value) {
  return std::isinf(value)   ? (value > 0 ? "inf" : "-inf")
         : std::isnan(value) ? kUnknown
                             : fmt::format("{:.1f}", value);
}

std::string signed_decibel(double value) {
  if (!std::isfinite(value)) return decibel(value);
  const double tenths = std::nearbyint(value * 10);
  return fmt::format("{:+.1f}", tenths == 0 ? 0.0 : tenths / 10);
}

std::string with_separators(std::uint64_t value) {
  std::string digits = std::to_string(value);
  for (auto i = static_cast<std::ptrdiff_t>(digits.size()) - 3; i > 0; i -= 3)
    digits.insert(static_cast<std::size_t>(i), 1, ',');
  return digits;
}

Json number(const std::optional<double>& value) {
  return value && std::isfinite(*value) ? Json(*value) : Json(nullptr);
}

}  // namespace lowbit::report
