// What `lowbit eval` and `lowbit demo` share: quantize a model in several schemes, evaluate, and make the
// report.
#pragma once

#include <string>
#include <vector>

#include "cli/eval_report.h"
#include "cli/images.h"
#include "cli/options.h"
#include "lowbit/model/model.h"

namespace lowbit::cli {

struct EvalOptions {
  DataOptions data;
  QuantizationOptions quantization;
  std::int64_t images = 0;  ///< 0: all
  std::int64_t batch = 1;
};

/// One row for each model; the first is the reference when `has_reference`. `models` are {name for the row or
/// empty, model}.
EvalReport evaluate_models(const std::vector<std::pair<std::string, Model>>& models, bool has_reference,
                           const EvalOptions& options);
/// A row for fp32 and one for each other scheme.
EvalReport evaluate_schemes(const Model& fp32, const std::vector<std::string>& schemes,
                            const EvalOptions& options);

}  // namespace lowbit::cli
