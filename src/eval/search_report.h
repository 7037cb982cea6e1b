// SPDX-License-Identifier: Apache-2.0
// What a search adds to a report: what was asked for, what it keeps and misses, and all networks that it
// considered.
#pragma once

#include "lowbit/search/result.h"
#include "report/network_report.h"

namespace lowbit::eval {

/// `report` judges the network that the search gave, as report_on() makes it of that and the original.
void add_search(const SearchResult& result, report::NetworkReport& report);

}  // namespace lowbit::eval
