// SPDX-License-Identifier: Apache-2.0
// How figures are written: in tables, where "-" stands for what is not known, and in JSON, where null does.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>

namespace lowbit::report {

/// In tables.
inline constexpr const char* kUnknown = "-";

/// count / images, or nothing where there is none.
std::optional<double> part(const std::optional<std::int64_t>& count, std::int64_t images);
/// "99.10 %".
std::string percent(const std::optional<double>& value);
/// "12.3", "inf", "-" for NaN.
std::string decibel(double value);
/// "+1.2": a difference; never "-0.0".
std::string signed_decibel(double value);
/// "1,234,567".
std::string with_separators(std::uint64_t value);
/// null for what is unknown, infinite or NaN.
nlohmann::ordered_json number(const std::optional<double>& value);

}  // namespace lowbit::report
