// SPDX-License-Identifier: Apache-2.0
// quantize_for_size: codes chosen by what they cost in a compressed file as well as by the error that they
// make. Of each layer it lowers
//
//   (squared error of the outputs) / (their variance) + size_weight * (bits of the codes) / 10^6
//
// a weight at a time, bits being those of the codes' frequencies in the layer. A frequent code is cheap, zero
// above all: weights whose error the others can make good become zeros, which is pruning, quantization and
// coding at once. Chou, Lookabaugh, Gray, "Entropy-constrained vector quantization", 1989; Wiedemann et
// al., "DeepCABAC", 2020, for networks; here with the second moments of each layer's inputs, the quantized
// layers before it included, as in recover.h.
#pragma once

#include <string>
#include <vector>

#include "lowbit/model/model.h"
#include "lowbit/recover/recover.h"

namespace lowbit {

struct SizeReport {
  struct Layer {
    std::string name;
    double bits = 0;            ///< a weight, by the entropy of the codes
    double zeros = 0;           ///< share of the weights
    double relative_error = 0;  ///< of its outputs
  };
  std::vector<Layer> layers{};
  double bits() const;            ///< of all codes
  std::vector<double> weights{};  ///< number of them, one a layer
};

struct SizeOptions {
  /// Relative error that a million bits may cost; 0: no regard to size.
  double size_weight = 1;
  int bits = 4;    ///< of the widest codes, 2 to 8
  int turns = 10;  ///< of codes, scales and frequencies
  /// Which samples, how many rows of each, threads and progress.
  RecoverOptions recover{};
  SizeReport* report = nullptr;  ///< filled in where not null
};

/// Activations have 8 bits. To be saved with SaveOptions::compress. Throws as quantize() with
/// recover_default().
Model quantize_for_size(const Model& fp32, const CalibrationTable& table, const SizeOptions& options = {});

}  // namespace lowbit
