// SPDX-License-Identifier: Apache-2.0
// A RangeTable for people.
#pragma once

#include <string>

#include "lowbit/model/range_table.h"

namespace lowbit::report {

/// One line a tensor; what is unknown is "-".
std::string format_ranges(const RangeTable& table, bool colour);

}  // namespace lowbit::report
