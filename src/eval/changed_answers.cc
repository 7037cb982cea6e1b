// SPDX-License-Identifier: Apache-2.0
#include "eval/changed_answers.h"

#include <algorithm>
#include <cmath>

#include "report/data_uri.h"

namespace lowbit::eval {
namespace {

constexpr std::int64_t kMostSide = 96, kMostPixels = 4096 * 4096;

std::size_t offset_of(std::int64_t i) {
  return static_cast<std::size_t>(i);
}

/// The softmax of one output. Outputs that are probabilities already are taken as they are.
double part_of(std::span<const float> outputs, std::int64_t answer) {
  double sum = 0, least = 0;
  for (const float v : outputs) sum += v, least = std::min<double>(least, v);
  if (least >= 0 && std::abs(sum - 1) < 1e-3) return outputs[offset_of(answer)];
  const double most = *std::max_element(outputs.begin(), outputs.end());
  double parts = 0;
  for (const float v : outputs) parts += std::exp(v - most);
  return std::exp(outputs[offset_of(answer)] - most) / parts;
}

class Answerer {
 public:
  explicit Answerer(const Model& model) : model_(model), workspace_(model) {}

  double part(std::span<const arrays::ArrayView> in, std::int64_t answer) {
    std::vector<Shape> shapes;
    for (const arrays::ArrayView& view : in) shapes.push_back(view.type.shape);
    std::vector<std::vector<float>> outputs;
    std::vector<MutableTensorView> views;
    for (const Shape& shape : model_.output_shapes(shapes)) {
      outputs.emplace_back(offset_of(shape.elements()));
      views.emplace_back(outputs.back().data(), Shape{1, shape.elements()});
    }
    run(model_, in, std::span<const MutableTensorView>(views), workspace_);
    return part_of(outputs[0], answer);
  }

 private:
  const Model& model_;
  Workspace workspace_;
};

}  // namespace

report::ChangedAnswer picture_of(const arrays::Array& sample, const Shape& shape) {
  report::ChangedAnswer changed;
  if (shape.rank() != 3 || (shape[0] != 1 && shape[0] != 3) || sample.floats.empty() || shape[1] < 4 ||
      shape[2] < 4 || shape[1] * shape[2] > kMostPixels)
    return changed;
  const std::int64_t channels = shape[0], height = shape[1], width = shape[2];
  const std::int64_t every = std::max<std::int64_t>((std::max(height, width) + kMostSide - 1) / kMostSide, 1);
  changed.height = height / every, changed.width = width / every;
  std::vector<std::uint8_t> pixels(offset_of(changed.width * changed.height * channels));
  for (std::int64_t c = 0; c < channels; ++c) {
    const std::span<const float> plane =
        std::span(sample.floats).subspan(offset_of(c * height * width), offset_of(height * width));
    const auto [low, high] = std::minmax_element(plane.begin(), plane.end());
    const float range = *high > *low ? *high - *low : 1.0f;
    for (std::int64_t y = 0; y < changed.height; ++y)
      for (std::int64_t x = 0; x < changed.width; ++x) {
        const float part = (plane[offset_of(y * every * width + x * every)] - *low) / range;
        pixels[offset_of((y * changed.width + x) * channels + c)] =
            static_cast<std::uint8_t>(std::clamp(part * 255.0f + 0.5f, 0.0f, 255.0f));
      }
  }
  changed.picture = report::png_data_uri(changed.width, changed.height, static_cast<int>(channels), pixels);
  return changed;
}

std::vector<report::ChangedAnswer> changed_answers(const Model& reference, const Model& model,
                                                   std::span<const std::int64_t> reference_answers,
                                                   std::span<const std::int64_t> answers,
                                                   const data::Samples& samples, std::size_t most) {
  std::vector<std::int64_t> lost, others;
  for (std::size_t i = 0; i < answers.size(); ++i) {
    if (answers[i] == reference_answers[i]) continue;
    const auto image = static_cast<std::int64_t>(i);
    (samples.label(image) == reference_answers[i] ? lost : others).push_back(image);
  }
  lost.insert(lost.end(), others.begin(), others.end());
  if (lost.size() > most) lost.resize(most);
  std::vector<report::ChangedAnswer> all;
  Answerer exact(reference), approximate(model);
  for (const std::int64_t image : lost) {
    const data::SampleArrays sample = samples.read(image, 1);
    report::ChangedAnswer changed = picture_of(sample[0], samples.inputs()[0].type.shape);
    changed.image = image;
    changed.label = samples.label(image);
    changed.reference = reference_answers[offset_of(image)], changed.model = answers[offset_of(image)];
    const std::vector<arrays::ArrayView> in = data::views(sample);
    changed.reference_part = exact.part(in, changed.reference);
    changed.model_part = approximate.part(in, changed.model);
    all.push_back(std::move(changed));
  }
  return all;
}

}  // namespace lowbit::eval
