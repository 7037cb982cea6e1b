#include "rounds.h"

#include <algorithm>
#include <chrono>
#include <cstddef>

namespace lowbit::bench {
namespace {

constexpr double kTurn = 1e-3;
constexpr std::size_t kMinRounds = 3;

double timed(const Task& task) {
  const double start = seconds_now();
  task();
  return seconds_now() - start;
}

void take_turn(const Task& task, Caches caches, std::vector<double>& times) {
  const double first = timed(task);
  if (caches == Caches::cold || first >= kTurn) {
    times.push_back(first);
    return;
  }
  double used = 0;
  do {
    times.push_back(timed(task));
    used += times.back();
  } while (used < kTurn);
}

double median(std::vector<double>& values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

}  // namespace

double seconds_now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

std::vector<double> alternate(const std::vector<Task>& tasks, double budget, Caches caches) {
  for (const Task& task : tasks) task();
  std::vector<std::vector<double>> times(tasks.size());
  const double start = seconds_now();
  for (std::size_t round = 0; round < kMinRounds || seconds_now() - start < budget; ++round)
    for (std::size_t i = 0; i < tasks.size(); ++i) take_turn(tasks[i], caches, times[i]);
  std::vector<double> medians;
  for (auto& t : times) medians.push_back(median(t));
  return medians;
}

}  // namespace lowbit::bench
