// SPDX-License-Identifier: Apache-2.0
#include "lowbit/train/trainer.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <numeric>

#include "data_of_trainer.h"
#include "lowbit/model/calibrate.h"
#include "lowbit/model/quantize.h"
#include "lowbit/model/serialize.h"
#include "lowbit/train/losses.h"
#include "support/error_of.h"
#include "support/temporary_folder.h"
#include "train/oscillations.h"
#include "train/rate_search.h"
#include "train/training_samples.h"

namespace lowbit::testing {
namespace {

std::vector<std::byte> trained_bytes(const TrainerOptions& options, int threads = 1) {
  Tape tape(blob_network(), {.batch = 32, .threads = threads, .batch_norm = {"first"}});
  Trainer(tape, options).run(blobs(192, 1), blobs(64, 2));
  return save_to_bytes(tape.model());
}

TrainerOptions some_options() {
  TrainerOptions o;
  o.epochs = 3;
  o.batch = 32;
  o.optimizer = {.kind = OptimizerKind::adam, .weight_decay = 1e-4};
  o.schedule = {.peak = 0.01, .warm_up = 3};
  o.augmentation = {.pad = 1, .flip = true};
  return o;
}

TEST(Trainer, LearnsAndKeepsTheBestEpoch) {
  for (const OptimizerKind kind : {OptimizerKind::sgd, OptimizerKind::adam, OptimizerKind::adamw}) {
    Tape tape(blob_network(), {.batch = 32});
    TrainerOptions o = some_options();
    o.optimizer.kind = kind;
    o.epochs = 5;
    o.schedule.peak = kind == OptimizerKind::sgd ? 0.05 : 0.01;
    std::int64_t steps = 0;
    o.progress = [&](const TrainingProgress& p) {
      ++steps;
      EXPECT_EQ(p.steps, 6);
      EXPECT_EQ(p.accuracy.has_value(), p.step == p.steps);
    };
    const LabelledSamples held_out = blobs(64, 2);
    const double before = measure_accuracy(tape, held_out, 32);
    const TrainingResult r = Trainer(tape, o).run(blobs(192, 1), held_out);
    EXPECT_EQ(r.end, TrainingEnd::finished);
    EXPECT_EQ(steps, 30);
    EXPECT_LT(r.losses.back(), 0.5 * r.losses.front());
    EXPECT_GT(r.best_accuracy, std::max(before, 0.9));
    EXPECT_EQ(measure_accuracy(tape, held_out, 32), r.best_accuracy);
    EXPECT_EQ(*std::max_element(r.accuracies.begin(), r.accuracies.end()), r.best_accuracy);
  }
}

TEST(Trainer, SameBitsForAnyNumberOfThreadsAndAgain) {
  const std::vector<std::byte> expected = trained_bytes(some_options());
  EXPECT_TRUE(trained_bytes(some_options()) == expected);
  EXPECT_TRUE(trained_bytes(some_options(), 3) == expected);
  TrainerOptions other = some_options();
  other.seed = 2;
  EXPECT_FALSE(trained_bytes(other) == expected);
}

TEST(Trainer, GoesOnFromACheckpointToTheSameBits) {
  const TemporaryFolder folder;
  const std::vector<std::byte> expected = trained_bytes(some_options());
  TrainerOptions o = some_options();
  o.checkpoint = folder / "training.state";
  int steps = 0, calls = 0;
  o.stop = [&] { return ++steps % 4 == 0; };
  std::vector<std::byte> got;
  do {
    got = trained_bytes(o);
    ++calls;
  } while (steps < 15 && calls < 20);
  got = trained_bytes(o);
  EXPECT_GT(calls, 2);
  EXPECT_TRUE(got == expected);

  o.seed = 3;
  EXPECT_TRUE(says(error_of([&] { trained_bytes(o); }, ErrorCode::invalid_argument), {"another training"}));
  std::filesystem::resize_file(o.checkpoint, 200);
  EXPECT_TRUE(says(error_of([&] { trained_bytes(o); }, ErrorCode::corrupt_file), {"training.state"}));
}

TEST(Trainer, EndsWithWhatWasBestWhereItDiverges) {
  Tape tape(blob_network(), {.batch = 32});
  TrainerOptions o = some_options();
  o.optimizer = {.momentum = 0};
  o.schedule = {.kind = RateSchedule::Kind::constant, .peak = 1e30};
  const std::vector<std::byte> before = save_to_bytes(tape.model());
  EXPECT_EQ(Trainer(tape, o).run(blobs(192, 1), blobs(64, 2)).end, TrainingEnd::diverged);
  EXPECT_TRUE(save_to_bytes(tape.model()) == before);
}

TEST(Trainer, KeepsTheBestEpochWhereALaterOneDiverges) {
  LabelledSamples samples = blobs(192, 1), held_out = blobs(64, 2);
  TrainerOptions o = some_options();
  o.epochs = 2;
  Tape two(blob_network(), {.batch = 32});
  o.schedule.kind = RateSchedule::Kind::constant;
  Trainer(two, o).run(samples, held_out);

  Tape tape(blob_network(), {.batch = 32});
  std::int64_t reads = 0;
  samples.read = [&, read = samples.read](std::int64_t i, std::span<float> out) {
    read(i, out);
    if (++reads > 2 * 192 + 40) out[0] = std::nanf("");
  };
  o.epochs = 5;
  const TrainingResult r = Trainer(tape, o).run(samples, held_out);
  EXPECT_EQ(r.end, TrainingEnd::diverged);
  EXPECT_EQ(r.epochs, 2);
  EXPECT_TRUE(save_to_bytes(tape.model()) == save_to_bytes(two.model()));
}

TEST(Trainer, FindsARateThatLearns) {
  Tape tape(blob_network(), {.batch = 32});
  TrainerOptions o = some_options();
  const LabelledSamples samples = blobs(192, 1), held_out = blobs(64, 2);
  const std::vector<std::byte> before = save_to_bytes(tape.model());
  o.schedule.peak = Trainer(tape, o).find_rate(samples);
  EXPECT_TRUE(save_to_bytes(tape.model()) == before);
  EXPECT_GT(o.schedule.peak, 1e-4);
  EXPECT_LT(o.schedule.peak, 0.1);
  EXPECT_GT(Trainer(tape, o).run(samples, held_out).best_accuracy, 0.9);
}

TEST(RateSearch, TakesATenthOfTheRateOfTheLeastLoss) {
  const std::vector<double> rates{1e-3, 1e-2, 1e-1, 1, 10, 100};
  EXPECT_DOUBLE_EQ(train::choose_rate(rates, std::vector<double>{4, 3, 1, 90, 0, 0}), 1e-2);
  EXPECT_DOUBLE_EQ(train::choose_rate(rates, std::vector<double>{4, 3, 2, NAN, 0, 0}), 1e-2);
  EXPECT_DOUBLE_EQ(train::choose_rate(rates, std::vector<double>{4, 5, 5, 5, 5, 5}), 1e-4);
}

Model rounded_blobs(const Model& fp32, const Scheme& scheme) {
  Tensor batch;
  std::vector<std::int64_t> labels;
  train::read_batch(blobs(192, 1), train::shuffled(64, 1, 0), {}, -1, batch, labels);
  const std::vector<TensorView> batches{batch};
  return quantize(fp32, calibrate(fp32, batches), {.scheme = scheme});
}

TEST(Oscillations, AreDampenedByTheDistanceFromTheCode) {
  const Model fp32 = blob_network();
  Tape tape(fp32, rounded_blobs(fp32, "int3-a4"), {.batch = 32});
  Tensor batch;
  std::vector<std::int64_t> labels;
  train::read_batch(blobs(192, 1), train::shuffled(32, 1, 0), {}, -1, batch, labels);
  std::vector<float> plain;
  const Parameter *weight = nullptr, *steps = nullptr;
  for (const Parameter& p : tape.parameters()) {
    if (p.name == "first.weight") weight = &p;
    if (p.name == "first.log_step") steps = &p;
  }
  ASSERT_TRUE(weight && steps);
  for (const double dampening : {0.0, 0.25}) {
    tape.set_oscillation_control({.dampening = dampening});
    tape.forward(batch);
    softmax_cross_entropy(tape.output(), labels, tape.output_gradient());
    tape.backward();
    if (dampening == 0) plain.assign(weight->gradient.begin(), weight->gradient.end());
  }
  std::size_t beyond = 0;
  for (std::size_t i = 0; i < plain.size(); ++i) {
    const double step = std::exp(static_cast<double>(steps->value[i / 9])),
                 at = static_cast<double>(weight->value[i]) / step,
                 code = std::nearbyint(std::clamp(at, -4.0, 3.0));
    const bool is_beyond = std::fabs(at - code) > 0.5;
    beyond += is_beyond;
    EXPECT_NEAR(weight->gradient[i] - plain[i], is_beyond ? 0 : 2 * 0.25 * (at - code) * step, 1e-5);
  }
  EXPECT_LT(beyond, plain.size() / 2);
}

TEST(Oscillations, ThatGoOnFreezeTheirCodes) {
  const Scheme scheme("int3-wo");
  const Tensor weights(Shape{1, 4}, {0.3f, 0.1f, -0.2f, 1.0f});
  const auto quantizer = train::make_weight_quantizer({scheme, weights, {}}, "layer");
  train::Oscillations oscillations(4);
  std::vector<float> w = weights.data;
  const float step = quantizer->step_at(0);
  for (int i = 0; i < 40; ++i) {
    w[0] = (i % 4 == 3 ? 0.6f : 0.4f) * step;  // mostly 0, turns back in every other step
    w[1] = (i < 20 ? 0.4f : 0.6f) * step;      // moves once
    oscillations.observe(*quantizer, w, 0.1);
  }
  EXPECT_EQ(oscillations.frozen(), 1u);
  w = {2 * step, 2 * step, 2 * step, 2 * step};
  oscillations.hold(*quantizer, w);
  EXPECT_EQ(w, (std::vector<float>{0, 2 * step, 2 * step, 2 * step}));
}

TEST(Oscillations, FreezingGoesOnFromACheckpointToTheSameBits) {
  const TemporaryFolder folder;
  const Model fp32 = blob_network(), rounded = rounded_blobs(fp32, "int2-a4");
  TrainerOptions o = some_options();
  o.schedule.peak = 0.05;
  o.freeze_above = 0.005;
  const auto train = [&] {
    Tape tape(fp32, rounded, {.batch = 32, .track_oscillations = true});
    Trainer(tape, o).run(blobs(192, 1), blobs(64, 2));
    return save_to_bytes(tape.quantized_model());
  };
  const std::vector<std::byte> expected = train();
  o.checkpoint = folder / "training.state";
  int steps = 0;
  o.stop = [&] { return ++steps == 8; };
  train();
  EXPECT_TRUE(train() == expected);
  Tape without(fp32, rounded, {.batch = 32});
  EXPECT_TRUE(says(error_of([&] { Trainer(without, o); }, ErrorCode::invalid_argument), {"oscillations"}));
}

TEST(Trainer, EndsWithoutProgress) {
  Tape tape(blob_network(), {.batch = 32});
  TrainerOptions o = some_options();
  o.epochs = 20;
  o.schedule.peak = 0;
  o.patience = 2;
  const TrainingResult r = Trainer(tape, o).run(blobs(64, 1), blobs(64, 2));
  EXPECT_EQ(r.end, TrainingEnd::no_progress);
  EXPECT_EQ(r.epochs, 3);
  EXPECT_EQ(r.best_epoch, 1);
}

TEST(Trainer, CodesLearnFromATeacher) {
  Tape fp32_tape(blob_network(), {.batch = 32});
  TrainerOptions o = some_options();
  const LabelledSamples samples = blobs(192, 1), held_out = blobs(64, 2);
  o.epochs = 6;
  const double reference = Trainer(fp32_tape, o).run(samples, held_out).best_accuracy;
  const Model fp32 = fp32_tape.model();
  Tensor batch;
  std::vector<std::int64_t> labels;
  train::read_batch(samples, train::shuffled(64, 1, 0), {}, -1, batch, labels);
  const std::vector<TensorView> batches{batch};
  const Model rounded = quantize(fp32, calibrate(fp32, batches), {.scheme = "int2-a2"});
  Tape tape(fp32, rounded, {.batch = 32});
  o.teacher = &fp32;
  const TrainingResult r = Trainer(tape, o).run(samples, held_out);
  EXPECT_GE(r.best_accuracy, reference - 0.1);
  Tape plain(fp32, rounded, {.batch = 32});
  EXPECT_GT(r.best_accuracy, measure_accuracy(plain, held_out, 32));
}

TEST(Trainer, ReestimatesStatisticsOfSamplesAsTrainingSeesThem) {
  Tape tape(blob_network(), {.batch = 32, .batch_norm = {"first"}});
  TrainerOptions o = some_options();
  o.reestimation_batches = 2;
  o.augmentation = {.pad = 2, .flip = true};
  o.schedule.peak = 0;
  const LabelledSamples samples = blobs(192, 1);
  EXPECT_TRUE(Trainer(tape, o).run(samples, blobs(1, 2)).reestimated);
  std::vector<double> mean(tape.states()[0].value.size());
  const std::vector<std::int64_t> order = train::shuffled(192, o.seed, o.epochs);
  for (const std::size_t first : {0, 32}) {
    Tensor batch;
    std::vector<std::int64_t> labels;
    train::read_batch(samples, std::span(order).subspan(first, 32), o, o.epochs, batch, labels);
    Tape other(blob_network(), {.batch = 32, .batch_norm = {"first"}});
    other.adopt_statistics(batch);
    for (std::size_t c = 0; c < mean.size(); ++c) mean[c] += other.states()[0].value[c] / 2;
  }
  for (std::size_t c = 0; c < mean.size(); ++c) EXPECT_NEAR(tape.states()[0].value[c], mean[c], 1e-9);
}

TEST(Trainer, KeepsTheStatisticsWhereOthersLoseHeldOutSamples) {
  // Held-out samples are as they are; those of training come moved so far that hardly anything is left of
  // them.
  TrainerOptions o = some_options();
  o.epochs = 1;
  o.schedule.peak = 0;
  o.augmentation = {.pad = 40};
  const LabelledSamples samples = blobs(192, 1), held_out = blobs(64, 2);
  bool lost = false, kept = false;
  for (std::uint64_t seed = 1; seed <= 8; ++seed) {
    o.seed = seed;
    double accuracy[2];
    for (const bool reestimates : {false, true}) {
      Tape tape(blob_network(), {.batch = 32, .batch_norm = {"first"}});
      o.reestimation_batches = reestimates ? 1 : 0;
      const TrainingResult r = Trainer(tape, o).run(samples, held_out);
      accuracy[reestimates] = r.best_accuracy;
      EXPECT_EQ(measure_accuracy(tape, held_out, 32), r.best_accuracy);
      if (reestimates) (r.reestimated ? kept : lost) = true;
    }
    EXPECT_GE(accuracy[1], accuracy[0]);
  }
  EXPECT_TRUE(lost);
  EXPECT_TRUE(kept);
}

TEST(TrainingSamples, AreShuffledMovedAndTurned) {
  const std::vector<std::int64_t> a = train::shuffled(100, 1, 0), b = train::shuffled(100, 1, 1);
  EXPECT_EQ(a, train::shuffled(100, 1, 0));
  EXPECT_NE(a, b);
  std::vector<std::int64_t> sorted = b;
  std::sort(sorted.begin(), sorted.end());
  for (std::int64_t i = 0; i < 100; ++i) EXPECT_EQ(sorted[static_cast<std::size_t>(i)], i);

  const Shape shape{1, 3, 4};
  std::vector<float> image(12), room;
  std::iota(image.begin(), image.end(), 1.0f);
  bool moved = false, turned = false;
  for (std::uint64_t r = 0; r < 40; ++r) {
    std::vector<float> copy = image;
    train::augment({.pad = 0, .flip = true}, shape, r, copy, room);
    if (copy != image) {
      turned = true;
      EXPECT_EQ(copy[0], 4.0f);
      EXPECT_EQ(copy[11], 9.0f);
    }
    copy = image;
    train::augment({.pad = 1, .flip = false}, shape, r, copy, room);
    // A pixel that is still there stands as far away from its place as all others.
    for (std::size_t i = 0; i < 12; ++i) EXPECT_TRUE(copy[i] == 0 || std::fabs(copy[i] - image[i]) <= 5);
    moved = moved || copy != image;
  }
  EXPECT_TRUE(moved && turned);
}

TEST(RateSchedules, AreWhatTheySay) {
  const RateSchedule cosine{.peak = 2, .warm_up = 4, .total = 12};
  EXPECT_DOUBLE_EQ(cosine.rate(0), 0.5);
  EXPECT_DOUBLE_EQ(cosine.rate(3), 2);
  EXPECT_DOUBLE_EQ(cosine.rate(4), 2);
  EXPECT_NEAR(cosine.rate(8), 1, 1e-12);
  EXPECT_EQ(cosine.rate(12), 0);
  const RateSchedule steps{.kind = RateSchedule::Kind::steps, .peak = 1, .total = 8};
  EXPECT_EQ(steps.rate(3), 1);
  EXPECT_EQ(steps.rate(4), 0.1);
  EXPECT_EQ(steps.rate(6), 0.01);
}

/// Against the formulas, for a parameter of one number and gradients 1, 2, 3.
TEST(Optimizers, StepsAreTheirFormulas) {
  for (const OptimizerKind kind : {OptimizerKind::sgd, OptimizerKind::adam, OptimizerKind::adamw}) {
    float value = 1, gradient = 0;
    const std::vector<Parameter> parameters{
        {"w", Shape{1}, ParameterKind::weight, {&value, 1}, {&gradient, 1}}};
    Optimizer optimizer(parameters, {.kind = kind, .weight_decay = 0.01});
    double w = 1, m = 0, v = 0;
    for (int t = 1; t <= 3; ++t) {
      gradient = static_cast<float>(t);
      optimizer.step(0.1);
      double g = t;
      if (kind != OptimizerKind::adamw) g += 0.01 * w;
      if (kind == OptimizerKind::sgd) {
        m = 0.9 * m + g;
        w -= 0.1 * m;
        continue;
      }
      if (kind == OptimizerKind::adamw) w -= 0.1 * 0.01 * w;
      m = 0.9 * m + 0.1 * g, v = 0.999 * v + 0.001 * g * g;
      w -= 0.1 * (m / (1 - std::pow(0.9, t))) / (std::sqrt(v / (1 - std::pow(0.999, t))) + 1e-8);
    }
    EXPECT_NEAR(static_cast<double>(value), w, 1e-6);
  }
}

TEST(Trainer, Refusals) {
  Tape tape(blob_network(), {.batch = 32});
  const auto refused = [&](const TrainerOptions& o) {
    return error_of([&] { Trainer(tape, o); }, ErrorCode::invalid_argument);
  };
  EXPECT_TRUE(says(refused({.epochs = 0}), {"epochs"}));
  EXPECT_TRUE(says(refused({.batch = 0}), {"batch"}));
  LabelledSamples samples = blobs(64, 1);
  samples.labels[5] = 9;
  EXPECT_TRUE(says(
      error_of([&] { Trainer(tape, {.batch = 32}).run(samples, blobs(8, 2)); }, ErrorCode::invalid_argument),
      {"the label of number 5 of the samples is 9, there are classes 0 to 2"}));
  EXPECT_TRUE(
      says(error_of([&] { Trainer(tape, {.batch = 32}).run(blobs(64, 1), {}); }, ErrorCode::invalid_argument),
           {"there are no held-out samples"}));
  TrainerOptions o;
  o.optimizer.momentum = 1;
  EXPECT_TRUE(
      says(error_of([&] { Trainer(tape, o).run(blobs(64, 1), blobs(8, 2)); }, ErrorCode::invalid_argument),
           {"momentum cannot be 1"}));
}

}  // namespace
}  // namespace lowbit::testing
