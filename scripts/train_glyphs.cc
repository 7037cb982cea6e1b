// SPDX-License-Identifier: Apache-2.0
// Trains a network like that of `lowbit demo` on the glyph images (src/data/glyphs.h) and writes it as ONNX,
// batch normalization folded. One thread, fixed seeds: the same compiler, flags and processor give the same
// file.
//
//   cmake -S . -B build/tools -DCMAKE_BUILD_TYPE=Release -DLOWBIT_TOOLS=ON
//   cmake --build build/tools --target train_glyphs
//   build/tools/scripts/train_glyphs examples/networks/glyphs.json glyphs.onnx
//
// The optional third and fourth arguments are the number of training images and of passes over them.
// examples/models/glyphs-cnn.onnx has the same layers, and was trained before lowbit had a trainer.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "data/glyphs.h"
#include "lowbit/core/error.h"
#include "lowbit/io/json/network.h"
#include "lowbit/io/onnx/export.h"
#include "lowbit/train/trainer.h"

namespace {

using namespace lowbit;

constexpr std::int64_t kBatch = 50, kTestImages = 20000, kHeldOut = 2000;
constexpr std::uint64_t kHeldOutSeed = 3, kWeightSeed = 11;

LabelledSamples glyphs(std::uint64_t seed, std::int64_t count) {
  LabelledSamples samples;
  samples.shape = Shape{1, data::kGlyphSide, data::kGlyphSide};
  for (std::int64_t i = 0; i < count; ++i)
    samples.labels.push_back(data::glyph_label(static_cast<std::uint64_t>(i)));
  // Drawn once: that takes longer than a step.
  const auto pixels =
      std::make_shared<std::vector<float>>(static_cast<std::size_t>(count) * data::kGlyphPixels);
  data::draw_glyphs(seed, 0, *pixels);
  samples.read = [pixels](std::int64_t i, std::span<float> out) {
    std::copy_n(pixels->begin() + i * data::kGlyphPixels, data::kGlyphPixels, out.begin());
  };
  return samples;
}

void train(const std::string& network, const std::string& output, std::int64_t images, std::int64_t epochs) {
  Tape tape(load_network(network, kWeightSeed), {.batch = kBatch, .batch_norm = {"*"}});
  const LabelledSamples training = glyphs(data::kGlyphTrainSeed, images);
  Tensor first(Shape{kBatch, 1, data::kGlyphSide, data::kGlyphSide});
  data::draw_glyphs(data::kGlyphTrainSeed, 0, first.data);
  tape.adopt_statistics(first);

  const auto start = std::chrono::steady_clock::now();
  TrainerOptions options;
  options.epochs = epochs, options.batch = kBatch;
  options.optimizer = {.kind = OptimizerKind::adamw, .weight_decay = 2e-3};
  options.schedule = {.peak = 4e-3, .warm_up = images / kBatch * epochs / 10};
  options.label_smoothing = 0.05;
  options.progress = [&](const TrainingProgress& p) {
    if (p.step < p.steps) return;
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    fmt::print("epoch {} of {}: loss {:.4f}, {:.2f} % of {} held-out images right, {:.0f} s\n", p.epoch,
               p.epochs, p.loss, 100 * p.accuracy.value_or(0), kHeldOut, seconds);
    std::fflush(stdout);
  };
  Trainer(tape, options).run(training, glyphs(kHeldOutSeed, kHeldOut));
  fmt::print("accuracy on {} unseen images: {:.2f} %\n", kTestImages,
             100 * measure_accuracy(tape, glyphs(data::kGlyphTestSeed, kTestImages), kBatch));
  export_onnx(tape.model(), output, {.form = OnnxForm::fp32});
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) {
    fmt::print(stderr, "usage: train_glyphs NETWORK.json OUTPUT.onnx [TRAINING_IMAGES [EPOCHS]]\n");
    return 2;
  }
  const std::int64_t images = argc > 3 ? std::atoll(argv[3]) : 24000,
                     epochs = argc > 4 ? std::atoll(argv[4]) : 8;
  if (images < kBatch || epochs < 1) {
    fmt::print(stderr, "needs at least {} training images and 1 epoch, got {} and {}\n", kBatch, images,
               epochs);
    return 2;
  }
  try {
    train(argv[1], argv[2], images, epochs);
  } catch (const Error& e) {
    fmt::print(stderr, "train_glyphs: {}\n", e.what());
    return 2;
  }
  return 0;
}
