// SPDX-License-Identifier: Apache-2.0
#include "report/observer_comparison.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "report/figures.h"
#include "report/table.h"

namespace lowbit::report {
namespace {

using Json = nlohmann::ordered_json;

}  // namespace

std::string format_comparison(const ObserverComparison& c, bool colour) {
  const bool labels = c.fp32_correct.has_value();
  std::vector<Table::Column> columns{{"observer", Table::Align::left}};
  if (!c.rows.empty())
    for (const auto& cell : c.rows[0].cells) columns.push_back({cell.scheme});
  Table table(columns);
  for (const auto& row : c.rows) {
    std::vector<std::string> cells{row.observer};
    for (const auto& cell : row.cells)
      cells.push_back(percent(part(labels ? cell.correct : cell.agree, c.images)));
    table.add_row(std::move(cells));
  }
  const std::string what = labels ? fmt::format("top-1; fp32: {}", percent(part(c.fp32_correct, c.images)))
                                  : std::string("agreement with fp32");
  return fmt::format("{} of {} images, {} for calibration\n\n", what, c.images, c.calib_images) +
         table.to_string(colour);
}

Json to_json(const ObserverComparison& c) {
  Json rows = Json::array();
  for (const auto& row : c.rows) {
    Json results = Json::array();
    for (const auto& cell : row.cells)
      results.push_back({{"scheme", cell.scheme},
                         {"top1", number(part(cell.correct, c.images))},
                         {"agree", number(part(cell.agree, c.images))},
                         {"sqnr_db", number(cell.sqnr_db)}});
    rows.push_back({{"observer", row.observer}, {"results", results}});
  }
  return {{"schema", "lowbit-observers-1"},
          {"model", c.model},
          {"data", c.data},
          {"images", c.images},
          {"calib_images", c.calib_images},
          {"fp32_top1", number(part(c.fp32_correct, c.images))},
          {"rows", rows}};
}

}  // namespace lowbit::report
