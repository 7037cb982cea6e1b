// SPDX-License-Identifier: Apache-2.0
// What a comparison of integers with the rounded floats of training found, as a line.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "lowbit/train/deployment.h"

namespace lowbit::report {

/// "in integers 9937 of 10000 right, in rounded floats 9938: 1 answer differs, and 12 of 7,680,000 codes
/// (99.999844 % equal)"
std::string deployment_line(const DeploymentComparison& c);
/// Its counts, by their names.
nlohmann::ordered_json deployment_json(const DeploymentComparison& c);

}  // namespace lowbit::report
