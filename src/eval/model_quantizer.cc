// SPDX-License-Identifier: Apache-2.0
#include "eval/model_quantizer.h"

#include <fmt/format.h>

#include "eval/calibration.h"
#include "eval/named_recovery.h"
#include "lowbit/compress/shared_codebook.h"
#include "lowbit/core/error.h"
#include "lowbit/model/calibration_shard.h"
#include "report/progress.h"

namespace lowbit::eval {

Recovery recovery_of(const QuantizationOptions& options) {
  if (options.recover == "none") return {};
  NamedRecovery how = parse_named_recovery(options.recover);
  how.options.threads = options.threads;
  return make_recovery(std::move(how));
}

ModelQuantizer::ModelQuantizer(const Model& fp32, const data::DataOptions& data,
                               const QuantizationOptions& options)
    : fp32_(fp32), data_(data), options_(options) {
  make_observer(options.observer);  // a misspelt name is refused before anything long starts
  if (options.recover != "none") {
    parse_named_recovery(options.recover);
    if (!options.table.empty())
      throw Error(ErrorCode::invalid_argument,
                  "--recover needs the images of --data, and a table of ranges has none");
  }
  if (!options.table.empty()) table_ = load_calibration(options.table, fp32);
}

QuantizeOptions ModelQuantizer::quantize_options(const Scheme& scheme) const {
  QuantizeOptions options{.scheme = scheme,
                          .overrides = options_.overrides,
                          .kv_cache_bits = options_.kv_cache_bits,
                          .integer_biases = options_.integer_biases,
                          .rounded_sums = options_.rounded_sums};
  if (!options_.shared_codebooks.empty())
    options.weights = share_codebooks(fp32_, options, {.patterns = options_.shared_codebooks});
  return options;
}

Model ModelQuantizer::quantize(const Scheme& scheme) {
  recovery_.reset();
  if (options_.recover != "none") return recovered(scheme);
  const QuantizeOptions options = quantize_options(scheme);
  if (!needs_calibration(scheme, options_.overrides)) return lowbit::quantize(fp32_, options);
  return lowbit::quantize(fp32_, table_for(scheme), options);
}

Model ModelQuantizer::recovered(const Scheme& scheme) {
  NamedRecovery how = parse_named_recovery(options_.recover);
  RecoveryReport report;
  std::optional<report::Progress> progress;
  how.options.threads = options_.threads;
  how.options.report = &report;
  how.options.progress = [&](const RecoveryProgress& p) {
    if (!progress || p.layer <= 1)  // of layers, then of blocks
      progress.emplace("recovering " + format_scheme(scheme), static_cast<std::int64_t>(p.layers));
    progress->update(static_cast<std::int64_t>(p.layer));
    return true;
  };
  QuantizeOptions options = quantize_options(scheme);
  options.recover = make_recovery(std::move(how));
  Model model = lowbit::quantize(fp32_, table_for(scheme), options);
  recovery_ = std::move(report);
  return model;
}

const CalibrationTable& ModelQuantizer::table_for(const Scheme& scheme) {
  if (needs_distributions(scheme, options_.overrides) && !keeps_distributions_ && options_.table.empty()) {
    keeps_distributions_ = true;
    table_.reset();
  }
  return table();
}

const CalibrationTable& ModelQuantizer::table() {
  if (!table_) {
    if (data_.data.empty())
      throw Error(ErrorCode::invalid_argument,
                  options_.recover == "none" ? "--data is required: the scheme needs calibration images"
                                             : "--data is required: --recover works on calibration images");
    table_ = merge_calibration_shards({calibrate_samples(fp32_, data_, options_, {}, keeps_distributions_)});
  }
  return *table_;
}

}  // namespace lowbit::eval
