// SPDX-License-Identifier: Apache-2.0
// What `lowbit profile` and reports share: inputs to time a model on.
#pragma once

#include <cstdint>
#include <string>

#include "data/data_options.h"
#include "data/samples.h"
#include "lowbit/model/model.h"
#include "report/profile_report.h"

namespace lowbit::eval {

struct ProfileRunOptions {
  data::DataOptions data;  ///< no data: random floats, and zeros for integers
  std::int64_t batch = 1;
  int runs = 45, threads = 1;  ///< timed runs, at least
};

/// The first batch of what an evaluation takes. Throws as Samples; Error(invalid_argument) where the data has
/// fewer samples.
data::SampleArrays profile_inputs(const Model& model, const ProfileRunOptions& options);
/// On those. Throws as profile() and profile_inputs(). `path` is for the report.
report::ProfileReport profile_model(const Model& model, const std::string& path,
                                    const ProfileRunOptions& options);

}  // namespace lowbit::eval
