// SPDX-License-Identifier: Apache-2.0
#include "lowbit/recover/channel_stats.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "core/refuse.h"
#include "layers/step_common.h"
#include "model/sample_runner.h"
#include "model/tasks.h"
#include "recover/channel_maps.h"

namespace lowbit {
namespace {

/// Sums of one value, sample after sample.
struct Sums {
  Sums(const ValueType& type, const detail::ChannelMap& map)
      : box(type), channels(static_cast<std::size_t>(map.channels)) {
    const int rank = type.shape.rank();
    for (int axis = 0; axis < rank; ++axis)
      weight[ops::memory_axis(rank, axis)] = map.weight[static_cast<std::size_t>(axis)];
    value.largest.assign(channels, 0.0f);
    for (auto* sums : {&value.mean, &value.squares, &value.size}) sums->assign(channels, 0.0);
    counts.assign(channels, 0.0);
  }

  void observe(const float* sample) {
    ops::for_lines(box.size, box.stride, weight, [&](std::int64_t at, std::int64_t first) {
      for (std::int64_t i = 0; i < box.size.back(); ++i)
        add(sample[at + i * box.stride.back()], static_cast<std::size_t>(first + i * weight.back()));
    });
  }

  void add(float x, std::size_t c) {
    if (!std::isfinite(x)) return;
    const double v = x;
    value.largest[c] = std::max(value.largest[c], std::fabs(x));
    value.mean[c] += v, value.squares[c] += v * v, value.size[c] += std::fabs(v);
    ++counts[c];
  }

  ChannelStats::Value means() const {
    ChannelStats::Value result = value;
    for (std::size_t c = 0; c < channels; ++c) {
      const double n = std::max(counts[c], 1.0);
      result.mean[c] /= n, result.squares[c] /= n, result.size[c] /= n;
    }
    return result;
  }

  ops::Box box;
  ops::BoxDims weight{};
  std::size_t channels;
  ChannelStats::Value value;
  std::vector<double> counts;
};

/// add(runner) puts the samples in.
template <class Add>
ChannelStats stats_of(const Model& fp32, int threads, Add&& add) {
  if (fp32.is_quantized())
    refuse(fmt::format("statistics of channels are those of an fp32 model, not of one quantized to {}",
                       fp32.scheme()));
  const std::vector<detail::ChannelMap> maps = detail::channel_maps(fp32.graph());
  std::vector<Sums> sums;
  for (std::size_t v = 0; v < maps.size(); ++v)
    sums.emplace_back(fp32.type(static_cast<ValueId>(v)), maps[v]);
  SampleRunner* running = nullptr;
  SampleRunner runner({fp32}, {.threads = threads, .what = "statistics of channels"}, [&](std::size_t count) {
    run_tasks(running->executor(), sums.size(), [&](std::size_t v) {
      if (fp32.type(static_cast<ValueId>(v)).dtype != DType::f32) return;  // integers have no size
      for (std::size_t lane = 0; lane < count; ++lane)
        sums[v].observe(running->values(lane, 0)[v].sample<float>(0));
    });
  });
  running = &runner;
  add(runner);
  runner.flush();
  if (runner.samples() == 0) refuse("statistics of channels need at least one sample");
  ChannelStats stats;
  stats.samples = runner.samples();
  for (const Sums& s : sums) stats.values.push_back(s.means());
  return stats;
}

}  // namespace

ChannelStats channel_stats(const Model& fp32, const TensorView& samples, int threads) {
  return stats_of(fp32, threads, [&](SampleRunner& runner) { runner.add(samples); });
}

ChannelStats channel_stats(const Model& fp32, std::span<const arrays::ArrayView> samples, int threads) {
  return stats_of(fp32, threads, [&](SampleRunner& runner) { runner.add(samples); });
}

}  // namespace lowbit
