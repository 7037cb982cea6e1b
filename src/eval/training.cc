// SPDX-License-Identifier: Apache-2.0
#include "eval/training.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <optional>

#include "data/samples.h"
#include "eval/labelled_samples.h"
#include "lowbit/core/error.h"
#include "report/terminal.h"

namespace lowbit::eval {
namespace {

/// A line that is written over, on a terminal; else a line for each epoch.
class ProgressLine {
 public:
  void operator()(const TrainingProgress& p) {
    const bool ends = p.step == p.steps;
    if (!ends && !report::stderr_is_terminal()) return;
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
    const double left = seconds /
                        static_cast<double>(ends ? p.epoch * p.steps : (p.epoch - 1) * p.steps + p.step) *
                        static_cast<double>((p.epochs - p.epoch) * p.steps + p.steps - p.step);
    fmt::print(stderr, "{}epoch {}/{}, step {}/{}: loss {:.4f}, rate {:.2g}{}, {:.0f} s, {:.0f} s left{}",
               report::stderr_is_terminal() ? "\r" : "", p.epoch, p.epochs, p.step, p.steps, p.loss, p.rate,
               p.accuracy ? fmt::format(", {:.2f} % right", 100 * *p.accuracy) : "", seconds, left,
               ends ? "\n" : "   ");
  }

 private:
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

}  // namespace

TrainedModel train_model(const Model& fp32, const TrainingOptions& options) {
  if (fp32.input_count() != 1 ||
      fp32.graph().values[static_cast<std::size_t>(fp32.graph().inputs[0])].element != ElementType::f32)
    throw Error(ErrorCode::unsupported,
                "training from the command line needs a network with one input, of floats");
  const data::Samples samples(options.data, data::Split::calibration, data::inputs_of(fp32), options.images,
                              options.data.seed);
  const std::int64_t tenth = std::min<std::int64_t>(samples.count() / 10, 5000);
  const std::int64_t held_out = options.validation > 0 ? options.validation : tenth;
  const std::int64_t count = samples.count() - held_out;
  if (held_out < 1 || count < 1)
    throw Error(ErrorCode::invalid_argument,
                fmt::format("training: {} samples are too few to hold out {}", samples.count(), held_out));
  TrainerOptions trainer = options.trainer;
  trainer.stop = options.stops;
  trainer.progress = ProgressLine();
  trainer.teacher = options.distill ? &fp32 : nullptr;
  const TapeOptions tape_options{.batch = trainer.batch,
                                 .threads = options.quantization.threads,
                                 .batch_norm = options.batch_norm,
                                 .fake_quantization = options.fake_quantization,
                                 .track_oscillations = trainer.freeze_above > 0};
  const Scheme scheme = parse_scheme(options.scheme);
  std::optional<Model> rounded;
  if (!scheme.is_fp32() || !options.quantization.overrides.empty())
    rounded = ModelQuantizer(fp32, options.data, options.quantization).quantize(scheme);
  Tape tape = rounded ? Tape(fp32, *rounded, tape_options) : Tape(fp32, tape_options);
  const LabelledSamples training = labelled_samples(samples, 0, count, "training"),
                        validation = labelled_samples(samples, count, held_out, "training");
  if (!options.batch_norm.empty()) {
    const data::SampleArrays first = samples.read(0, std::min(trainer.batch, count));
    const std::vector<arrays::ArrayView> batch = data::views(first);
    tape.adopt_statistics(TensorView(batch[0].floats, batch[0].type.shape));
  }
  const double start = measure_accuracy(tape, validation, trainer.batch);
  if (options.finds_rate) {
    trainer.schedule.peak = Trainer(tape, trainer).find_rate(training);
    fmt::print(stderr, "rate {:.2g}, by a range test\n", trainer.schedule.peak);
  }
  const TrainingResult result = Trainer(tape, trainer).run(training, validation);
  TrainedModel trained{
      rounded ? tape.quantized_model() : tape.model(), result, count, held_out, start, trainer.schedule.peak};
  if (rounded) trained.deployed = compare_deployed(tape, validation);
  return trained;
}

}  // namespace lowbit::eval
