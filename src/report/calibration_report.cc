// SPDX-License-Identifier: Apache-2.0
#include "report/calibration_report.h"

#include <fmt/format.h>

#include <algorithm>

#include "report/figures.h"
#include "report/table.h"

namespace lowbit::report {
namespace {

constexpr double kShown = 99.9;  // the percentile that tells most of a tail

std::string short_number(const std::optional<float>& v) {
  return v ? fmt::format("{:.4g}", *v) : kUnknown;
}

std::string percentile(const RangeTable::Row& row, double percent) {
  const auto found = std::find_if(row.percentiles.begin(), row.percentiles.end(),
                                  [&](const RangeTable::Percentile& p) { return p.percent == percent; });
  return found == row.percentiles.end() ? kUnknown : short_number(found->value);
}

}  // namespace

std::string format_ranges(const RangeTable& table, bool colour) {
  Table text({{"tensor", Table::Align::left},
              {"shape"},
              {"min"},
              {"max"},
              {fmt::format("p{}", kShown)},
              {"clip"},
              {"scale"},
              {"zero point"},
              {"bits"},
              {"SQNR dB"},
              {"clipped"}});
  for (const RangeTable::Row& row : table.rows)
    text.add_row({row.tensor, row.shape.to_string(), short_number(row.min), short_number(row.max),
                  percentile(row, kShown), fmt::format("{:.4g} to {:.4g}", row.clip.min, row.clip.max),
                  short_number(row.qparams.scale), std::to_string(row.qparams.zero_point),
                  std::to_string(row.bits), row.sqnr_db ? decibel(*row.sqnr_db) : kUnknown,
                  row.clipped ? fmt::format("{:.3f} %", 100 * *row.clipped) : kUnknown});
  return text.to_string(colour);
}

}  // namespace lowbit::report
