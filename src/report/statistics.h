// SPDX-License-Identifier: Apache-2.0
// The statistics of an evaluation.
#pragma once

#include <vector>

namespace lowbit::report {

/// Nearest rank: element ceil(q * n), counted from 1, of the sorted values; 0 when there are none.
double quantile(std::vector<double> values, double q);

}  // namespace lowbit::report
