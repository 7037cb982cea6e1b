// SPDX-License-Identifier: Apache-2.0
// What says that a network is not fed as it was trained: accuracy at chance, outputs that are always the
// same, inputs of another size than the first layer is made for.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "data/samples.h"
#include "lowbit/model/model.h"

namespace lowbit::eval {

/// The smallest and largest value of each element of an output, over samples.
class OutputSpread {
 public:
  void add(std::span<const float> sample);
  /// Whether no element changes by more than 1e-6 of the largest magnitude. False for less than two samples,
  /// and for no elements.
  bool is_constant() const;

 private:
  std::vector<float> least_, most_;
  std::int64_t samples_ = 0;
};

/// "" or a warning: of at least 20 labels, no more right than two standard deviations above what saying the
/// most frequent label always would get (where all labels are one: above one of `classes`).
std::string chance_warning(std::span<const std::int64_t> labels, std::int64_t correct, std::int64_t classes);

/// The inputs and the first layer with weights and biases, on some samples.
struct FirstLayer {
  std::string name;
  float least = 0, most = 0;  ///< of the model's input
  /// Root mean square of the biases over that of the spread (standard deviation over samples and positions)
  /// of the channels' sums of products.
  double bias_ratio = 0;
};

/// Of the first 32 samples. Nothing for a model without such a layer, with several inputs or integers.
std::optional<FirstLayer> measure_first_layer(const Model& fp32, const data::Samples& samples);

/// "" or a warning. Trained layers have biases of 0.02 to 3 of the spread (measured: docs/data.md).
/// Inputs that look like bytes (up to 64 or more, hardly below 0) with less than 0.02 were to be divided;
/// inputs of at most 1 with more than 30 were divided once too often.
std::string input_warning(const FirstLayer& layer);

}  // namespace lowbit::eval
