// SPDX-License-Identifier: Apache-2.0
#include "search/limit_check.h"

#include <fmt/format.h>

namespace lowbit::detail {
namespace {

/// What the clock cannot tell apart.
constexpr double kSameTime = 1.03;
/// What was chosen with kClockMargin to spare, measured.
constexpr double kTight = 1.025;

}  // namespace

LimitCheck check_limits(const LimitTerms& terms, const NetworkMeasurement& m) {
  LimitCheck result;
  const auto miss = [&](double excess, std::string sentence) {
    result.excess += excess;
    result.missed.push_back(std::move(sentence));
  };
  const SearchLimits& limits = terms.limits;
  if (limits.max_drop) {
    const double drop = m.drop + terms.margin * m.drop_error;
    if (drop > *limits.max_drop)
      miss((drop - *limits.max_drop) / std::max(*limits.max_drop, 0.1),
           fmt::format("accuracy falls by {:.2f} points with a standard error of {:.2f}, of which {:g} count "
                       "against the limit of {:g}",
                       m.drop, m.drop_error, terms.margin, *limits.max_drop));
  }
  if (limits.min_speedup) {
    const double speedup = m.ns > 0 ? terms.fp32_ns / m.ns : 0;
    result.tight = speedup < *limits.min_speedup * kTight;
    if (speedup < *limits.min_speedup)
      miss(
          *limits.min_speedup / std::max(speedup, 1e-9) - 1,
          fmt::format("it is {:.2f} times as fast as fp32, the limit is {:g}", speedup, *limits.min_speedup));
  }
  const auto bounded = [&](double value, double limit, const char* what, const char* unit) {
    if (value > limit)
      miss(value / std::max(limit, 1e-30) - 1,
           fmt::format("{} {:g} {}, the limit is {:g}", what, value, unit, limit));
  };
  if (limits.max_bytes) bounded(double(m.file_bytes), double(*limits.max_bytes), "its file has", "bytes");
  if (limits.max_memory)
    bounded(double(m.memory), double(*limits.max_memory), "weights and workspace take", "bytes");
  if (limits.max_joules) bounded(m.joules, *limits.max_joules, "a run takes", "J");
  result.slower = terms.rest_ns > 0 && m.ns - m.ns_spread > terms.rest_ns * kSameTime;
  return result;
}

}  // namespace lowbit::detail
