// SPDX-License-Identifier: Apache-2.0
#include "model/shard_checks.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "core/refuse.h"
#include "model/calibration_checks.h"

namespace lowbit {
namespace {

void check_complete(const std::vector<ShardRecord>& shards) {
  for (std::size_t i = 1; i < shards.size(); ++i)
    if (shards[i - 1].shard == shards[i].shard)
      refuse(fmt::format(
          "shard {} of {} is given twice{}", shards[i].shard.index + 1, shards[i].shard.count,
          shards[i].name.empty() ? "" : fmt::format(": '{}' and '{}'", shards[i - 1].name, shards[i].name)));
  const auto count = static_cast<std::size_t>(shards[0].shard.count);
  if (shards.size() == count) return;
  constexpr std::size_t kListed = 8;
  std::vector<std::size_t> missing;
  std::size_t next = 0;
  for (std::size_t shard = 0; shard < count && missing.size() < kListed; ++shard) {
    const bool there = next < shards.size() && static_cast<std::size_t>(shards[next].shard.index) == shard;
    if (there)
      ++next;
    else
      missing.push_back(shard + 1);
  }
  const std::size_t all = count - shards.size();
  refuse(fmt::format("{} {}{} of {} {} missing", all == 1 ? "shard" : "shards", fmt::join(missing, ", "),
                     all > missing.size() ? fmt::format(" and {} more", all - missing.size()) : "", count,
                     all == 1 ? "is" : "are"));
}

// `shards` are complete.
void check_whole(const std::vector<ShardRecord>& shards, const char* done) {
  const std::int64_t most = shards[0].samples;
  bool fewer = false;
  for (const ShardRecord& shard : shards) {
    if (!(shard.samples == most && !fewer) && shard.samples != most - 1)
      refuse(fmt::format("{} has {} samples and {} has {}: one of them was not {} to its end",
                         name_of(shards[0]), most, name_of(shard), shard.samples, done));
    fewer = fewer || shard.samples != most;
  }
}

}  // namespace

void check_shard(StreamShard shard) {
  if (shard.index < 0 || shard.index >= shard.count)
    refuse(fmt::format("there is no shard {} of {}", std::int64_t{shard.index} + 1, shard.count));
}

std::string name_of(const ShardRecord& record) {
  const std::string shard = fmt::format("shard {} of {}", record.shard.index + 1, record.shard.count);
  return record.name.empty() ? shard : fmt::format("'{}' ({})", record.name, shard);
}

void check_same_count(const ShardRecord& first, const ShardRecord& other) {
  if (first.shard.count != other.shard.count)
    refuse(fmt::format("{} and {} are not of the same number of shards", name_of(other), name_of(first)));
}

void check_shards(const std::vector<ShardRecord>& shards, const char* done) {
  check_complete(shards);
  check_whole(shards, done);
}

}  // namespace lowbit
