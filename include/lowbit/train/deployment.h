// SPDX-License-Identifier: Apache-2.0
// What training promises is computed in floats that are rounded; what runs afterwards computes with integers.
// These functions run both on the same samples and count where they part.
#pragma once

#include <cstdint>

#include "lowbit/model/model.h"
#include "lowbit/train/tape.h"
#include "lowbit/train/trainer.h"

namespace lowbit {

struct DeploymentComparison {
  std::int64_t samples = 0;
  /// Samples whose largest output is their label, in rounded floats and in integers.
  std::int64_t right_in_floats = 0, right_in_integers = 0;
  std::int64_t different_answers = 0;  ///< samples with another largest output
  /// Codes of activations where values are rounded to them, and those that differ. What moves codes from one
  /// value to another, as a pool of maxima, counts no more; signs are not compared.
  std::int64_t codes = 0, different_codes = 0;
};

/// Runs samples through the forward pass of inference and through Tape::quantized_model(), in batches of
/// TapeOptions::batch. Throws Error(invalid_argument) for a tape without codes,
/// Error(shape_mismatch) for samples that do not fit.
DeploymentComparison compare_deployed(Tape& tape, const LabelledSamples& samples);

/// The same of a quantized model alone, as from a file: its weights become the floats that its codes stand
/// for, its activations are rounded in floats to the codes that they have. Throws Error(unsupported) naming a
/// layer whose activations find their ranges at run time, or for a model with other inputs than one of
/// floats; Error(invalid_argument) for a model in floats or a batch below 1, and as above.
DeploymentComparison compare_deployed(const Model& quantized, const LabelledSamples& samples,
                                      std::int64_t batch = 100, int threads = 1);

}  // namespace lowbit
