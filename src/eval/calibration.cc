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

std::string describe_images(const data::DataOptions& options, const data::Images& images) {
  const data::DataSpec spec = data::parse_data_spec(options.data, options.labels);
  std::string text = options.data.substr(0, options.data.find(':'));
  if (spec.name == "npy") {
    const auto path = (std::filesystem::path(spec.path) / "").parent_path();  // without a slash at its end
    text += fmt::format(":{}", path.filename().string());
  }
  text += fmt::format(", {} of {} images, seed {}", images.count(), images.available(), options.seed);
  if (!options.preprocess.empty()) text += ", preprocess " + options.preprocess;
  return text;
}

CalibrationShard calibrate_images(const Model& fp32, const data::DataOptions& data,
                                  const QuantizationOptions& options, StreamShard shard, bool distributions) {
  const AnyObserver observer = make_observer(options.observer);
  const data::Images images(data::parse_data_spec(data.data, data.labels), data::Split::calibration,
                            data.preprocess, fp32.input_shape(), data.calib, data.seed);
  const bool recovers = options.recover != "none";
  Calibrator calibrator(fp32, {.observer = observer,
                               .threads = options.threads,
                               .observer_name = options.observer,
                               .data = describe_images(data, images),
                               .shard = shard,
                               .distributions = distributions || recovers,
                               .kept_bytes = recovers ? CalibrateOptions{}.kept_bytes : 0});
  const auto size = static_cast<std::size_t>(images.shape().elements());
  const std::int64_t total = (images.count() - shard.index + shard.count - 1) / shard.count;
  std::vector<float> inputs;
  report::Progress progress("calibrating", total);
  for (std::int64_t first = 0; first < total; first += kCalibrationBatch) {
    const std::int64_t count = std::min(kCalibrationBatch, total - first);
    inputs.resize(static_cast<std::size_t>(count) * size);
    for (std::int64_t i = 0; i < count; ++i)
      images.read(shard.index + (first + i) * shard.count,
                  std::span(inputs).subspan(static_cast<std::size_t>(i) * size, size));
    calibrator.add({inputs.data(), images.batch_shape(count)});
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
