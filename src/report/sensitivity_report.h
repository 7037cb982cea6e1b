// SPDX-License-Identifier: Apache-2.0
// SensitivityReport: the result of `lowbit sensitivity`, as tables for people, as JSON for programs, and as a
// page with bar charts.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "lowbit/model/sensitivity.h"

namespace lowbit::report {

struct SensitivityReport {
  /// One model on images that the choice of overrides did not see.
  struct Check {
    std::string name;  ///< scheme, or scheme and "with overrides"
    std::uint64_t bytes = 0;
    double sqnr_db = 0;
    std::optional<std::int64_t> correct, agree;
  };

  std::string model, data;
  std::int64_t images = 0, calib_images = 0;
  std::optional<std::string> observer;  ///< nothing when no scheme needed a calibration
  Sensitivity sensitivity;

  Scheme base;        ///< the scheme that the overrides are for
  double budget = 0;  ///< of bytes, as a part
  OverrideChoice choice;
  std::string command;  ///< `lowbit eval` with the overrides
  std::int64_t check_images = 0;
  std::vector<Check> checks;  ///< fp32, base, base with overrides
};

/// "--override 'a=int8-wo' --override 'b=int8-wo'", quoted for a shell.
std::string override_flags(const OverrideChoice& choice);
/// One word for a POSIX shell: quoted where it has to be.
std::string shell_word(const std::string& text);

/// A table a scheme, the most sensitive layer first, then the overrides and what they gain.
std::string format_sensitivity(const SensitivityReport& report, bool colour);
/// Schema "lowbit-sensitivity-1"; unknown and infinite figures are null.
nlohmann::ordered_json to_json(const SensitivityReport& report);
/// A page that needs no other file: a chart a scheme, in the order of the tables.
std::string to_html(const SensitivityReport& report);

}  // namespace lowbit::report
