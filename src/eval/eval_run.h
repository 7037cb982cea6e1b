// SPDX-License-Identifier: Apache-2.0
// What `lowbit eval` and `lowbit demo` share: quantize a model in several schemes, evaluate, and make the
// report.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "data/data_options.h"
#include "data/samples.h"
#include "eval/model_quantizer.h"
#include "lowbit/model/model.h"
#include "report/eval_report.h"

namespace lowbit::eval {

struct EvalOptions {
  data::DataOptions data;
  QuantizationOptions quantization;
  std::int64_t images = 0;  ///< 0: all
  std::int64_t batch = 1;
  /// Of one quantized model: what it computes in integers against the same in rounded floats.
  bool compares_floats = false;
  /// Once it is true, no further scheme is begun and a moment later no further sample: the report has what is
  /// done, and a warning that says so.
  std::function<bool()> stops{};
};

/// One row for each model; the first is the reference when `has_reference`. `models` are {name for the row or
/// empty, model}.
report::EvalReport evaluate_models(const std::vector<std::pair<std::string, Model>>& models,
                                   bool has_reference, const EvalOptions& options);
/// A row for fp32 and one for each other scheme.
report::EvalReport evaluate_schemes(const Model& fp32, const std::vector<Scheme>& schemes,
                                    const EvalOptions& options);

}  // namespace lowbit::eval
