#include "rounds.h"

#include <algorithm>
#include <chrono>
#include <cstddef>

#ifdef __unix__
#include <time.h>
#endif

namespace lowbit::bench {
namespace {

constexpr double kTurn = 1e-3;
constexpr std::size_t kMinRounds = 5;

double timed(const Task& task, Clock clock) {
  const double start = seconds_now(clock);
  task();
  return seconds_now(clock) - start;
}

void take_turn(const Task& task, const RoundOptions& options, std::vector<double>& times) {
  const double first = timed(task, options.clock);
  if (options.caches == Caches::cold || first >= kTurn) {
    times.push_back(first);
    return;
  }
  double used = 0;
  do {
    times.push_back(timed(task, options.clock));
    used += times.back();
  } while (used < kTurn);
}

double median(std::vector<double>& values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

}  // namespace

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
  for (const Task& task : tasks) task();
  std::vector<std::vector<double>> times(tasks.size());
  const double start = seconds_now();
  for (std::size_t round = 0; round < kMinRounds || seconds_now() - start < options.budget; ++round)
    for (std::size_t i = 0; i < tasks.size(); ++i) take_turn(tasks[i], options, times[i]);
  std::vector<double> medians;
  for (auto& t : times) medians.push_back(median(t));
  return medians;
}

}  // namespace lowbit::bench
