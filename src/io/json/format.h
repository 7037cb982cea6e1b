// SPDX-License-Identifier: Apache-2.0
// What the first keys of a table must say.
#pragma once

namespace lowbit::detail {

inline constexpr const char* kJsonFormat = "lowbit-calibration";
inline constexpr int kJsonVersion = 1;
inline constexpr const char* kCostFormat = "lowbit-costs";
inline constexpr int kCostVersion = 1;
inline constexpr const char* kNetworkFormat = "lowbit-network";
inline constexpr int kNetworkVersion = 1;

}  // namespace lowbit::detail
