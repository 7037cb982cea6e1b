// SPDX-License-Identifier: Apache-2.0
#include "train/rate_search.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "core/elementary.h"
#include "train/training_checkpoint.h"
#include "train/training_loss.h"
#include "train/training_samples.h"

namespace lowbit::train {
namespace {

constexpr int kRates = 60;
constexpr double kFirst = 1e-5;

}  // namespace

double choose_rate(std::span<const double> rates, std::span<const double> losses) {
  double sum = 0, weight = 0, least = 0, best = kFirst;
  for (std::size_t i = 0; i < losses.size(); ++i) {
    if (!std::isfinite(losses[i])) break;
    sum = 0.8 * sum + losses[i], weight = 0.8 * weight + 1;
    const double loss = sum / weight;
    if (i > 0 && loss > 3 * least) break;
    if (i > 0 && loss >= least) continue;
    least = loss;
    best = rates[i];
  }
  return best / 10;
}

double search_rate(Tape& tape, const TrainerOptions& options, const LabelledSamples& samples) {
  const Snapshot before = Snapshot::of(tape);
  const std::int64_t size = std::min(options.batch, samples.count()), steps = samples.count() / size;
  Optimizer optimizer(tape.parameters(), options.optimizer);
  TrainingLoss loss(options, size);
  const std::vector<std::int64_t> order = shuffled(samples.count(), options.seed, 0);
  std::vector<double> rates, losses;
  Tensor batch;
  std::vector<std::int64_t> labels;
  const double factor = elementary::exp(-elementary::log(kFirst) / (kRates - 1));
  double rate = kFirst;
  for (int i = 0; i < kRates; ++i, rate *= factor) {
    read_batch(samples, samples_of_step(order, i % steps, size), options, i / steps, batch, labels);
    tape.forward(batch);
    rates.push_back(rate);
    losses.push_back(loss.find(tape, batch, labels));
    if (!std::isfinite(losses.back())) break;
    tape.backward();
    optimizer.step(rate);
  }
  before.put_back(tape);
  return choose_rate(rates, losses);
}

}  // namespace lowbit::train
