// SPDX-License-Identifier: Apache-2.0
#include "eval/search_training.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <optional>
#include <string>

#include "lowbit/core/error.h"
#include "lowbit/model/quantize.h"
#include "lowbit/train/losses.h"
#include "lowbit/train/trainer.h"
#include "report/progress.h"

namespace lowbit::eval {
namespace {

using TrainingClock = std::chrono::steady_clock;

constexpr std::int64_t kBatch = 64, kMostEpochs = 30, kMostValidation = 2000;
constexpr int kTimedSteps = 3;
/// Of the time, for the steps: epochs are validated, and the machine is not always as fast.
constexpr double kStepsPart = 0.75;
constexpr double kPeakRate = 1e-3;

double seconds_since(TrainingClock::time_point start) {
  return std::chrono::duration<double>(TrainingClock::now() - start).count();
}

/// Samples as training takes them, `first` to `last` of those that a part has.
LabelledSamples labelled_part(const TrainingPart& part, std::int64_t first, std::int64_t last) {
  const auto index = [calibration = part.calibration, rest = part.rest](std::int64_t i) {
    return i < calibration ? i : rest + i - calibration;
  };
  LabelledSamples samples;
  samples.shape = part.samples.inputs()[0].type.shape;
  for (std::int64_t i = first; i < last; ++i)
    samples.labels.push_back(part.samples.label(index(i)).value_or(0));
  samples.read = [&part, index, first](std::int64_t i, std::span<float> out) {
    const data::SampleArrays arrays = part.samples.read(index(first + i), 1);
    std::memcpy(out.data(), data::views(arrays)[0].floats, out.size_bytes());
  };
  return samples;
}

/// Of one step, forward and backward; parameters stay.
double seconds_of_step(Tape& tape, const LabelledSamples& samples) {
  const std::int64_t elements = samples.shape.elements();
  Tensor batch(Shape{kBatch, elements});
  std::vector<std::int64_t> labels;
  for (std::int64_t i = 0; i < kBatch; ++i) {
    samples.read(i, {batch.data.data() + i * elements, static_cast<std::size_t>(elements)});
    labels.push_back(samples.labels[static_cast<std::size_t>(i)]);
  }
  double least = 0;
  for (int i = 0; i < kTimedSteps; ++i) {
    const auto start = TrainingClock::now();
    tape.forward(TensorView(batch));
    softmax_cross_entropy(tape.output(), labels, tape.output_gradient());
    tape.backward();
    const double seconds = seconds_since(start);
    least = i == 0 ? seconds : std::min(least, seconds);
  }
  return least;
}

class MixtureTraining {
 public:
  MixtureTraining(const Model& fp32, const CalibrationTable& table, const TrainingPart& part, int threads,
                  std::function<bool()> stops)
      : fp32_(fp32), table_(table), part_(part), threads_(threads), stops_(std::move(stops)) {}

  RefinedModel operator()(const FrontPoint& given, double seconds) const {
    try {
      return train(given, seconds);
    } catch (const Error& e) {
      if (e.code() != ErrorCode::unsupported) throw;
      return {{}, fmt::format("not trained: {}", e.what())};
    }
  }

 private:
  RefinedModel train(const FrontPoint& given, double seconds) const {
    const auto start = TrainingClock::now();
    const std::int64_t all = part_.calibration + part_.samples.count() - part_.rest;
    const std::int64_t held_out = std::min(all / 10, kMostValidation);
    std::int64_t count = all - held_out;
    if (held_out < 1 || count < kBatch)
      return {{}, fmt::format("not trained: {} samples are too few, the search decides by the others", all)};
    const Model rounded = quantize(fp32_, table_, {.scheme = "int8", .overrides = given.overrides()});
    Tape tape(fp32_, rounded, {.batch = kBatch, .threads = threads_});
    const LabelledSamples validation = labelled_part(part_, count, all);
    const double step = seconds_of_step(tape, labelled_part(part_, 0, kBatch));
    // The teacher runs forward, too.
    const double steps = kStepsPart * (seconds - seconds_since(start)) / (step * 4 / 3);
    const auto epochs = static_cast<std::int64_t>(steps / static_cast<double>(count / kBatch));
    if (epochs < 1) count = static_cast<std::int64_t>(steps) * kBatch;
    if (count < kBatch)
      return {{}, fmt::format("not trained: a step takes {:.2g} s, and {:.2g} s were left", step, seconds)};
    TrainerOptions how{.epochs = std::clamp<std::int64_t>(epochs, 1, kMostEpochs), .batch = kBatch};
    how.optimizer.kind = OptimizerKind::adam;
    how.schedule = {.kind = RateSchedule::Kind::cosine, .peak = kPeakRate, .warm_up = 0};
    how.teacher = &fp32_;
    std::optional<report::Progress> bar;
    how.progress = [&](const TrainingProgress& p) {
      if (!bar) bar.emplace("training", static_cast<int>(p.epochs * p.steps));
      bar->update(static_cast<int>((p.epoch - 1) * p.steps + p.step));
    };
    how.stop = [&] { return seconds_since(start) > seconds || (stops_ && stops_()); };
    const TrainingResult result = Trainer(tape, how).run(labelled_part(part_, 0, count), validation);
    if (result.best_epoch == 0)
      return {{},
              fmt::format("{} epochs of {} samples, none of them better than none", result.epochs, count)};
    return {tape.quantized_model(), fmt::format("{} epochs of {} samples, the best one after {}",
                                                result.epochs, count, result.best_epoch)};
  }

  const Model& fp32_;
  const CalibrationTable& table_;
  TrainingPart part_;
  int threads_;
  std::function<bool()> stops_;
};

}  // namespace

bool can_be_trained(const Scheme& scheme) {
  if (scheme.is_fp32()) return true;
  return scheme.granularity.kind != Granularity::Kind::group && !scheme.dynamic &&
         scheme.mapping == Mapping::symmetric;
}

std::function<RefinedModel(const FrontPoint& given, double seconds)> training_of(
    const Model& fp32, const CalibrationTable& table, const TrainingPart& part, int threads,
    const std::function<bool()>& stops) {
  return MixtureTraining(fp32, table, part, threads, stops);
}

}  // namespace lowbit::eval
