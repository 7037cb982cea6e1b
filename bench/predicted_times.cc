// SPDX-License-Identifier: Apache-2.0
// predicted_times: how well a table of costs predicts the time of whole networks. Measures a CostTable of a
// network with random samples, makes random mixtures of its schemes, runs them, and prints predicted and
// measured times.
//   predicted_times MODEL [MIXTURES [THREADS [SCHEMES]]]        defaults: 30 1 and those of a search
// "now" compares with the times of the rest scheme's whole network in the same runs: what the machine became
// slower or faster since the table was measured is taken out of it. "low" is the tenth percentile of the runs
// in place of the median: on a machine with other work, those that it did not interrupt.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <exception>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include "core/random.h"
#include "io/load_any_model.h"
#include "lowbit/runtime/executor.h"
#include "search/cost_study.h"

namespace {

using namespace lowbit;

/// Of slow networks fewer rounds.
constexpr int kLeastRounds = 5, kMostRounds = 30, kTimedRuns = 3;
constexpr std::chrono::seconds kMostTime{40};

SampleSet random_samples(const Model& model, std::int64_t count) {
  SampleSet samples(model);
  detail::Random random(1);
  Tensor batch(Shape{count, model.input_shape().elements()});
  for (float& x : batch.data) x = random.gaussian();
  for (std::int64_t i = 0; i < count; ++i) samples.append(TensorView(batch), i);
  return samples;
}

/// Nanoseconds of a run of one sample.
struct RunTimes {
  double median = 0, low = 0;
};

/// Models take turns, and each runs a few times in its turn.
std::vector<RunTimes> time_runs(const std::vector<Model>& models, const SampleSet& samples, int threads) {
  using Clock = std::chrono::steady_clock;
  const std::shared_ptr<Executor> executor = make_thread_pool(threads);
  const std::vector<arrays::ArrayView> input = samples.views(0, 1);
  std::vector<Workspace> workspaces;
  for (const Model& model : models) workspaces.emplace_back(model, WorkspaceOptions{.executor = executor});
  std::vector<float> output(static_cast<std::size_t>(models[0].output_shape().elements()));
  const std::vector<MutableTensorView> out{
      {output.data(), Shape{1, static_cast<std::int64_t>(output.size())}}};
  std::vector<std::vector<double>> seen(models.size());
  const auto start = Clock::now();
  for (int round = 0; round < kMostRounds; ++round) {
    if (round >= kLeastRounds && Clock::now() - start > kMostTime) break;
    for (std::size_t m = 0; m < models.size(); ++m)
      for (int i = 0; i <= kTimedRuns; ++i) {
        const auto begun = Clock::now();
        run(models[m], input, out, workspaces[m]);
        if (i > 0) seen[m].push_back(std::chrono::duration<double, std::nano>(Clock::now() - begun).count());
      }
  }
  std::vector<RunTimes> times;
  for (std::vector<double>& ns : seen) {
    std::sort(ns.begin(), ns.end());
    times.push_back({ns[ns.size() / 2], ns[ns.size() / 10]});
  }
  return times;
}

void run_program(const std::string& file, int mixtures, int threads, const std::string& schemes) {
  const Model fp32 = io::load_model(file);
  const SampleSet samples = random_samples(fp32, 16);
  Calibrator calibrator(fp32, {.threads = threads});
  calibrator.add(samples.views());
  const CalibrationTable table = calibrator.finish();
  CostOptions options{.table = &table, .threads = threads, .samples = 1, .steps = {}};
  if (!schemes.empty()) {
    options.candidates.clear();
    std::istringstream list(schemes);
    for (std::string name; std::getline(list, name, ',');) options.candidates.emplace_back(name);
  }
  const detail::Mixtures all = detail::make_mixtures(fp32, samples, options);
  const CostTable costs = detail::measure_mixtures(all, samples, options);

  detail::Random random(2);
  std::vector<std::vector<int>> choices{all.uniform(all.rest(), all.rest())};
  std::vector<Model> models{all.make(choices[0])};
  for (int m = 0; m < mixtures; ++m) {
    std::vector<int> choice;
    for (const detail::SearchLayer& layer : all.layers())
      choice.push_back(
          static_cast<int>(random.integer(0, static_cast<std::int64_t>(layer.schemes.size()) - 1)));
    models.push_back(all.make(choice));
    choices.push_back(std::move(choice));
  }
  const std::vector<RunTimes> times = time_runs(models, samples, threads);
  for (const CostTable::Whole& whole : costs.wholes)
    fmt::print("{:10} {:8.1f} us, spread {:.1f}\n", format_scheme(whole.scheme), whole.ns * 1e-3,
               whole.ns_spread * 1e-3);
  const double base = add_up(costs, choices[0]).ns;
  const double drift = times[0].median / base, low_drift = times[0].low / base;
  fmt::print("{} now: {:.3f} of predicted, low {:.3f}\n\n", format_scheme(all.rest()), drift, low_drift);
  fmt::print("mixture  predicted us  median us  ratio    now   low us  ratio    now\n");
  int within = 0, within_now = 0, low_within = 0, low_now = 0;
  const auto is_near = [](double ratio) { return std::fabs(ratio - 1) <= 0.1; };
  for (std::size_t m = 1; m < models.size(); ++m) {
    const double predicted = add_up(costs, choices[m]).ns, ratio = times[m].median / predicted,
                 low = times[m].low / predicted;
    within += is_near(ratio), within_now += is_near(ratio / drift);
    low_within += is_near(low), low_now += is_near(low / low_drift);
    fmt::print("{:7}  {:12.1f}  {:9.1f}  {:5.3f}  {:5.3f}  {:7.1f}  {:5.3f}  {:5.3f}\n", m, predicted * 1e-3,
               times[m].median * 1e-3, ratio, ratio / drift, times[m].low * 1e-3, low, low / low_drift);
  }
  fmt::print("within 10 % of {}: median {}, now {}; low {}, now {}\n", mixtures, within, within_now,
             low_within, low_now);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2 || argc > 5) {
    fmt::print(stderr, "usage: predicted_times MODEL [MIXTURES [THREADS [SCHEMES]]]\n");
    return 2;
  }
  try {
    run_program(argv[1], argc > 2 ? std::max(1, std::atoi(argv[2])) : 30,
                argc > 3 ? std::max(1, std::atoi(argv[3])) : 1, argc > 4 ? argv[4] : "");
    return 0;
  } catch (const std::exception& e) {
    fmt::print(stderr, "predicted_times: {}\n", e.what());
    return 1;
  }
}
