#include "lowbit/recover/channel_stats.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "core/refuse.h"
#include "model/sample_runner.h"
#include "model/tasks.h"
#include "recover/channels.h"

namespace lowbit {
namespace {

/// Sums of one value, sample after sample.
struct Sums {
  explicit Sums(const ValueType& type)
      : layout(type.layout()), channels(static_cast<std::size_t>(layout.channels)) {
    value.largest.assign(channels, 0.0f);
    for (auto* sums : {&value.mean, &value.squares, &value.size}) sums->assign(channels, 0.0);
    counts.assign(channels, 0.0);
  }

  void observe(const float* sample) {
    for (std::int64_t p = 0; p < layout.pixels(); ++p) {
      const float* x = sample + p * layout.pixel_stride;
      for (std::size_t c = 0; c < channels; ++c) {
        if (!std::isfinite(x[c])) continue;
        const double v = x[c];
        value.largest[c] = std::max(value.largest[c], std::fabs(x[c]));
        value.mean[c] += v, value.squares[c] += v * v, value.size[c] += std::fabs(v);
        ++counts[c];
      }
    }
  }

  ChannelStats::Value means() const {
    ChannelStats::Value result = value;
    for (std::size_t c = 0; c < channels; ++c) {
      const double n = std::max(counts[c], 1.0);
      result.mean[c] /= n, result.squares[c] /= n, result.size[c] /= n;
    }
    return result;
  }

  SampleLayout layout;
  std::size_t channels;
  ChannelStats::Value value;
  std::vector<double> counts;
};

}  // namespace

ChannelStats channel_stats(const Model& fp32, const TensorView& samples, int threads) {
  if (fp32.is_quantized())
    refuse(fmt::format("statistics of channels are those of an fp32 model, not of one quantized to {}",
                       fp32.scheme()));
  if (fp32.input_count() != 1)
    throw Error(ErrorCode::unsupported,
                fmt::format("statistics of channels of a model with {} inputs are not supported, only 1",
                            fp32.input_count()));
  std::vector<Sums> sums;
  for (std::size_t v = 0; v < fp32.graph().values.size(); ++v)
    sums.emplace_back(fp32.type(static_cast<ValueId>(v)));
  SampleRunner* running = nullptr;
  SampleRunner runner({fp32}, {.threads = threads, .what = "statistics of channels"}, [&](std::size_t count) {
    run_tasks(running->executor(), sums.size(), [&](std::size_t v) {
      for (std::size_t lane = 0; lane < count; ++lane)
        sums[v].observe(running->values(lane, 0)[v].sample<float>(0));
    });
  });
  running = &runner;
  runner.add(samples);
  runner.flush();
  if (runner.samples() == 0) refuse("statistics of channels need at least one sample");
  ChannelStats stats;
  stats.samples = runner.samples();
  for (const Sums& s : sums) stats.values.push_back(s.means());
  return stats;
}

}  // namespace lowbit
