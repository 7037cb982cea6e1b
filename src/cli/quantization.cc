#include "cli/quantization.h"

#include <algorithm>

#include "cli/images.h"
#include "cli/progress.h"
#include "lowbit/core/error.h"
#include "lowbit/model/quantize.h"

namespace lowbit::cli {
namespace {

constexpr std::int64_t kBatch = 32;

}  // namespace

ModelQuantizer::ModelQuantizer(const Model& fp32, const DataOptions& data, const QuantizationOptions& options)
    : fp32_(fp32),
      data_(data),
      overrides_(parse_overrides(options.overrides)),
      observer_(make_observer(options.observer)),
      observer_name_(options.observer),
      threads_(options.threads) {}

Model ModelQuantizer::quantize(const std::string& scheme) {
  const QuantizeOptions options{.scheme = scheme, .overrides = overrides_};
  if (!needs_calibration(scheme, overrides_)) return lowbit::quantize(fp32_, options);
  if (!table_) calibrate();
  return lowbit::quantize(fp32_, *table_, options);
}

void ModelQuantizer::calibrate() {
  if (data_.data.empty())
    throw Error(ErrorCode::invalid_argument, "--data is required: the scheme needs calibration images");
  const Images images(parse_data_spec(data_.data, data_.labels), Split::calibration, data_.preprocess,
                      fp32_.input_shape(), data_.calib, data_.seed);
  Calibrator calibrator(
      fp32_, {.observer = observer_, .threads = threads_, .observer_name = observer_name_, .progress = {}});
  const auto size = static_cast<std::size_t>(images.shape().elements());
  std::vector<float> inputs;
  Progress progress("calibrating", images.count());
  for (std::int64_t first = 0; first < images.count(); first += kBatch) {
    const std::int64_t count = std::min(kBatch, images.count() - first);
    inputs.resize(static_cast<std::size_t>(count) * size);
    images.read(first, inputs);
    calibrator.add({inputs.data(), images.batch_shape(count)});
    progress.update(first + count);
  }
  table_ = calibrator.finish();
}

}  // namespace lowbit::cli
