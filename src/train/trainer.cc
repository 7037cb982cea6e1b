// SPDX-License-Identifier: Apache-2.0
#include "lowbit/train/trainer.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <numeric>
#include <utility>

#include "core/elementary_trigonometry.h"
#include "core/random.h"
#include "lowbit/core/error.h"
#include "train/answers.h"
#include "train/rate_search.h"
#include "train/training_checkpoint.h"
#include "train/training_loss.h"
#include "train/training_samples.h"
#include "train/weight_masks.h"

namespace lowbit {
namespace {

void check(bool is_valid, const std::string& sentence) {
  if (!is_valid) throw Error(ErrorCode::invalid_argument, "training: " + sentence);
}

std::vector<std::int64_t> numbers_from(std::int64_t first, std::int64_t count) {
  std::vector<std::int64_t> numbers(static_cast<std::size_t>(count));
  std::iota(numbers.begin(), numbers.end(), first);
  return numbers;
}

void check_labels(const LabelledSamples& samples, std::int64_t classes, const char* which) {
  check(samples.count() > 0 && samples.read != nullptr, fmt::format("there are no {}", which));
  for (std::size_t i = 0; i < samples.labels.size(); ++i)
    check(samples.labels[i] >= 0 && samples.labels[i] < classes,
          fmt::format("the label of number {} of the {} is {}, there are classes 0 to {}", i, which,
                      samples.labels[i], classes - 1));
}

/// Of what decides how a training goes.
std::uint64_t training_hash(const Tape& tape, const TrainerOptions& o, const LabelledSamples& samples) {
  std::uint64_t hash = 0xCBF29CE484222325u;
  const auto add = [&](const auto& value) { hash = detail::fnv1a(&value, sizeof(value), hash); };
  for (const Parameter& p : tape.parameters()) {
    hash = detail::fnv1a(p.name.data(), p.name.size(), hash);
    add(p.value.size());
  }
  for (const double v : {o.optimizer.momentum, o.optimizer.beta1, o.optimizer.beta2, o.optimizer.epsilon,
                         o.optimizer.weight_decay, o.optimizer.step_rate, o.schedule.peak, o.label_smoothing,
                         o.teacher_part, o.temperature, o.dampening, o.freeze_above})
    add(v);
  const FakeQuantization& f = tape.options().fake_quantization;
  add(f.activations), add(f.weights), add(f.rounding), add(f.signs), add(f.ewgs_scaling), add(f.range_part);
  for (const std::int64_t v : {o.epochs, o.batch, o.schedule.warm_up, o.augmentation.pad,
                               o.reestimation_batches, o.patience, samples.count()})
    add(v);
  add(o.seed), add(o.optimizer.kind), add(o.schedule.kind), add(o.augmentation.flip);
  add(o.teacher != nullptr);
  add(o.pruning.sparsity), add(o.pruning.until), add(o.pruning.keep_zeros);
  for (const auto& [pattern, share] : o.pruning.overrides) {
    hash = detail::fnv1a(pattern.data(), pattern.size(), hash);
    add(share);
  }
  return hash;
}

/// One training, from its first step or a checkpoint on.
class Run {
 public:
  Run(Tape& tape, const TrainerOptions& options, const LabelledSamples& samples,
      const LabelledSamples& held_out)
      : tape_(tape),
        options_(options),
        samples_(samples),
        held_out_(held_out),
        optimizer_(tape.parameters(), options.optimizer),
        schedule_(options.schedule),
        batch_size_(std::min(options.batch, samples.count())),
        loss_(options, batch_size_) {
    steps_ = samples.count() / batch_size_;
    schedule_.total = steps_ * options.epochs;
    masks_.emplace(tape.parameters(), options.pruning, schedule_.total);
    if (schedule_.warm_up < 0) schedule_.warm_up = steps_;
  }

  TrainingResult go() {
    at_.training = training_hash(tape_, options_, samples_);
    at_.now = at_.best = train::Snapshot::of(tape_);
    at_.result.best_accuracy = -1;
    resume();
    while (at_.epoch < options_.epochs && at_.result.end == TrainingEnd::finished) {
      if (!run_epoch()) break;
      ++at_.epoch;
      at_.step = 0, at_.loss_sum = 0;
      save();
    }
    return finish();
  }

