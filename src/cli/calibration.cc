#include "cli/calibration.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <filesystem>

#include "cli/progress.h"
#include "lowbit/core/error.h"
#include "lowbit/json/range_table.h"

namespace lowbit::cli {
namespace {

constexpr std::int64_t kCalibrationBatch = 32;
constexpr std::int32_t kMostShards = 1000000;

bool parse_number(std::string_view text, std::int32_t& number) {
  const char* end = text.data() + text.size();
  const auto result = std::from_chars(text.data(), end, number);
  return result.ec == std::errc() && result.ptr == end;
}

}  // namespace

Shard parse_shard(const std::string& text) {
  const std::size_t slash = std::min(text.find('/'), text.size());
  std::int32_t number = 0, count = 0;
  const bool fits = slash < text.size() && parse_number(std::string_view(text).substr(0, slash), number) &&
                    parse_number(std::string_view(text).substr(slash + 1), count) && number >= 1 &&
                    number <= count && count <= kMostShards;
  if (!fits)
    throw Error(ErrorCode::invalid_argument,
                fmt::format("--shard \"{}\" is not K/N with 1 <= K <= N <= {}, as 2/8", text, kMostShards));
  return {number - 1, count};
}

std::string describe_images(const DataOptions& options, const Images& images) {
  const DataSpec spec = parse_data_spec(options.data, options.labels);
  std::string text = options.data.substr(0, options.data.find(':'));
  if (spec.kind == DataSpec::Kind::npy) {
    const auto path = (std::filesystem::path(spec.path) / "").parent_path();  // without a slash at its end
    text += ":" + path.filename().string();
  }
  text += fmt::format(", {} of {} images, seed {}", images.count(), images.available(), options.seed);
  if (!options.preprocess.empty()) text += ", preprocess " + options.preprocess;
  return text;
}

CalibrationPart calibrate_images(const Model& fp32, const DataOptions& data,
                                 const QuantizationOptions& options, Shard shard, bool distributions) {
  const AnyObserver observer = make_observer(options.observer);
  const Images images(parse_data_spec(data.data, data.labels), Split::calibration, data.preprocess,
                      fp32.input_shape(), data.calib, data.seed);
  Calibrator calibrator(fp32, {.observer = observer,
                               .threads = options.threads,
                               .observer_name = options.observer,
                               .data = describe_images(data, images),
                               .shard = shard,
                               .distributions = distributions});
  const auto size = static_cast<std::size_t>(images.shape().elements());
  const std::int64_t total = (images.count() - shard.index + shard.count - 1) / shard.count;
  std::vector<float> inputs;
  Progress progress("calibrating", total);
  for (std::int64_t first = 0; first < total; first += kCalibrationBatch) {
    const std::int64_t count = std::min(kCalibrationBatch, total - first);
    inputs.resize(static_cast<std::size_t>(count) * size);
    for (std::int64_t i = 0; i < count; ++i)
      images.read(shard.index + (first + i) * shard.count,
                  std::span(inputs).subspan(static_cast<std::size_t>(i) * size, size));
    calibrator.add({inputs.data(), images.batch_shape(count)});
    progress.update(first + count);
  }
  return calibrator.part();
}

CalibrationTable load_calibration(const std::string& path, const Model& fp32) {
  const RangeTable ranges = load_range_table(path);
  try {
    return calibration_table(ranges, fp32);
  } catch (const Error& e) {
    throw Error(e.code(), fmt::format("{}: {}", path, e.what()));
  }
}

}  // namespace lowbit::cli
