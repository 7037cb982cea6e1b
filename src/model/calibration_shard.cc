// SPDX-License-Identifier: Apache-2.0
#include "lowbit/model/calibration_shard.h"

#include <fmt/format.h>

#include "core/file_io.h"
#include "lowbit/core/error.h"
#include "model/binary_fields.h"
#include "model/calibration_checks.h"
#include "model/checksummed_file.h"

namespace lowbit {
namespace {

constexpr detail::FileKind kPartFile{
    {'L', 'B', 'C', 'A', 'L', 'I', 'B', '\n'}, 1, 1, "a part of a calibration"};

using Bytes = std::vector<std::byte>;

void write(FieldWriter& v, const CalibrationShard& shard) {
  const CalibrationTable& table = shard.table;
  v("model", table.model), v("observer", table.observer), v("data", table.data);
  v("shard", shard.shard.index), v("shards", shard.shard.count), v("samples", table.samples);
  v("values", static_cast<std::uint64_t>(table.entries.size()));
  for (const CalibrationEntry& entry : table.entries) {
    v("value name", entry.value), v("shape", entry.shape), v("finite", entry.finite);
    v("observer state", entry.observer.state());
    v("has distribution", entry.seen.has_value());
    if (entry.seen) v("distribution", entry.seen->state());
  }
}

/// Every sample has every element once. What says so protects later sums from overflow, too. A user's own
/// observer may keep a distribution of something else.
void check_count(const CalibrationEntry& entry, bool own_observer, std::int64_t samples) {
  const FloatHistogram* seen = own_observer && !entry.seen ? nullptr : entry.distribution();
  if (!seen) return;
  const std::int64_t elements = entry.shape.elements();
  const auto count = static_cast<std::int64_t>(seen->count());
  const bool fits = elements == 0 ? count == 0 : count % elements == 0 && count / elements == samples;
  if (!fits || entry.finite == seen->empty())
    throw Error(ErrorCode::corrupt_file,
                fmt::format("value '{}' was observed {} times in {} samples of {} elements", entry.value,
                            seen->count(), samples, elements));
}

void read_entry(FieldReader& v, CalibrationEntry& entry, bool own_observer, std::int64_t samples) {
  Bytes state;
  bool has_distribution = false;
  v("value name", entry.value), v("shape", entry.shape), v("finite", entry.finite);
  try {
    v("observer state", state);
    entry.observer.set_state(state);
    v("has distribution", has_distribution);
    if (has_distribution) {
      v("distribution", state);
      entry.seen.emplace().set_state(state);
    }
  } catch (const Error& e) {
    throw Error(e.code(), fmt::format("value '{}': {}", entry.value, e.what()));
  }
  check_count(entry, own_observer, samples);
}

/// What stands before the entries, which says what observer they have.
CalibrationShard read_start(FieldReader& v) {
  CalibrationShard shard;
  CalibrationTable& table = shard.table;
  v("model", table.model), v("observer", table.observer), v("data", table.data);
  v("shard", shard.shard.index), v("shards", shard.shard.count), v("samples", table.samples);
  if (table.samples < 0) v.fail("samples");
  check_shard(shard.shard);
  return shard;
}

void read_entries(FieldReader& v, const AnyObserver& observer, bool own_observer, CalibrationTable& table) {
  const std::uint64_t values = v.length("values", 26);  // three lengths and two bools
  for (std::uint64_t i = 0; i < values; ++i) {
    CalibrationEntry entry{{}, {}, observer};
    read_entry(v, entry, own_observer, table.samples);
    table.entries.push_back(std::move(entry));
  }
  if (!v.at_end()) v.fail("end");
}

AnyObserver observer_of(const CalibrationShard& shard) {
  try {
    return make_observer(shard.table.observer);
  } catch (const Error& e) {
    throw Error(ErrorCode::unsupported, e.what());
  }
}

CalibrationShard load_any(std::span<const std::byte> bytes, const AnyObserver* observer,
                          const std::string& name) {
  const std::string shown = name.empty() ? "part" : name;
  const ByteSource source(bytes);
  detail::Opened file = detail::open_sealed(kPartFile, source, shown);
  try {
    FieldReader reader(std::move(file.payload), shown);
    CalibrationShard shard = read_start(reader);
    shard.name = name;
    read_entries(reader, observer ? *observer : observer_of(shard), observer != nullptr, shard.table);
    return shard;
  } catch (const Error& e) {
    detail::blame_file(e, shown);
  }
}

}  // namespace

std::vector<std::byte> save_to_bytes(const CalibrationShard& shard) {
  if (shard.table.observer.empty())
    throw Error(
        ErrorCode::invalid_argument,
        "a part of a calibration is stored with the name of its observer; CalibrateOptions::observer_name "
        "is empty");
  FieldWriter payload;
  write(payload, shard);
  return detail::seal(kPartFile, payload.take());
}

void save(const CalibrationShard& shard, const std::string& path) {
  write_file(path, save_to_bytes(shard));
}

CalibrationShard load_calibration_shard(std::span<const std::byte> bytes, const AnyObserver& observer,
                                        const std::string& name) {
  return load_any(bytes, &observer, name);
}

CalibrationShard load_calibration_shard(std::span<const std::byte> bytes, const std::string& name) {
  return load_any(bytes, nullptr, name);
}

CalibrationShard load_calibration_shard(const std::string& path) {
  return load_calibration_shard(read_file(path), path);
}

}  // namespace lowbit
