// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <charconv>
#include <optional>
#include <system_error>

#include "lowbit/core/error.h"
#include "lowbit/core/sentence.h"
#include "lowbit/observe/aciq.h"
#include "lowbit/observe/batch_mean.h"
#include "lowbit/observe/batch_median.h"
#include "lowbit/observe/batch_robust.h"
#include "lowbit/observe/entropy.h"
#include "lowbit/observe/histogram.h"
#include "lowbit/observe/minmax.h"
#include "lowbit/observe/moving_average.h"
#include "lowbit/observe/mse.h"
#include "lowbit/observe/observer.h"
#include "lowbit/observe/percentile.h"
#include "lowbit/observe/sqnr.h"

LOWBIT_BEGIN_EXACT
namespace lowbit {
namespace detail::observers {

struct Named {
  std::string_view name;
  AnyObserver (*make)();
};

inline constexpr Named kObservers[] = {
    {"minmax", [] { return AnyObserver(MinMaxObserver{}); }},
    {"moving-average", [] { return AnyObserver(MovingAverageObserver{}); }},
    {"batch-mean", [] { return AnyObserver(BatchMeanObserver{}); }},
    {"batch-median", [] { return AnyObserver(BatchMedianObserver{}); }},
    {"batch-robust", [] { return AnyObserver(BatchRobustObserver{}); }},
    {"histogram", [] { return AnyObserver(HistogramObserver{}); }},
    {"mse", [] { return AnyObserver(MseObserver{}); }},
    {"mse-one-sided", [] { return AnyObserver(MseObserver{RangeSides::one}); }},
    {"sqnr", [] { return AnyObserver(SqnrObserver{}); }},
    {"entropy", [] { return AnyObserver(EntropyObserver{}); }},
    {"aciq", [] { return AnyObserver(AciqObserver{}); }},
};
inline constexpr std::string_view kOneSided = "-one-sided";

// "p99.9" and "p99.9-one-sided"; nothing for other names.
inline std::optional<AnyObserver> percentile_of(std::string_view name) {
  if (!name.starts_with('p')) return {};
  name.remove_prefix(1);
  const RangeSides sides = name.ends_with(kOneSided) ? RangeSides::one : RangeSides::two;
  if (sides == RangeSides::one) name.remove_suffix(kOneSided.size());
  double percent = 0;
  const auto [end, problem] =
      std::from_chars(name.data(), name.data() + name.size(), percent, std::chars_format::fixed);
  if (problem != std::errc() || end != name.data() + name.size() || !(percent > 0 && percent <= 100))
    return {};
  return PercentileObserver(percent, sides);
}

}  // namespace detail::observers

LOWBIT_INLINE void AnyObserver::refuse_merge() {
  detail::throw_error(ErrorCode::invalid_argument, "observers of different types cannot be merged");
}

LOWBIT_INLINE void AnyObserver::refuse_state() {
  detail::throw_error(ErrorCode::unsupported,
                      "this observer cannot be stored: it has no state() and set_state() of its own");
}

LOWBIT_INLINE std::vector<std::string> known_observers() {
  using namespace detail::observers;
  std::vector<std::string> names;
  for (const Named& n : kObservers) names.emplace_back(n.name);
  for (const char* percentile : {"p99.9", "p99.99", "p99.999"}) {
    names.emplace_back(percentile);
    names.emplace_back(percentile + std::string(kOneSided));
  }
  return names;
}

LOWBIT_INLINE AnyObserver make_observer(std::string_view name) {
  using namespace detail::observers;
  for (const Named& n : kObservers)
    if (n.name == name) return n.make();
  if (auto percentile = percentile_of(name)) return *std::move(percentile);
  std::string known;
  for (const Named& n : kObservers) known += detail::sentence("'{}', ", n.name);
  detail::throw_error(
      ErrorCode::invalid_argument,
      detail::sentence("unknown observer '{}'; known are {}'p99.9' and other percentages, and "
                       "'p99.9-one-sided' and such",
                       name.substr(0, 80), known));
}

}  // namespace lowbit
LOWBIT_END_EXACT
