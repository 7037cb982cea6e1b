// SPDX-License-Identifier: Apache-2.0
// LayerStats as bytes. The format is described in docs/file-format.md.
#include <fmt/format.h>

#include <cmath>
#include <utility>

#include "core/byte_source.h"
#include "core/file_io.h"
#include "lowbit/core/error.h"
#include "lowbit/recover/layer_stats.h"
#include "model/binary_fields.h"
#include "model/calibration_checks.h"
#include "model/checksummed_file.h"
#include "recover/layer_moments_state.h"

namespace lowbit {
namespace {

constexpr detail::FileKind kStatsFile{
    {'L', 'B', 'S', 'T', 'A', 'T', 'S', '\n'}, 2, 2, "statistics of layers"};

template <class V, class State>
void visit_header(V& v, State& s) {
  v("layer", s.layer), v("groups", s.groups), v("columns", s.columns), v("channels", s.channels);
  v("second moments", s.second), v("cross moments", s.others_kind), v("most rows", s.most_rows);
  v("rows", s.rows), v("skipped rows", s.skipped_rows);
  v("positions", s.positions), v("skipped positions", s.skipped_positions);
}

void write_layer(FieldWriter& v, LayerMoments::State& s) {
  visit_header(v, s);
  s.each_sum([&](detail::ExactSums& sums) { sums.visit(v); });
  v("sampled rows", static_cast<std::uint64_t>(s.sampled.size()));
  for (const detail::SampledRow& row : s.sampled)
    v("sample", row.sample), v("position", row.position), v("row", row.x),
        v("row of the other model", row.other);
}

bool finite(const std::vector<float>& values) {
  for (const float x : values)
    if (!std::isfinite(x)) return false;
  return true;
}

void read_rows(FieldReader& v, LayerMoments::State& s) {
  const std::uint64_t count = v.length("sampled rows", 32);
  if (count > static_cast<std::uint64_t>(s.most_rows)) v.fail("sampled rows");
  for (std::uint64_t i = 0; i < count; ++i) {
    detail::SampledRow row{};
    v("sample", row.sample), v("position", row.position), v("row", row.x),
        v("row of the other model", row.other);
    row.hash = detail::place_hash(row.sample, row.position);
    const bool fits = row.sample >= 0 && row.position >= 0 && row.x.size() == s.row_floats() &&
                      row.other.size() == s.other_floats() && finite(row.x) && finite(row.other);
    // In order, each once.
    if (!fits || (!s.sampled.empty() && !(*s.sampled.rbegin() < row))) v.fail("sampled row");
    s.sampled.insert(s.sampled.end(), std::move(row));
  }
}

void check_header(const FieldReader& v, const LayerMoments::State& s, std::int64_t samples) {
  constexpr std::int64_t kMost = std::int64_t{1} << 31;
  const auto within = [](std::int64_t x, std::int64_t least, std::int64_t most) {
    return x >= least && x <= most;
  };
  if (!within(s.groups, 1, kMost) || !within(s.columns, 1, kMost) || !within(s.channels, 1, kMost) ||
      s.groups > kMost / s.columns || s.second > SecondMoments::full ||
      s.others_kind > CrossMoments::targets || s.channels % s.groups != 0 || !within(s.most_rows, 0, 1 << 20))
    v.fail("shape of a layer");
  // Every sample has as many rows as every other, and as many positions.
  const auto counts = [&](std::int64_t taken, std::int64_t skipped) {
    if (!within(taken, 0, kMost * samples) || !within(skipped, 0, kMost * samples)) return false;
    return samples == 0 ? taken + skipped == 0 : (taken + skipped) % samples == 0 && taken + skipped > 0;
  };
  if (!counts(s.rows, s.skipped_rows) || !counts(s.positions, s.skipped_positions))
    v.fail("counts of a layer");
}

std::shared_ptr<LayerMoments::State> read_layer(FieldReader& v, std::int64_t samples) {
  auto state = std::make_shared<LayerMoments::State>();
  LayerMoments::State& s = *state;
  visit_header(v, s);
  check_header(v, s, samples);
  const auto in = static_cast<std::uint64_t>(s.groups * s.columns),
             out = static_cast<std::uint64_t>(s.channels);
  const bool full = s.second == SecondMoments::full;
  // At most 2^31 groups of columns: panels * groups is below 2^32, and that times panels below 2^61.
  const auto panels = static_cast<std::uint64_t>(s.panels()), groups = static_cast<std::uint64_t>(s.groups);
  const std::uint64_t tiles = groups * (panels * (panels + 1) / 2),
                      other_panels = static_cast<std::uint64_t>(s.other_panels()),
                      all_tiles = groups * panels * other_panels;
  const std::uint64_t sizes[] = {in,
                                 s.second == SecondMoments::diagonal ? in : 0,
                                 static_cast<std::uint64_t>(s.other_floats()),
                                 s.has_targets() ? out : 0,
                                 out,
                                 out,
                                 full ? tiles : 0,
                                 full && s.has_other() ? all_tiles : 0};
  std::size_t i = 0;
  s.each_sum([&](detail::ExactSums& sums) {
    sums.visit(v);
    const std::uint64_t elements = i >= 6 ? 64 : 1;
    if (sums.size() % elements != 0 || sums.size() / elements != sizes[i] ||
        !sums.plausible(sums.size(), samples))
      v.fail("sums of a layer");
    ++i;
  });
  read_rows(v, s);
  return state;
}

LayerStats read(FieldReader& v) {
  LayerStats stats;
  v("model", stats.model), v("other model", stats.other), v("data", stats.data);
  v("shard", stats.shard.index), v("shards", stats.shard.count), v("samples", stats.samples);
  check_shard(stats.shard);
  if (stats.samples < 0 || stats.samples > detail::ExactSums::kMostAdditions) v.fail("samples");
  const std::uint64_t layers = v.length("layers", 64);
  for (std::uint64_t i = 0; i < layers; ++i) stats.layers.emplace_back(read_layer(v, stats.samples));
  if (!v.at_end()) v.fail("end");
  return stats;
}

}  // namespace

std::vector<std::byte> save_to_bytes(const LayerStats& stats) {
  FieldWriter v;
  v("model", stats.model), v("other model", stats.other), v("data", stats.data);
  v("shard", stats.shard.index), v("shards", stats.shard.count), v("samples", stats.samples);
  v("layers", static_cast<std::uint64_t>(stats.layers.size()));
  for (const LayerMoments& layer : stats.layers) write_layer(v, layer.state());
  return detail::seal(kStatsFile, v.take());
}

void save(const LayerStats& stats, const std::string& path) {
  write_file(path, save_to_bytes(stats));
}

LayerStats load_layer_stats(std::span<const std::byte> bytes, const std::string& name) {
  const std::string shown = name.empty() ? "statistics" : name;
  const ByteSource source(bytes);
  detail::Opened file = detail::open_sealed(kStatsFile, source, shown);
  try {
    FieldReader reader(std::move(file.payload), shown);
    LayerStats stats = read(reader);
    stats.name = name;
    return stats;
  } catch (const Error& e) {
    detail::blame_file(e, shown);
  }
}

LayerStats load_layer_stats(const std::string& path) {
  return load_layer_stats(read_file(path), path);
}

}  // namespace lowbit
