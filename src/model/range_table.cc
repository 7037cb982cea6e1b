// SPDX-License-Identifier: Apache-2.0
#include "lowbit/model/range_table.h"

#include <fmt/format.h>

#include <unordered_map>

#include "core/refuse.h"
#include "lowbit/core/error.h"
#include "lowbit/observe/choose_qparams.h"
#include "lowbit/observe/expected_error.h"
#include "lowbit/runtime/detail/float_env.h"
#include "model/calibration_checks.h"

namespace lowbit {
namespace {

constexpr double kPercents[] = {0.01, 0.1, 1, 50, 99, 99.9, 99.99};

void check_bits(int bits) {
  if (bits < 2 || bits > 16) refuse(fmt::format("a range table is for 2 to 16 bits, not {}", bits));
}

/// An observer that was told its answer, and sees nothing.
struct FixedRange {
  std::string tensor;
  Range clip;
  int bits;

  void observe(std::span<const float>) {}
  void merge(const FixedRange&) {}
  Range range(IntRange codes) const {
    if (codes.qmax - codes.qmin + 1 != 1 << bits)
      refuse(fmt::format("the calibration table has tensor '{}' in {} bits; {} codes are needed", tensor,
                         bits, codes.qmax - codes.qmin + 1));
    return clip;
  }
};

void describe(const FloatHistogram& seen, IntRange codes, RangeTable::Row& row) {
  row.count = seen.count();
  row.non_finite = seen.non_finite();
  row.min = seen.min(), row.max = seen.max();
  for (const double percent : kPercents)
    row.percentiles.push_back({percent, static_cast<float>(seen.quantile(percent / 100))});
  const ExpectedError error = expected_error(seen, row.qparams, codes);
  row.sqnr_db = error.sqnr_db;
  row.clipped = error.clipped;
}

CalibrationEntry fixed_entry(const RangeTable::Row& row, const Graph::Value& value) {
  if (!(row.shape == value.shape))
    refuse(fmt::format("the calibration table has tensor '{}' of shape {}; in the model it has {}",
                       row.tensor, row.shape.to_string(), value.shape.to_string()));
  check_bits(row.bits);
  return {row.tensor, row.shape, FixedRange{row.tensor, row.clip, row.bits}, std::nullopt, true};
}

}  // namespace

void RangeTable::Row::set_clip(Range range) {
  check_bits(bits);
  qparams = choose_qparams(range, unsigned_range(bits), Mapping::asymmetric);
  clip = range;
  sqnr_db.reset(), clipped.reset();
}

RangeTable make_range_table(const CalibrationTable& table, int bits) {
  check_bits(bits);
  const FloatEnvironmentGuard defaults;
  const IntRange codes = unsigned_range(bits);
  RangeTable result{table.model, table.observer, table.data, table.samples, {}};
  for (const CalibrationEntry& entry : table.entries) {
    RangeTable::Row& row = result.rows.emplace_back();
    row.tensor = entry.value, row.shape = entry.shape, row.bits = bits;
    row.set_clip(entry.observer.range(codes));
    if (const FloatHistogram* seen = entry.distribution()) describe(*seen, codes, row);
  }
  return result;
}

CalibrationTable calibration_table(const RangeTable& table, const Model& fp32) {
  std::unordered_map<std::string, const RangeTable::Row*> rows;
  for (const RangeTable::Row& row : table.rows)
    if (!rows.emplace(row.tensor, &row).second)
      refuse(fmt::format("the calibration table has tensor '{}' twice", row.tensor));
  CalibrationTable result;
  result.samples = table.samples, result.observer = table.observer, result.data = table.data;
  result.model = table.model;
  check_made_for(result, fp32);
  for (const Graph::Value& value : fp32.graph().values) {
    const auto row = rows.find(value.name);
    if (row == rows.end()) refuse(fmt::format("the calibration table has no tensor '{}'", value.name));
    result.entries.push_back(fixed_entry(*row->second, value));
    rows.erase(row);
  }
  for (const RangeTable::Row& row : table.rows)
    if (rows.count(row.tensor))
      refuse(fmt::format("the calibration table has tensor '{}', which the model has not", row.tensor));
  return result;
}

}  // namespace lowbit
