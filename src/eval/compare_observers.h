// SPDX-License-Identifier: Apache-2.0
// Every observer on the same model and images: `lowbit eval --observer all`.
#pragma once

#include <string>
#include <vector>

#include "eval/eval_run.h"
#include "report/observer_comparison.h"

namespace lowbit::eval {

/// Calibrates once an observer and quantizes to every scheme but fp32. Throws Error(invalid_argument) when no
/// scheme needs a calibration, besides as evaluate_schemes.
report::ObserverComparison compare_observers(const Model& fp32, const std::vector<std::string>& observers,
                                             const std::vector<Scheme>& schemes, const EvalOptions& options);

}  // namespace lowbit::eval