 private:
  void resume() {
    if (options_.checkpoint.empty() || !std::filesystem::exists(options_.checkpoint)) return;
    at_ = train::load_checkpoint(options_.checkpoint, at_);
    at_.now.put_back(tape_);
    optimizer_.restore(std::move(at_.optimizer));
    if (at_.result.end == TrainingEnd::stopped) at_.result.end = TrainingEnd::finished;
  }

  void save() {
    if (options_.checkpoint.empty()) return;
    at_.now = train::Snapshot::of(tape_);
    at_.optimizer = optimizer_.memory();
    train::save_checkpoint(at_, options_.checkpoint);
  }

  /// False where training ends within the epoch.
  bool run_epoch() {
    const std::vector<std::int64_t> order = train::shuffled(samples_.count(), options_.seed, at_.epoch);
    while (at_.step < steps_) {
      train::read_batch(samples_, train::samples_of_step(order, at_.step, batch_size_), options_, at_.epoch,
                        batch_, labels_);
      const double rate = schedule_.rate(at_.epoch * steps_ + at_.step);
      tape_.set_oscillation_control(oscillation_control());
      masks_->prune(at_.epoch * steps_ + at_.step);
      tape_.forward(batch_);
      const double loss = loss_.find(tape_, batch_, labels_);
      if (!std::isfinite(loss)) {
        at_.result.end = TrainingEnd::diverged;
        return false;
      }
      tape_.backward();
      masks_->before_step();
      optimizer_.step(rate);
      masks_->after_step();
      at_.loss_sum += loss;
      ++at_.step;
      if (at_.step == steps_) end_epoch();
      report(rate);
      if (at_.step < steps_ && options_.stop && options_.stop()) {
        at_.result.end = TrainingEnd::stopped;
        save();
        return false;
      }
    }
    return true;
  }

  /// Dampening grows along a cosine, the threshold of freezing falls along one from four times what it ends
  /// at.
  OscillationControl oscillation_control() const {
    const double part = static_cast<double>(at_.epoch * steps_ + at_.step) /
                        static_cast<double>(schedule_.total),
                 left = 0.5 * (1 + elementary::cos(3.141592653589793 * part));
    return {options_.dampening * (1 - left), options_.freeze_above * (1 + 3 * left)};
  }

  void end_epoch() {
    const double accuracy = measure_accuracy(tape_, held_out_, batch_size_);
    TrainingResult& r = at_.result;
    r.epochs = at_.epoch + 1;
    r.losses.push_back(at_.loss_sum / static_cast<double>(steps_));
    r.accuracies.push_back(accuracy);
    if (!masks_->is_complete(r.epochs * steps_)) return;
    if (accuracy > r.best_accuracy) {
      r.best_accuracy = accuracy;
      r.best_epoch = r.epochs;
      at_.best = train::Snapshot::of(tape_);
    } else if (options_.patience > 0 && r.epochs - r.best_epoch >= options_.patience) {
      r.end = TrainingEnd::no_progress;
    }
  }

  void report(double rate) const {
    if (!options_.progress) return;
    TrainingProgress p{at_.epoch + 1,
                       options_.epochs,
                       at_.step,
                       steps_,
                       at_.loss_sum / static_cast<double>(at_.step),
                       rate,
                       {}};
    if (at_.step == steps_) p.accuracy = at_.result.accuracies.back();
    options_.progress(p);
  }

