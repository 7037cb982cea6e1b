#include "lowbit/observe/observer.h"

#include <fmt/format.h>

#include <charconv>
#include <optional>
#include <system_error>

#include "lowbit/core/error.h"
#include "lowbit/observe/aciq.h"
#include "lowbit/observe/batch_mean.h"
#include "lowbit/observe/batch_median.h"
#include "lowbit/observe/batch_robust.h"
#include "lowbit/observe/entropy.h"
#include "lowbit/observe/histogram.h"
#include "lowbit/observe/minmax.h"
#include "lowbit/observe/moving_average.h"
#include "lowbit/observe/mse.h"
#include "lowbit/observe/percentile.h"
#include "lowbit/observe/sqnr.h"

namespace lowbit {
namespace {

struct Named {
  std::string_view name;
  AnyObserver (*make)();
};

constexpr Named kObservers[] = {
    {"minmax", [] { return AnyObserver(MinMax{}); }},
    {"moving-average", [] { return AnyObserver(MovingAverage{}); }},
    {"batch-mean", [] { return AnyObserver(BatchMean{}); }},
    {"batch-median", [] { return AnyObserver(BatchMedian{}); }},
    {"batch-robust", [] { return AnyObserver(BatchRobust{}); }},
    {"histogram", [] { return AnyObserver(Histogram{}); }},
    {"mse", [] { return AnyObserver(Mse{}); }},
    {"mse-one-sided", [] { return AnyObserver(Mse{Sides::one}); }},
    {"sqnr", [] { return AnyObserver(Sqnr{}); }},
    {"entropy", [] { return AnyObserver(Entropy{}); }},
    {"aciq", [] { return AnyObserver(Aciq{}); }},
};
constexpr std::string_view kOneSided = "-one-sided";

// "p99.9" and "p99.9-one-sided"; nothing for other names.
std::optional<AnyObserver> percentile_of(std::string_view name) {
  if (!name.starts_with('p')) return {};
  name.remove_prefix(1);
  const Sides sides = name.ends_with(kOneSided) ? Sides::one : Sides::two;
  if (sides == Sides::one) name.remove_suffix(kOneSided.size());
  double percent = 0;
  const auto [end, problem] =
      std::from_chars(name.data(), name.data() + name.size(), percent, std::chars_format::fixed);
  if (problem != std::errc() || end != name.data() + name.size() || !(percent > 0 && percent <= 100))
    return {};
  return Percentile(percent, sides);
}

}  // namespace

void AnyObserver::refuse_merge() {
  throw Error(ErrorCode::invalid_argument, "observers of different types cannot be merged");
}

void AnyObserver::refuse_state() {
  throw Error(ErrorCode::unsupported,
              "this observer cannot be stored: it has no state() and set_state() of its own");
}

std::vector<std::string> known_observers() {
  std::vector<std::string> names;
  for (const Named& n : kObservers) names.emplace_back(n.name);
  for (const char* percentile : {"p99.9", "p99.99", "p99.999"}) {
    names.emplace_back(percentile);
    names.emplace_back(percentile + std::string(kOneSided));
  }
  return names;
}

AnyObserver make_observer(std::string_view name) {
  for (const Named& n : kObservers)
    if (n.name == name) return n.make();
  if (auto percentile = percentile_of(name)) return *std::move(percentile);
  std::string known;
  for (const Named& n : kObservers) known += fmt::format("'{}', ", n.name);
  throw Error(ErrorCode::invalid_argument,
              fmt::format("unknown observer '{}'; known are {}'p99.9' and other percentages, and "
                          "'p99.9-one-sided' and such",
                          name.substr(0, 80), known));
}

}  // namespace lowbit
