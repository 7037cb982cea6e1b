// SPDX-License-Identifier: Apache-2.0
// From an fp32 model and images to quantized models: calibration at most once, whatever the number of
// schemes, or not at all where there is a table.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "data/data_options.h"
#include "eval/scheme_options.h"
#include "lowbit/model/calibrate.h"
#include "lowbit/model/model.h"
#include "lowbit/model/quantize.h"
#include "lowbit/recover/recover.h"

namespace lowbit::eval {

/// How models are quantized.
struct QuantizationOptions {
  Overrides overrides;
  std::string observer = "minmax";
  int threads = 1;
  std::string table;             ///< a RangeTable; empty: calibrate
  std::string recover = "none";  ///< else what parse_named_recovery takes
  int kv_cache_bits = 0;         ///< as in QuantizeOptions, the next two too
  bool integer_biases = false, rounded_sums = false;
  std::vector<std::string> shared_codebooks{};  ///< patterns of SharedCodebookOptions
};

/// What they ask for, without progress or report; empty for none. Throws as parse_named_recovery.
Recovery recovery_of(const QuantizationOptions& options);

class ModelQuantizer {
 public:
  /// All are kept by reference. Throws as make_observer and load_calibration.
  ModelQuantizer(const Model& fp32, const data::DataOptions& data, const QuantizationOptions& options);

  /// Calibrates when `scheme` is the first one that needs it. Throws as quantize and Samples;
  /// Error(invalid_argument) when it needs images and there is no --data.
  Model quantize(const Scheme& scheme);

  /// What recovering the last quantized model did; nothing without.
  const std::optional<RecoveryReport>& recovery() const { return recovery_; }

  /// Calibrates unless that is done.
  const CalibrationTable& table();

  /// Images that calibration took; 0 when there was none.
  std::int64_t calibration_images() const { return table_ ? table_->samples : 0; }
  /// That of the table or of the options.
  const std::string& observer() const { return table_ ? table_->observer : options_.observer; }

 private:
  const Model& fp32_;
  const data::DataOptions& data_;
  const QuantizationOptions& options_;
  QuantizeOptions quantize_options(const Scheme& scheme) const;
  Model recovered(const Scheme& scheme);
  /// table(), with what the scheme needs of it.
  const CalibrationTable& table_for(const Scheme& scheme);

  std::optional<CalibrationTable> table_;
  bool keeps_distributions_ = false;
  std::optional<RecoveryReport> recovery_;
};

}  // namespace lowbit::eval
