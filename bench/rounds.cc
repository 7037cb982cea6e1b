// SPDX-License-Identifier: Apache-2.0
#include "rounds.h"

#include <algorithm>
#include <chrono>
#include <cstddef>

#include "cycles.h"

#ifdef __unix__
#include <time.h>
#endif

namespace lowbit::bench {
namespace {

// What ran before leaves other data in the caches and, where wide instructions lower the clock, another
// clock for almost a millisecond.
constexpr double kSettle = 1e-3;
constexpr double kTurn = 2.5e-3;
constexpr std::size_t kMinRounds = 5;

double timed(const Task& task, Clock clock) {
  const double start = seconds_now(clock);
  task();
  return seconds_now(clock) - start;
}

void take_turn(const Task& task, const RoundOptions& options, std::vector<double>& times) {
  double used = 0;
  do {
    const double seconds = timed(task, options.clock);
    const bool settled = used >= kSettle || seconds >= kTurn || options.caches == Caches::cold;
    if (settled) times.push_back(seconds);
    used += seconds;
  } while (used < kTurn && options.caches == Caches::warm);
}

using Times = std::vector<std::vector<double>>;  // of each task

void append(const Times& more, Times& times) {
  for (std::size_t i = 0; i < times.size(); ++i)
    times[i].insert(times[i].end(), more[i].begin(), more[i].end());
}

/// Whether the core issues clearly fewer instructions than it was once seen to.
bool is_core_shared() {
  constexpr double kClearly = 0.94;
  static double most = 0;
  const double now = issue_per_cycle();
  most = std::max(most, now);
  return now < kClearly * most;
}

}  // namespace

double median(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

double seconds_now(Clock clock) {
#if defined(__unix__) && defined(CLOCK_THREAD_CPUTIME_ID)
  timespec t{};
  if (clock == Clock::thread && clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t) == 0)
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_nsec) * 1e-9;
#else
  (void)clock;
#endif
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

std::vector<double> alternate(const std::vector<Task>& tasks, const RoundOptions& options) {
  constexpr double kPatience = 20;
  for (const Task& task : tasks) task();
  Times times(tasks.size()), left_out(tasks.size());
  std::size_t rounds = 0, counted = 0;
  double used = 0;
  const double start = seconds_now();
  while (counted < kMinRounds || used < options.budget) {
    const double began = seconds_now();
    if (options.unshared && rounds >= kMinRounds && began - start > kPatience * options.budget) break;
    const bool before = options.unshared && is_core_shared();
    Times round(tasks.size());
    for (std::size_t i = 0; i < tasks.size(); ++i) take_turn(tasks[i], options, round[i]);
    const bool shared = options.unshared && (is_core_shared() || before);
    append(round, shared ? left_out : times);
    ++rounds;
    if (shared) continue;
    ++counted;
    used += seconds_now() - began;
  }
  if (counted < kMinRounds) append(left_out, times);
  std::vector<double> medians;
  for (auto& t : times) medians.push_back(median(t));
  return medians;
}

}  // namespace lowbit::bench
