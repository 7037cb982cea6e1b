// SPDX-License-Identifier: Apache-2.0
// Evaluation: several models run over the same images, measured in one pass. Each batch goes through every
// model, one after the other in an order that rotates, so that a machine that drifts slows all of them alike.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "data/samples.h"
#include "lowbit/model/evaluate.h"
#include "lowbit/model/model.h"

namespace lowbit::eval {

struct EvaluationOptions {
  std::int64_t batch = 1;
  int threads = 1;
  bool has_reference = true;  ///< the first model is what the others are compared with
  std::function<bool()>
      stops{};  ///< two seconds after it is true the results are those of the samples so far
};

struct ModelResult {
  std::int64_t images = 0;                ///< that the model ran on
  std::optional<std::int64_t> correct;    ///< images whose label is the largest element of the first output
  std::optional<std::int64_t> agree;      ///< images on which that is the same element as the reference's
  std::vector<std::int64_t> answers{};    ///< index of the largest element of the first output, one an image
  std::vector<OutputComparison> outputs;  ///< against the reference; empty without one
  double ms_median = 0, ms_p90 = 0;       ///< per image, over batches
  /// Of the first model: its outputs that are the same for all samples.
  std::vector<std::string> constant_outputs{};
};

/// One result a model. Throws Error(shape_mismatch) when the models' inputs or outputs differ,
/// Error(invalid_argument) for a label that the models have no output for.
std::vector<ModelResult> evaluate(std::span<const Model> models, const data::Samples& images,
                                  const EvaluationOptions& options);

}  // namespace lowbit::eval
