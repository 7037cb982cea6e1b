// SPDX-License-Identifier: Apache-2.0
// What is checked of the shards of a stream before they are merged, whatever they hold.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "lowbit/model/calibrate.h"

namespace lowbit {

/// Which shard, how many samples it is of, and the file that it came from (may be empty).
struct ShardRecord {
  StreamShard shard;
  std::int64_t samples = 0;
  std::string name;
};

/// "'a.part' (shard 1 of 3)", for sentences.
std::string name_of(const ShardRecord& record);

/// Throws Error(invalid_argument) when the shards are not of the same number of shards.
void check_same_count(const ShardRecord& first, const ShardRecord& other);

/// `shards` are sorted by shard, not empty, and of the same number of shards. Throws Error(invalid_argument)
/// when a shard is given twice or missing, or was not taken to its end: round robin gives every shard as many
/// samples as the first, or from some shard on one fewer. `done` is what was to be done with them:
/// "calibrated".
void check_shards(const std::vector<ShardRecord>& shards, const char* done);

}  // namespace lowbit
