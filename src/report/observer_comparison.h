// SPDX-License-Identifier: Apache-2.0
// ObserverComparison: the result of `lowbit eval --observer all`, as a table and as JSON.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

namespace lowbit::report {

struct ObserverComparison {
  struct Cell {
    std::string scheme;
    std::optional<std::int64_t> correct, agree;
    double sqnr_db = 0;
  };
  struct Row {
    std::string observer;
    std::vector<Cell> cells;  ///< one a scheme, in the same order in every row
  };
  std::string model, data;
  std::int64_t images = 0, calib_images = 0;
  std::optional<std::int64_t> fp32_correct;
  std::vector<Row> rows;
};

/// A row an observer, a column a scheme: top-1, or without labels the agreement with fp32.
std::string format_comparison(const ObserverComparison& comparison, bool colour);
/// Schema "lowbit-observers-1".
nlohmann::ordered_json to_json(const ObserverComparison& comparison);

}  // namespace lowbit::report
