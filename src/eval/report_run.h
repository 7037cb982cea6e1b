// SPDX-License-Identifier: Apache-2.0
// Measures networks for `lowbit report`.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "data/data_options.h"
#include "eval/model_quantizer.h"
#include "lowbit/core/scheme.h"
#include "lowbit/model/model.h"
#include "lowbit/recover/recover.h"
#include "report/network_report.h"

namespace lowbit::eval {

/// A network to report on.
struct ReportSource {
  std::string name;  ///< as the page calls it
  std::string path;  ///< of its file; empty: made by the report
  Model model;
  std::optional<RecoveryReport> recovery{};
};

struct ReportOptions {
  data::DataOptions data;
  int threads = 1;
  std::int64_t images = 0;  ///< 0: all
  double max_drop = 0.5;    ///< as in NetworkReport
  std::size_t shown_answers = 12;
};

/// Of at least one network. The first one in fp32 is the reference (the first of all where there is none),
/// the first quantized one is judged. Throws as evaluate() and Samples.
report::NetworkReport report_on(const std::vector<ReportSource>& sources, const ReportOptions& options);

}  // namespace lowbit::eval
