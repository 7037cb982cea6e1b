// SPDX-License-Identifier: Apache-2.0
// Which limits of a search a measured network keeps.
#pragma once

#include <string>
#include <vector>

#include "lowbit/search/search.h"

namespace lowbit::detail {

struct LimitCheck {
  std::vector<std::string> missed{};  ///< a sentence for each limit
  double excess = 0;                  ///< by how much they are missed, as parts of the limits, added up
  bool tight = false;                 ///< fast enough, but another run may find that it is not
  bool slower = false;                ///< than the rest scheme, by more than the spread, where that counts
};

/// Times of another run differ by so much, about: what must be fast should be faster by that.
inline constexpr double kClockMargin = 1.04;

/// Times and energy of fp32 and of the rest scheme are those of the table.
struct LimitTerms {
  SearchLimits limits;
  double margin = 0;   ///< standard errors of the drop
  double fp32_ns = 0;  ///< 0: unknown
  double rest_ns = 0;  ///< 0: slower networks are welcome
};

LimitCheck check_limits(const LimitTerms& terms, const NetworkMeasurement& measured);

}  // namespace lowbit::detail
