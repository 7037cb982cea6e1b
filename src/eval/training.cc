// SPDX-License-Identifier: Apache-2.0
#include "eval/training.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <optional>

#include "data/samples.h"
#include "lowbit/core/error.h"
#include "report/terminal.h"

namespace lowbit::eval {
namespace {

/// Samples first to first + count - 1. Lives as long as `from`.
LabelledSamples part_of(const data::Samples& from, std::int64_t first, std::int64_t count) {
  LabelledSamples part;
  part.shape = from.inputs()[0].type.shape;
  for (std::int64_t i = first; i < first + count; ++i) {
    const std::optional<std::int64_t> label = from.label(i);
    if (!label) throw Error(ErrorCode::invalid_argument, "training needs data with labels");
    part.labels.push_back(*label);
  }
  part.read = [&from, first](std::int64_t i, std::span<float> out) {
    const data::SampleArrays arrays = from.read(first + i, 1);
    std::memcpy(out.data(), data::views(arrays)[0].floats, out.size_bytes());
  };
  return part;
}

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
  const LabelledSamples training = part_of(samples, 0, count), validation = part_of(samples, count, held_out);
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
  return {
      rounded ? tape.quantized_model() : tape.model(), result, count, held_out, start, trainer.schedule.peak};
}

}  // namespace lowbit::eval
