// SPDX-License-Identifier: Apache-2.0
// The sections of the page of a NetworkReport, each HTML, or empty where there is nothing to show.
#pragma once

#include <string>

#include "report/network_report.h"

namespace lowbit::report::page {

std::string verdict_section(const NetworkReport& report);
std::string comparison_section(const NetworkReport& report);
std::string layers_section(const NetworkReport& report);
std::string distributions_section(const NetworkReport& report);
std::string answers_section(const NetworkReport& report);
std::string time_section(const NetworkReport& report);
std::string recovery_section(const NetworkReport& report);
std::string floats_section(const NetworkReport& report);
std::string repeat_section(const NetworkReport& report);

/// Points of 100 against the reference, with 95 % of confidence, one row a network.
std::string drop_chart(const NetworkReport& report);
/// Accuracy (agreement without labels) over bytes or time.
enum class Cost { bytes, time };
std::string trade_off_chart(const NetworkReport& report, Cost cost);
std::string histogram_chart(const HistogramFigure& figure, const std::string& label, bool root);
std::string channels_chart(const std::vector<ChannelRange>& channels, const std::string& label);

}  // namespace lowbit::report::page
