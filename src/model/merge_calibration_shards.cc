// SPDX-License-Identifier: Apache-2.0
// Merging the shards of a calibration, and what is checked before and after.
#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "core/refuse.h"
#include "lowbit/core/error.h"
#include "lowbit/model/calibration_shard.h"
#include "lowbit/model/serialize.h"
#include "lowbit/runtime/detail/float_env.h"
#include "model/calibration_checks.h"
#include "model/kept_samples.h"
#include "model/shard_checks.h"

namespace lowbit {
namespace {

ShardRecord record_of(const CalibrationShard& shard) {
  return {shard.shard, shard.table.samples, shard.name};
}

std::string name_of(const CalibrationShard& shard) {
  return name_of(record_of(shard));
}

bool same_values(const CalibrationTable& a, const CalibrationTable& b) {
  const auto same = [](const CalibrationEntry& x, const CalibrationEntry& y) {
    return x.value == y.value && x.shape == y.shape;
  };
  return a.model == b.model &&
         std::equal(a.entries.begin(), a.entries.end(), b.entries.begin(), b.entries.end(), same);
}

void check_same_stream(const CalibrationShard& first, const CalibrationShard& other) {
  const CalibrationTable &a = first.table, &b = other.table;
  if (!same_values(a, b))
    refuse(fmt::format("{} is of another model than {}", name_of(other), name_of(first)));
  if (a.observer != b.observer)
    refuse(fmt::format("{} was calibrated with the observer '{}', {} with '{}'", name_of(other), b.observer,
                       name_of(first), a.observer));
  if (a.data != b.data)
    refuse(
        fmt::format("{} is of other data ({}) than {} ({})", name_of(other), b.data, name_of(first), a.data));
  check_same_count(record_of(first), record_of(other));
  const auto same = [](const CalibrationEntry& x, const CalibrationEntry& y) {
    return x.seen.has_value() == y.seen.has_value();
  };
  if (!std::equal(a.entries.begin(), a.entries.end(), b.entries.begin(), same))
    refuse(fmt::format("only one of {} and {} keeps distributions", name_of(other), name_of(first)));
}

void merge_into(CalibrationTable& table, const CalibrationTable& shard) {
  for (std::size_t v = 0; v < table.entries.size(); ++v) {
    CalibrationEntry& entry = table.entries[v];
    const CalibrationEntry& other = shard.entries[v];
    entry.observer.merge(other.observer);
    if (entry.seen) entry.seen->merge(*other.seen);
    entry.finite = entry.finite || other.finite;
  }
  if (shard.samples > std::numeric_limits<std::int64_t>::max() - table.samples)
    refuse("the parts have more samples than can be counted");
  table.samples += shard.samples;
  merge_kept(table.kept, shard.kept);
}

}  // namespace

void check_calibrated(const CalibrationTable& table) {
  if (table.samples == 0) refuse("calibration needs at least one sample, it got none");
  for (const CalibrationEntry& entry : table.entries)
    if (!entry.finite && entry.shape.elements() > 0)
      refuse(fmt::format("value '{}' was not a finite number once in {} calibration sample{}", entry.value,
                         table.samples, table.samples == 1 ? "" : "s"));
}

void check_made_for(const CalibrationTable& table, const Model& fp32) {
  if (table.model == 0) return;
  if (const std::uint64_t model = fingerprint(fp32); model != table.model)
    refuse(fmt::format("the calibration table was made for another model, {:016x}; this one is {:016x}",
                       table.model, model));
}

CalibrationTable merge_calibration_shards(std::vector<CalibrationShard> shards) {
  const FloatEnvironmentGuard defaults;
  if (shards.empty()) refuse("there is no part of a calibration to merge");
  for (const CalibrationShard& shard : shards) {
    check_shard(shard.shard);
    check_same_stream(shards[0], shard);
  }
  std::stable_sort(shards.begin(), shards.end(), [](const CalibrationShard& a, const CalibrationShard& b) {
    return a.shard.index < b.shard.index;
  });
  std::vector<ShardRecord> records;
  for (const CalibrationShard& shard : shards) records.push_back(record_of(shard));
  check_shards(records, "calibrated");
  CalibrationTable table = std::move(shards[0].table);
  for (std::size_t i = 1; i < shards.size(); ++i) merge_into(table, shards[i].table);
  check_calibrated(table);
  return table;
}

}  // namespace lowbit
