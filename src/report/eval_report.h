// SPDX-License-Identifier: Apache-2.0
// EvalReport: the result of `lowbit eval` and `lowbit demo`, as a table for people and as JSON for programs.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "lowbit/model/evaluate.h"
#include "lowbit/recover/recover.h"
#include "lowbit/train/deployment.h"
#include "report/machine.h"

namespace lowbit::report {

struct EvalRow {
  std::string model;  ///< file name, where a report has several models; else empty
  std::string scheme;
  std::optional<double> bits;
  std::uint64_t bytes = 0;
  std::optional<std::int64_t> correct, agree;  ///< images
  std::vector<OutputComparison> outputs;       ///< against the reference; empty without one
  double ms_median = 0, ms_p90 = 0;
  std::optional<double> speedup;  ///< over the fp32 row
  int fallbacks = 0;
  std::string coverage;  ///< describe_coverage(); empty for fp32
  std::optional<RecoveryReport> recovery{};
};

struct EvalReport {
  std::string model, data;
  std::int64_t images = 0, calib_images = 0;
  std::optional<std::string> observer;  ///< nothing when no scheme needed a calibration
  Machine machine;
  std::vector<EvalRow> rows;
  /// The integers of the only model against its rounded floats, where that was asked for.
  std::optional<DeploymentComparison> deployed{};
  std::vector<std::string> warnings{};  ///< of what the data and the network do not agree in
};

/// The table, and the line or lines that account for every layer.
std::string format_report(const EvalReport& report, bool colour);
/// Each output of each row that has a reference: SQNR, cosine of all samples in a row and mean of the cosines
/// of samples, largest error.
std::string format_outputs(const EvalReport& report, bool colour);
/// Schema "lowbit-eval-1". top1 and agree are fractions of the images; unknown values and infinite ratios are
/// null; "outputs" is there where `with_outputs`, "recovery" in rows that were recovered, "deployed" where
/// integers were compared with floats.
nlohmann::ordered_json to_json(const EvalReport& report, bool with_outputs = false);

}  // namespace lowbit::report
