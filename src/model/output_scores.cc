// SPDX-License-Identifier: Apache-2.0
#include "model/output_scores.h"

#include <fmt/format.h>

#include <limits>

#include "lowbit/core/error.h"

namespace lowbit {

std::int64_t argmax(const float* first, std::int64_t count, std::ptrdiff_t stride) {
  std::int64_t best = 0;
  for (std::int64_t i = 1; i < count; ++i) {
    const float value = first[i * stride], most = first[best * stride];
    if (value > most || (most != most && value == value)) best = i;
  }
  return best;
}

std::int64_t argmax(std::span<const float> values) {
  return argmax(values.data(), static_cast<std::int64_t>(values.size()), 1);
}

void require_same_outputs(const Model& reference, const Model& other) {
  if (reference.output_count() != other.output_count())
    throw Error(ErrorCode::shape_mismatch, fmt::format("models to compare have {} and {} outputs",
                                                       reference.output_count(), other.output_count()));
  for (std::size_t i = 0; i < reference.output_count(); ++i)
    if (reference.output_shape(i) != other.output_shape(i))
      throw Error(ErrorCode::shape_mismatch,
                  fmt::format("output {} of the models to compare has shape {} and {}", i,
                              reference.output_shape(i).to_string(), other.output_shape(i).to_string()));
}

OutputScores::OutputScores(const Model& reference)
    : errors_(reference.output_count()), cosines_(errors_.size()) {
  const Graph& graph = reference.graph();
  for (std::size_t i = 0; i < reference.output_count(); ++i) {
    names_.push_back(graph.values[static_cast<std::size_t>(graph.outputs[i])].name);
    sizes_.push_back(reference.output_shape(i).elements());
  }
}

void OutputScores::set_shapes(std::span<const Shape> outputs) {
  for (std::size_t i = 0; i < sizes_.size(); ++i) sizes_[i] = outputs[i].elements();
}

void OutputScores::add(std::span<const float* const> reference, std::span<const float* const> other,
                       std::int64_t count) {
  for (std::size_t i = 0; i < errors_.size(); ++i) {
    errors_[i].add(reference[i], other[i], count * sizes_[i]);
    for (std::int64_t sample = 0; sample < count; ++sample) {
      ErrorAccumulator alone;
      alone.add(reference[i] + sample * sizes_[i], other[i] + sample * sizes_[i], sizes_[i]);
      const double cosine = alone.result().cosine;
      if (!(cosine == cosine)) continue;
      cosines_[i].sum += cosine;
      ++cosines_[i].count;
    }
  }
  const auto classes = static_cast<std::size_t>(sizes_[0]);
  for (std::size_t i = 0; i < static_cast<std::size_t>(count); ++i)
    agree_ += argmax({reference[0] + i * classes, classes}) == argmax({other[0] + i * classes, classes});
  samples_ += count;
}

ModelComparison OutputScores::result() const {
  ModelComparison comparison{.outputs = {}, .samples = samples_, .agree = agree_};
  for (std::size_t i = 0; i < errors_.size(); ++i)
    comparison.outputs.push_back({names_[i], errors_[i].result(),
                                  cosines_[i].count ? cosines_[i].sum / static_cast<double>(cosines_[i].count)
                                                    : std::numeric_limits<double>::quiet_NaN()});
  return comparison;
}

}  // namespace lowbit
