#include "eval/model_quantizer.h"

#include "eval/calibration.h"
#include "lowbit/core/error.h"
#include "lowbit/model/calibration_shard.h"
#include "lowbit/model/quantize.h"

namespace lowbit::eval {

ModelQuantizer::ModelQuantizer(const Model& fp32, const data::DataOptions& data,
                               const QuantizationOptions& options)
    : fp32_(fp32), data_(data), options_(options) {
  make_observer(options.observer);  // a misspelt name is refused before anything long starts
  if (!options.table.empty()) table_ = load_calibration(options.table, fp32);
}

Model ModelQuantizer::quantize(const Scheme& scheme) {
  const QuantizeOptions options{.scheme = scheme, .overrides = options_.overrides};
  if (!needs_calibration(scheme, options_.overrides)) return lowbit::quantize(fp32_, options);
  return lowbit::quantize(fp32_, table(), options);
}

const CalibrationTable& ModelQuantizer::table() {
  if (!table_) {
    if (data_.data.empty())
      throw Error(ErrorCode::invalid_argument, "--data is required: the scheme needs calibration images");
    table_ = merge_calibration_shards({calibrate_images(fp32_, data_, options_, {}, false)});
  }
  return *table_;
}

}  // namespace lowbit::eval
