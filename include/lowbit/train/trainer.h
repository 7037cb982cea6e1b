// SPDX-License-Identifier: Apache-2.0
// Trainer: epochs over labelled samples on a tape. What it does follows from its options and the samples
// alone: the order of samples and what is done to images from the seed and the epoch, sums from the tape. A
// training that was stopped and goes on from its checkpoint ends with the same bits.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "lowbit/core/shape.h"
#include "lowbit/model/model.h"
#include "lowbit/train/optimizer.h"
#include "lowbit/train/pruning_schedule.h"
#include "lowbit/train/tape.h"

namespace lowbit {

/// Samples that are read one by one, when they are needed.
struct LabelledSamples {
  Shape shape{};                       ///< of one
  std::vector<std::int64_t> labels{};  ///< of each; classes count from 0
  /// Writes sample `i` in row-major order. Called on one thread.
  std::function<void(std::int64_t i, std::span<float> out)> read{};

  std::int64_t count() const { return static_cast<std::int64_t>(labels.size()); }
};

/// For samples C x H x W.
struct ImageAugmentation {
  std::int64_t pad =
      0;              ///< a window of the image's size, somewhere in the image with so many zeros around it
  bool flip = false;  ///< left to right, every other time
};

struct TrainingProgress {
  std::int64_t epoch = 0, epochs = 0;  ///< the one that runs, from 1
  std::int64_t step = 0, steps = 0;    ///< in it, done so far
  double loss = 0;                     ///< mean over the epoch's batches so far
  double rate = 0;
  std::optional<double> accuracy{};  ///< of the samples that were held out, after the last step of an epoch
};

struct TrainerOptions {
  std::int64_t epochs = 1;
  std::int64_t batch = 128;  ///< at most that of the tape; what is left of an epoch is left out
  std::uint64_t seed = 1;
  OptimizerOptions optimizer{};
  /// Its `total` and, below 0, `warm_up` are set: all steps, and those of the first epoch.
  RateSchedule schedule{};
  ImageAugmentation augmentation{};
  double label_smoothing = 0;
  /// The part of the loss that is the distance from the outputs of this fp32 model, at this temperature; the
  /// rest is from the labels.
  const Model* teacher = nullptr;
  double teacher_part = 0.9, temperature = 4;
  /// What is done about weights that go to and fro between codes, in the last step: dampening grows to it
  /// along a cosine, and the part of turns above which codes stay falls to it from four times as much.
  /// Freezing needs TapeOptions::track_oscillations. OscillationControl says what they are; 0: nothing.
  double dampening = 0, freeze_above = 0;
  /// Epochs count as the best only once all weights that shall become zero are.
  PruningSchedule pruning{};
  /// After training, batches whose mean statistics become those of batch normalization unless held-out
  /// samples lose by it; 0: they stay.
  std::int64_t reestimation_batches = 0;
  /// Where the state goes after every epoch and where stop() said so; read first if it is there. Empty:
  /// nowhere.
  std::string checkpoint{};
  std::function<void(const TrainingProgress&)> progress{};  ///< after each step
  std::function<bool()> stop{};                             ///< asked after each step
  std::int64_t patience = 0;  ///< epochs without a better accuracy after which training ends; 0: all run
};

enum class TrainingEnd : std::uint8_t { finished, stopped, no_progress, diverged };

struct TrainingResult {
  TrainingEnd end = TrainingEnd::finished;
  std::int64_t epochs = 0;      ///< that were completed, those before a checkpoint included
  std::int64_t best_epoch = 0;  ///< whose parameters the tape has; 0: as it was before
  double best_accuracy = 0;     ///< part of the held-out samples whose largest output is their label
  bool reestimated = false;     ///< whether TrainerOptions::reestimation_batches made the statistics
  std::vector<double> losses{}, accuracies{};  ///< per epoch
};

class Trainer {
 public:
  /// The tape lives as long. Throws Error(invalid_argument) for options that cannot be, or labels that are no
  /// class of the first output; Error(shape_mismatch) for samples that do not fit the tape's only input.
  Trainer(Tape& tape, const TrainerOptions& options);

  /// Leaves the parameters of the epoch with the best accuracy on `held_out` in the tape. Where a loss is no
  /// number training ends, and these are kept as well. Throws besides Error(corrupt_file) for a damaged
  /// checkpoint, Error(invalid_argument) for one of another training, Error(io) where it cannot be written.
  TrainingResult run(const LabelledSamples& samples, const LabelledSamples& held_out);
  /// A rate for these samples, by 60 steps at rates from 1e-5 to 1, after which the tape is as before: a
  /// tenth of the one at which the loss was least. What the schedule's peak is does not matter.
  double find_rate(const LabelledSamples& samples);

 private:
  std::int64_t find_classes(const LabelledSamples& samples);
  Tape& tape_;
  TrainerOptions options_;
};

/// Part of the samples whose largest output is their label.
double measure_accuracy(Tape& tape, const LabelledSamples& samples, std::int64_t batch = 128);

}  // namespace lowbit
