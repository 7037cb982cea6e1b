// Merging the parts of a calibration, and what is checked before and after.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <limits>

#include "lowbit/core/error.h"
#include "lowbit/model/calibration_part.h"
#include "lowbit/model/serialize.h"
#include "model/calibration_checks.h"
#include "model/refuse.h"
#include "runtime/float_env.h"

namespace lowbit {
namespace {

std::string name_of(const CalibrationPart& part) {
  const std::string shard = fmt::format("shard {} of {}", part.shard.index + 1, part.shard.count);
  return part.name.empty() ? shard : fmt::format("'{}' ({})", part.name, shard);
}

bool same_values(const CalibrationTable& a, const CalibrationTable& b) {
  const auto same = [](const CalibrationEntry& x, const CalibrationEntry& y) {
    return x.value == y.value && x.shape == y.shape;
  };
  return a.model == b.model &&
         std::equal(a.entries.begin(), a.entries.end(), b.entries.begin(), b.entries.end(), same);
}

void check_same_stream(const CalibrationPart& first, const CalibrationPart& other) {
  const CalibrationTable &a = first.table, &b = other.table;
  if (!same_values(a, b))
    refuse(fmt::format("{} is of another model than {}", name_of(other), name_of(first)));
  if (a.observer != b.observer)
    refuse(fmt::format("{} was calibrated with the observer '{}', {} with '{}'", name_of(other), b.observer,
                       name_of(first), a.observer));
  if (a.data != b.data)
    refuse(
        fmt::format("{} is of other data ({}) than {} ({})", name_of(other), b.data, name_of(first), a.data));
  if (first.shard.count != other.shard.count)
    refuse(fmt::format("{} and {} are not of the same number of shards", name_of(other), name_of(first)));
  const auto same = [](const CalibrationEntry& x, const CalibrationEntry& y) {
    return x.seen.has_value() == y.seen.has_value();
  };
  if (!std::equal(a.entries.begin(), a.entries.end(), b.entries.begin(), same))
    refuse(fmt::format("only one of {} and {} keeps distributions", name_of(other), name_of(first)));
}

/// `parts` are sorted by shard.
void check_complete(const std::vector<CalibrationPart>& parts) {
  for (std::size_t i = 1; i < parts.size(); ++i)
    if (parts[i - 1].shard == parts[i].shard)
      refuse(fmt::format(
          "shard {} of {} is given twice{}", parts[i].shard.index + 1, parts[i].shard.count,
          parts[i].name.empty() ? "" : fmt::format(": '{}' and '{}'", parts[i - 1].name, parts[i].name)));
  const auto count = static_cast<std::size_t>(parts[0].shard.count);
  if (parts.size() == count) return;
  constexpr std::size_t kListed = 8;
  std::vector<std::size_t> missing;
  std::size_t next = 0;
  for (std::size_t shard = 0; shard < count && missing.size() < kListed; ++shard) {
    const bool there = next < parts.size() && static_cast<std::size_t>(parts[next].shard.index) == shard;
    if (there)
      ++next;
    else
      missing.push_back(shard + 1);
  }
  const std::size_t all = count - parts.size();
  refuse(fmt::format("{} {}{} of {} {} missing", all == 1 ? "shard" : "shards", fmt::join(missing, ", "),
                     all > missing.size() ? fmt::format(" and {} more", all - missing.size()) : "", count,
                     all == 1 ? "is" : "are"));
}

/// Round robin gives every shard as many samples as the first, or from some shard on one fewer: another
/// number is of a shard that was not calibrated to its end. `parts` are sorted by shard, and complete.
void check_whole(const std::vector<CalibrationPart>& parts) {
  const std::int64_t most = parts[0].table.samples;
  bool fewer = false;
  for (const CalibrationPart& part : parts) {
    const std::int64_t samples = part.table.samples;
    if (!(samples == most && !fewer) && samples != most - 1)
      refuse(fmt::format("{} has {} samples and {} has {}: one of them was not calibrated to its end",
                         name_of(parts[0]), most, name_of(part), samples));
    fewer = fewer || samples != most;
  }
}

void merge_into(CalibrationTable& table, const CalibrationTable& part) {
  for (std::size_t v = 0; v < table.entries.size(); ++v) {
    CalibrationEntry& entry = table.entries[v];
    const CalibrationEntry& other = part.entries[v];
    entry.observer.merge(other.observer);
    if (entry.seen) entry.seen->merge(*other.seen);
    entry.finite = entry.finite || other.finite;
  }
  if (part.samples > std::numeric_limits<std::int64_t>::max() - table.samples)
    refuse("the parts have more samples than can be counted");
  table.samples += part.samples;
}

}  // namespace

void check_shard(Shard shard) {
  if (shard.index < 0 || shard.index >= shard.count)
    refuse(fmt::format("there is no shard {} of {}", std::int64_t{shard.index} + 1, shard.count));
}

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

CalibrationTable merge(std::vector<CalibrationPart> parts) {
  const FloatEnvironmentGuard defaults;
  if (parts.empty()) refuse("there is no part of a calibration to merge");
  for (const CalibrationPart& part : parts) {
    check_shard(part.shard);
    check_same_stream(parts[0], part);
  }
  std::stable_sort(parts.begin(), parts.end(), [](const CalibrationPart& a, const CalibrationPart& b) {
    return a.shard.index < b.shard.index;
  });
  check_complete(parts);
  check_whole(parts);
  CalibrationTable table = std::move(parts[0].table);
  for (std::size_t i = 1; i < parts.size(); ++i) merge_into(table, parts[i].table);
  check_calibrated(table);
  return table;
}

}  // namespace lowbit
