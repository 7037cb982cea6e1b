// SPDX-License-Identifier: Apache-2.0
// Shards of a calibration: what was seen of each part of a stream, as bytes that travel between processes and
// machines. Merged, they make the table that one process would have made of the whole stream, bit for bit: an
// observer's state does not depend on how a stream was split. The format is described in
// docs/file-format.md.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "lowbit/model/calibrate.h"

namespace lowbit {

/// Throws Error(unsupported) when the observer is no PersistentObserver, Error(invalid_argument) when
/// CalibrationTable::observer is empty: it is what load_calibration_shard finds the observer by, options and
/// all.
std::vector<std::byte> save_to_bytes(const CalibrationShard& shard);
/// Writes to a temporary file beside `path` and renames it. Throws as above, and Error(io).
void save(const CalibrationShard& shard, const std::string& path);

/// Treats the bytes as hostile. The observers are `observer` with the states of the file. Throws
/// Error(corrupt_file), or Error(unsupported) for a newer version; `name` stands in the sentence, and in
/// those of merge_calibration_shards().
CalibrationShard load_calibration_shard(std::span<const std::byte> bytes, const AnyObserver& observer,
                                        const std::string& name = {});
/// The observer is the one that make_observer knows by the shard's CalibrationTable::observer. Throws
/// Error(unsupported) when there is none, and as above.
CalibrationShard load_calibration_shard(std::span<const std::byte> bytes, const std::string& name = {});
/// Throws Error(not_found) or Error(io), and as above.
CalibrationShard load_calibration_shard(const std::string& path);

/// All shards of one stream, in any order. Throws Error(invalid_argument), naming shards, when they are of
/// different models, observers, data or numbers of shards, when a shard is missing, given twice or
/// not calibrated to its end (all have as many samples, the first ones perhaps one more), and as
/// Calibrator::finish.
CalibrationTable merge_calibration_shards(std::vector<CalibrationShard> shards);

}  // namespace lowbit
