// SPDX-License-Identifier: Apache-2.0
// predicted_times: how well a table of costs predicts the time of whole networks. Measures a CostTable of a
// network with random samples, makes random mixtures of its schemes, runs them, and prints predicted and
// measured times.
//   predicted_times MODEL [MIXTURES [THREADS [SCHEMES]]]        defaults: 30 1 and those of a search
// "now" compares with the times of the rest scheme's whole network in the same runs: what the machine became
// slower or faster since the table was measured is taken out of it.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <exception>
#include <sstream>
#include <string>
#include <vector>

#include "core/random.h"
#include "io/load_any_model.h"
#include "lowbit/model/profile.h"
#include "search/cost_study.h"

namespace {

using namespace lowbit;

/// Of slow networks fewer rounds.
constexpr int kLeastRounds = 5, kMostRounds = 30;
constexpr double kMostSeconds = 40;

SampleSet random_samples(const Model& model, std::int64_t count) {
  SampleSet samples(model);
  detail::Random random(1);
  Tensor batch(Shape{count, model.input_shape().elements()});
  for (float& x : batch.data) x = random.gaussian();
  for (std::int64_t i = 0; i < count; ++i) samples.append(TensorView(batch), i);
  return samples;
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
  const auto start = std::chrono::steady_clock::now();
  int rounds = 0;
  const auto enough = [&] {
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    return ++rounds >= kLeastRounds && seconds > kMostSeconds;
  };
  const std::vector<ModelProfile> profiles =
      profile(models, samples.views(0, 1), {.threads = threads, .rounds = kMostRounds, .stops = enough});
  for (const CostTable::Whole& whole : costs.wholes)
    fmt::print("{:10} {:8.1f} us, spread {:.1f}\n", format_scheme(whole.scheme), whole.ns * 1e-3,
               whole.ns_spread * 1e-3);
  const double drift = profiles[0].whole.ns / add_up(costs, choices[0]).ns;
  fmt::print("{} now: {:.3f} of predicted\n\nmixture  predicted us  measured us  ratio    now\n",
             format_scheme(all.rest()), drift);
  int within = 0, within_now = 0;
  for (std::size_t m = 1; m < models.size(); ++m) {
    const double predicted = add_up(costs, choices[m]).ns, ratio = profiles[m].whole.ns / predicted;
    within += std::fabs(ratio - 1) <= 0.1;
    within_now += std::fabs(ratio / drift - 1) <= 0.1;
    fmt::print("{:7}  {:12.1f}  {:11.1f}  {:5.3f}  {:5.3f}\n", m, predicted * 1e-3,
               profiles[m].whole.ns * 1e-3, ratio, ratio / drift);
  }
  fmt::print("within 10 %: {} of {}; now: {}\n", within, mixtures, within_now);
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
