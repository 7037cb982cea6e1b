// SPDX-License-Identifier: Apache-2.0
// The front of networks that were run, and which ones to run for it.
#pragma once

#include <cstddef>
#include <vector>

#include "lowbit/search/result.h"

namespace lowbit::detail {

/// Those of both lists that no other one beats in time, bytes of the file and accuracy, by time.
std::vector<FrontPoint> measured_front(const std::vector<FrontPoint>& uniform,
                                       const std::vector<FrontPoint>& tried);

/// Indices into `sections` of at most `count` points, the ends among them, whose predicted errors are about
/// evenly apart, in an order in which each one halves the widest gap that is left.
std::vector<std::size_t> spread_out(const std::vector<FrontPoint>& sections, std::size_t count);

}  // namespace lowbit::detail
