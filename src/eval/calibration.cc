// SPDX-License-Identifier: Apache-2.0
#include "eval/calibration.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "lowbit/core/error.h"
#include "lowbit/io/json/range_table.h"
#include "report/progress.h"

namespace lowbit::eval {
namespace {

constexpr std::int64_t kCalibrationBatch = 32;

}  // namespace

std::string describe_samples(const data::DataOptions& options, const data::Samples& samples) {
  const data::DataSpec spec = data::parse_data_spec(options.data, options.labels);
  std::string text = options.data.substr(0, options.data.find(':'));
  if (!spec.has_split()) {
    const auto path = (std::filesystem::path(spec.path) / "").parent_path();  // without a slash at its end
    text += fmt::format(":{}", path.filename().string());
  }
  text += fmt::format(", {} of {} images, seed {}", samples.count(), samples.available(), options.seed);
  if (!options.preprocess.empty()) text += ", preprocess " + options.preprocess;
  return text;
}

CalibrationShard calibrate_samples(const Model& fp32, const data::DataOptions& data,
                                   const QuantizationOptions& options, StreamShard shard,
                                   bool distributions) {
  const AnyObserver observer = make_observer(options.observer);
  const data::Samples samples(data, data::Split::calibration, data::inputs_of(fp32), data.calib, data.seed);
  const bool recovers = options.recover != "none";
  Calibrator calibrator(fp32, {.observer = observer,
                               .threads = options.threads,
                               .observer_name = options.observer,
                               .data = describe_samples(data, samples),
                               .shard = shard,
                               .distributions = distributions || recovers,
                               .kept_bytes = recovers ? CalibrateOptions{}.kept_bytes : 0});
  const std::int64_t total = (samples.count() - shard.index + shard.count - 1) / shard.count;
  report::Progress progress("calibrating", total);
  for (std::int64_t first = 0; first < total; first += kCalibrationBatch) {
    const std::int64_t count = std::min(kCalibrationBatch, total - first);
    const data::SampleArrays inputs = samples.read(shard.index + first * shard.count, count, shard.count);
    calibrator.add(data::views(inputs));
    progress.update(first + count);
  }
  return calibrator.shard();
}

CalibrationTable load_calibration(const std::string& path, const Model& fp32) {
  const RangeTable ranges = load_range_table(path);
  try {
    return calibration_table(ranges, fp32);
  } catch (const Error& e) {
    throw Error(e.code(), fmt::format("{}: {}", path, e.what()));
  }
}

}  // namespace lowbit::eval
