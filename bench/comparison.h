// SPDX-License-Identifier: Apache-2.0
// What a benchmark keeps between the calls that Google Benchmark makes of it: its data, and the times of the
// tasks that it is compared with.
#pragma once

#include <benchmark/benchmark.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "options.h"
#include "rounds.h"

namespace lowbit::bench {

/// Tasks that are timed in alternating rounds; the first is the one that is benchmarked.
class Comparison {
 public:
  explicit Comparison(Caches caches = Caches::warm, Clock clock = Clock::thread)
      : caches_(caches), clock_(clock) {}
  void add(Task task) { tasks_.push_back(std::move(task)); }

  /// Times the tasks, once for each repetition: Google Benchmark calls a benchmark with growing numbers of
  /// iterations until they last long enough, then with the same number for each further repetition.
  void measure(const benchmark::State& state) {
    if (measured_at_ != 0 && measured_at_ != state.max_iterations) {
      measured_at_ = state.max_iterations;
      return;
    }
    measured_at_ = state.max_iterations;
    seconds_ = alternate(tasks_, {options().budget, caches_, clock_, options().unshared});
  }
  /// The iterations that Google Benchmark times.
  void iterate(benchmark::State& state) const {
    for (auto _ : state) {
      tasks_[0]();
      benchmark::ClobberMemory();
    }
  }
  double seconds(std::size_t task = 0) const { return seconds_.at(task); }
  /// How many times as fast as task `other` the first task is.
  double ratio(std::size_t other) const { return seconds(other) / seconds(0); }

 private:
  Caches caches_;
  Clock clock_;
  std::vector<Task> tasks_;
  std::vector<double> seconds_;
  benchmark::IterationCount measured_at_ = 0;
};

/// The data of the benchmark that runs now, made by `make()` at its first call and freed when another one
/// starts.
template <class Make>
auto& current(const std::string& benchmark_name, Make make) {
  using Data = typename decltype(make())::element_type;
  static std::string name;
  static std::unique_ptr<Data> data;
  if (name != benchmark_name) {
    data.reset();
    data = make();
    name = benchmark_name;
  }
  return *data;
}

}  // namespace lowbit::bench
