#include "model/shard_checks.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "core/refuse.h"
#include "model/calibration_checks.h"

namespace lowbit {
namespace {

void check_complete(const std::vector<StreamPart>& parts) {
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

// `parts` are complete.
void check_whole(const std::vector<StreamPart>& parts, const char* done) {
  const std::int64_t most = parts[0].samples;
  bool fewer = false;
  for (const StreamPart& part : parts) {
    if (!(part.samples == most && !fewer) && part.samples != most - 1)
      refuse(fmt::format("{} has {} samples and {} has {}: one of them was not {} to its end",
                         name_of(parts[0]), most, name_of(part), part.samples, done));
    fewer = fewer || part.samples != most;
  }
}

}  // namespace

void check_shard(Shard shard) {
  if (shard.index < 0 || shard.index >= shard.count)
    refuse(fmt::format("there is no shard {} of {}", std::int64_t{shard.index} + 1, shard.count));
}

std::string name_of(const StreamPart& part) {
  const std::string shard = fmt::format("shard {} of {}", part.shard.index + 1, part.shard.count);
  return part.name.empty() ? shard : fmt::format("'{}' ({})", part.name, shard);
}

void check_same_count(const StreamPart& first, const StreamPart& other) {
  if (first.shard.count != other.shard.count)
    refuse(fmt::format("{} and {} are not of the same number of shards", name_of(other), name_of(first)));
}

void check_parts(const std::vector<StreamPart>& parts, const char* done) {
  check_complete(parts);
  check_whole(parts, done);
}

}  // namespace lowbit
