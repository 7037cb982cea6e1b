// SPDX-License-Identifier: Apache-2.0
// A curve in a line of text.
#pragma once

#include <span>
#include <string>

namespace lowbit::report {

/// A block for each value, as high as the value lies between the smallest and the largest; a space for one
/// that is not finite. UTF-8.
std::string sparkline(std::span<const double> values);

}  // namespace lowbit::report