  TrainingResult finish() {
    at_.best.put_back(tape_);
    if (at_.result.end == TrainingEnd::stopped || at_.result.best_epoch == 0 ||
        options_.reestimation_batches == 0 || tape_.states().empty())
      return at_.result;
    tape_.set_oscillation_control({});
    // Of samples as training saw them: a moved image has an edge of zeros, so that statistics of whole images
    // are others, and every layer would shrink what it was trained to give.
    const std::vector<std::int64_t> order = train::shuffled(samples_.count(), options_.seed, options_.epochs);
    const std::int64_t batches = std::min(options_.reestimation_batches, steps_);
    for (std::int64_t i = 0; i < batches; ++i) {
      train::read_batch(samples_, train::samples_of_step(order, i, batch_size_), options_, options_.epochs,
                        batch_, labels_);
      tape_.set_batch_norm_momentum(1.0 / static_cast<double>(i + 1));
      tape_.forward(batch_);
    }
    const double accuracy = measure_accuracy(tape_, held_out_, batch_size_);
    if (accuracy < at_.result.best_accuracy) {
      at_.best.put_back(tape_);
    } else {
      at_.result.best_accuracy = accuracy;
      at_.result.reestimated = true;
    }
    return at_.result;
  }

  Tape& tape_;
  const TrainerOptions& options_;
  const LabelledSamples &samples_, &held_out_;
  Optimizer optimizer_;
  std::optional<train::WeightMasks> masks_;
  RateSchedule schedule_;
  std::int64_t batch_size_, steps_ = 0;  ///< steps of an epoch
  train::TrainingLoss loss_;
  train::Checkpoint at_;
  Tensor batch_;
  std::vector<std::int64_t> labels_;
};

}  // namespace

Trainer::Trainer(Tape& tape, const TrainerOptions& options) : tape_(tape), options_(options) {
  check(options.epochs >= 1, fmt::format("there have to be epochs, not {}", options.epochs));
  check(options.batch >= 1, fmt::format("a batch has at least 1 sample, not {}", options.batch));
  check(options.augmentation.pad >= 0 && options.augmentation.pad <= 4096,
        fmt::format("images cannot be moved by {} pixels", options.augmentation.pad));
  check(std::isfinite(options.schedule.peak) && options.schedule.peak >= 0,
        fmt::format("the rate cannot be {}", options.schedule.peak));
  check(options.teacher_part >= 0 && options.teacher_part <= 1,
        fmt::format("the teacher's part of the loss has to be in [0, 1], it is {}", options.teacher_part));
  check(options.reestimation_batches >= 0 && options.patience >= 0,
        "numbers of batches and of epochs cannot be negative");
  check(options.dampening >= 0 && options.freeze_above >= 0, "numbers of oscillations cannot be negative");
  check(options.freeze_above == 0 || tape.options().track_oscillations,
        "the tape was made without tracking oscillations, so that nothing can be frozen");
  check(!options.teacher || !options.teacher->is_quantized(), "the teacher has to be an fp32 model");
}

std::int64_t Trainer::find_classes(const LabelledSamples& samples) {
  check(samples.count() > 0 && samples.read != nullptr, "there are no samples");
  Tensor one;
  std::vector<std::int64_t> label;
  train::read_batch(samples, numbers_from(0, 1), options_, -1, one, label);
  tape_.infer(one);  // says what the output is
  const Shape& output = tape_.output().shape;
  return output.rank() < 2 ? 0 : output[1];
}

double Trainer::find_rate(const LabelledSamples& samples) {
  check_labels(samples, find_classes(samples), "samples");
  return train::search_rate(tape_, options_, samples);
}

TrainingResult Trainer::run(const LabelledSamples& samples, const LabelledSamples& held_out) {
  const std::int64_t classes = find_classes(samples);
  check_labels(samples, classes, "samples");
  check_labels(held_out, classes, "held-out samples");
  return Run(tape_, options_, samples, held_out).go();
}

double measure_accuracy(Tape& tape, const LabelledSamples& samples, std::int64_t batch) {
  Tensor images;
  std::vector<std::int64_t> labels;
  std::int64_t right = 0;
  for (std::int64_t first = 0; first < samples.count(); first += batch) {
    const std::int64_t count = std::min(batch, samples.count() - first);
    train::read_batch(samples, numbers_from(first, count), {}, -1, images, labels);
    tape.infer(images);
    const TensorView y = tape.output();
    for (std::int64_t i = 0; i < count; ++i)
      right += train::answer_of(y, i) == labels[static_cast<std::size_t>(i)];
  }
  return samples.count() == 0 ? 0 : static_cast<double>(right) / static_cast<double>(samples.count());
}

}  // namespace lowbit
