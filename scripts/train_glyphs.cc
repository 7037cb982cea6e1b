// SPDX-License-Identifier: Apache-2.0
// Trains the network of `lowbit demo` on the glyph images (src/data/glyphs.h) and writes it as ONNX. One
// thread, fixed seeds: the same compiler, flags and processor give the same file. To reproduce
// examples/models/glyphs-cnn.onnx:
//
//   cmake -S . -B build/tools -DCMAKE_BUILD_TYPE=Release -DLOWBIT_TOOLS=ON
//   cmake --build build/tools --target train_glyphs
//   build/tools/scripts/train_glyphs examples/models/glyphs-cnn.onnx
//
// which takes about ten minutes of one core and ends with 99.09 % of 20,000 unseen images.
// The optional second and third arguments are the number of training images and of passes over them.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <numeric>
#include <string>
#include <vector>

#include "data/glyph_strokes.h"
#include "data/glyphs.h"
#include "train_network.h"

namespace {

using namespace lowbit;
using train::Activation;
using train::Matrix;

constexpr int kBatch = 50;
constexpr int kTestImages = 20000;
constexpr float kPeakRate = 4e-3f, kDecay = 2e-3f, kSmoothing = 0.05f;

Activation batch_of(const std::vector<float>& pixels, const std::vector<int>& order, int first, int count) {
  Activation x{Matrix(1, static_cast<Eigen::Index>(count) * data::kGlyphPixels), count, data::kGlyphSide};
  for (int i = 0; i < count; ++i) {
    const auto from =
        static_cast<std::size_t>(order[static_cast<std::size_t>(first + i)]) * data::kGlyphPixels;
    std::copy_n(pixels.data() + from, data::kGlyphPixels, x.values.data() + i * data::kGlyphPixels);
  }
  return x;
}

/// Turns logits into the gradient of the mean cross-entropy with smoothed labels; returns the loss.
double cross_entropy(Activation& logits, const std::vector<int>& order, int first) {
  double loss = 0;
  for (int i = 0; i < logits.images; ++i) {
    auto column = logits.values.col(i);
    const int label =
        data::glyph_label(static_cast<std::uint64_t>(order[static_cast<std::size_t>(first + i)]));
    column.array() = (column.array() - column.maxCoeff()).exp();
    column /= column.sum();
    loss -= std::log(static_cast<double>(column(label)) + 1e-30);
    column.array() -= kSmoothing / data::kGlyphClasses;
    column(label) -= 1 - kSmoothing;
  }
  logits.values /= static_cast<float>(logits.images);
  return loss / logits.images;
}

int count_correct(train::Network& net, std::uint64_t seed, int images) {
  std::vector<float> pixels(static_cast<std::size_t>(images) * data::kGlyphPixels);
  data::draw_glyphs(seed, 0, pixels);
  std::vector<int> order(static_cast<std::size_t>(images));
  std::iota(order.begin(), order.end(), 0);
  int correct = 0;
  for (int first = 0; first < images; first += kBatch) {
    const int count = std::min(kBatch, images - first);
    const Activation logits = net.forward(batch_of(pixels, order, first, count), false);
    for (int i = 0; i < count; ++i) {
      Eigen::Index best = 0;
      logits.values.col(i).maxCoeff(&best);
      correct += best == data::glyph_label(static_cast<std::uint64_t>(first + i));
    }
  }
  return correct;
}

double train_epoch(train::Network& net, const std::vector<float>& pixels, std::vector<int>& order,
                   data::GlyphRandom& random, int& step, int total_steps) {
  for (std::size_t i = order.size(); i > 1; --i)
    std::swap(order[i - 1], order[static_cast<std::size_t>(random.below(static_cast<int>(i)))]);
  double loss = 0;
  int batches = 0;
  for (int first = 0; first + kBatch <= static_cast<int>(order.size()); first += kBatch, ++batches) {
    Activation logits = net.forward(batch_of(pixels, order, first, kBatch), true);
    loss += cross_entropy(logits, order, first);
    net.backward(logits);
    // A short warm-up, then a cosine down to zero.
    const double progress = static_cast<double>(step) / total_steps;
    const double rate =
        progress < 0.1 ? progress / 0.1 : 0.5 + 0.5 * data::cos_turns(0.5 * (progress - 0.1) / 0.9);
    ++step;
    for (train::Parameter* p : net.parameters())
      p->update(kPeakRate * static_cast<float>(rate), kDecay, step);
  }
  return loss / batches;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) {
    fmt::print(stderr, "usage: train_glyphs OUTPUT.onnx [TRAINING_IMAGES [EPOCHS]]\n");
    return 2;
  }
  const int images = argc > 2 ? std::atoi(argv[2]) : 24000;
  const int epochs = argc > 3 ? std::atoi(argv[3]) : 8;
  if (images < kBatch || epochs < 1) {
    fmt::print(stderr, "needs at least {} training images and 1 epoch, got {} and {}\n", kBatch, images,
               epochs);
    return 2;
  }
  const auto start = std::chrono::steady_clock::now();
  const auto seconds = [&] {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  };
  std::vector<float> pixels(static_cast<std::size_t>(images) * data::kGlyphPixels);
  data::draw_glyphs(data::kGlyphTrainSeed, 0, pixels);
  fmt::print("{} images drawn in {:.1f} s\n", images, seconds());

  std::vector<int> order(static_cast<std::size_t>(images));
  std::iota(order.begin(), order.end(), 0);
  train::Network net;
  data::GlyphRandom random(17);
  int step = 0;
  for (int epoch = 0; epoch < epochs; ++epoch) {
    const double loss = train_epoch(net, pixels, order, random, step, epochs * (images / kBatch));
    fmt::print("epoch {} of {}: loss {:.4f}, {:.0f} s\n", epoch + 1, epochs, loss, seconds());
    std::fflush(stdout);
  }
  const int correct = count_correct(net, data::kGlyphTestSeed, kTestImages);
  fmt::print("accuracy on {} unseen images: {:.2f} %\n", kTestImages, 100.0 * correct / kTestImages);
  if (!train::export_onnx(net, argv[1])) {
    fmt::print(stderr, "cannot write {}\n", argv[1]);
    return 1;
  }
  return 0;
}
