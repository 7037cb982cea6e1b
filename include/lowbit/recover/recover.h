// SPDX-License-Identifier: Apache-2.0
// recover: quantizes a model so that it loses less, from calibration samples alone. Layers are taken in the
// order in which they run. Each gets codes, scales and biases that bring its outputs, computed from what the
// quantized layers before it really hand over, nearest to those of the original network, its residual
// included (capture.h, coordinate_descent.h); so a layer also makes good what was lost before it. What does
// not lower the error on samples that were kept aside is not taken.
//
//   CalibrationTable table = calibrate(fp32, batches);
//   RecoveryReport report;
//   Model q = quantize(fp32, table, {.scheme = "int4", .recover = recover_default({.report = &report})});
//
// The same samples give the same bytes with any number of threads. Memory is that of the models, of one
// layer's statistics at a time, and of the values of each sample that layers still to come read
// (RecoverOptions::kept_bytes); each layer runs once. recovery_memory() adds it up.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "lowbit/core/array.h"
#include "lowbit/core/view.h"
#include "lowbit/model/quantize.h"

namespace lowbit {

/// What a recovery may do; in a set of names, the order in which they are said does not matter.
enum class RecoveryStep : std::uint8_t {
  equalize,  ///< factors of channels by cross-layer equalization; ranges of what they change are taken anew
  smooth,    ///< factors by SmoothQuant, likewise
  awq,       ///< factors by AWQ, likewise
  absorb,    ///< high biases behind which a ReLU is idle, into the layers that follow
  wide,  ///< sums and the network's input keep 8 bits where the scheme has fewer (QuantizeOptions::wide_sums)
  ranges,     ///< ranges in place of the calibration's: of what one function reads by the squared error of
              ///< its outputs, then of other values, too, by that of their codes
  readers,    ///< then ranges of what layers alone multiply, by the error of their outputs
  hqq,        ///< codes, scales and tables by HQQ, from the weights alone
  gptq,       ///< codes by GPTQ
  qronos,     ///< codes by Qronos, which repair what earlier layers did
  adaround,   ///< codes by AdaRound, likewise
  signround,  ///< codes and scales by SignRound, likewise
  descent,    ///< codes, scales and tables by coordinate descent, likewise
  bias,       ///< biases that take away the mean error of each channel
};

/// What a recovery takes in bytes, beside the network that it is given and the samples that the caller has:
/// known before it runs.
struct RecoveryMemory {
  struct Layer {
    std::string name;
    std::size_t bytes = 0;  ///< while it is recovered: moments, targets, and the search for its codes
  };
  std::vector<Layer> layers;
  std::size_t values = 0;  ///< samples, and what of them is kept between layers
  std::size_t models = 0;  ///< codes of all layers, and two quantized models
  /// Values, models, and the largest layer, and an eighth more for what allocators leave between.
  std::size_t peak() const;
};

struct RecoveryReport {
  struct Step {
    std::string name;
    double sqnr_before = 0, sqnr_after = 0;  ///< dB, on the samples kept aside
    double seconds = 0;
    bool kept = false;
    bool failed = false;  ///< it threw lowbit::Error, and changed nothing; the sentence is in `note`
    std::string note{};
  };
  /// SQNR of a layer: of what its products and bias should add up to, over what they miss of it.
  struct Layer {
    std::string name;
    std::vector<Step> steps{};
    double sqnr_before = 0, sqnr_after = 0;  ///< of plain quantization and of what was taken
    double seconds = 0;
    std::string note{};  ///< why nothing was tried; empty: something was
  };
  std::vector<Step> network{};  ///< SQNR of the network's outputs
  std::vector<Layer> layers{};
  double sqnr_before = 0, sqnr_after = 0;  ///< of the network's outputs
  double seconds = 0;
  std::int64_t samples = 0, held_out = 0;
  RecoveryMemory memory{};

  /// "layer 'conv1', gptq: ..." for each step that failed; empty as a rule.
  std::vector<std::string> failures() const;
};

struct RecoveryProgress {
  std::size_t layer = 0, layers = 0;  ///< that are done, and all
  double seconds = 0, seconds_left = 0;
};

struct RecoverOptions {
  std::vector<RecoveryStep> steps{RecoveryStep::wide, RecoveryStep::ranges, RecoveryStep::descent,
                                  RecoveryStep::bias};
  /// Samples that are used, at most; every `held_out_every`th of them is kept aside to judge by. Of a network
  /// with few products (multiplications of its layers on one sample) 1,024 at most, while these come to fewer
  /// than `products` in all.
  std::int64_t samples = 256;
  double products = 6e9;
  /// What all samples together may come to: products, and bytes of values that are kept between layers.
  /// Of a network so large that these are fewer than `samples`, fewer are taken, with more rows of each; 32
  /// are taken all the same.
  double most_products = 4e11;
  std::size_t kept_bytes = std::size_t{1} << 30;
  std::int64_t held_out_every = 5;
  std::int64_t positions = 64;  ///< rows of a sample that a layer is judged by (CaptureOptions)
  int descents = 4;             ///< turns of codes and scales
  /// Multiplications that descent may take for a layer; of more than 10 layers, all of them together for 10.
  /// Of a layer that is too large for all of its search it tries fewer scales and starts.
  double descent_products = 3e10;
  /// The samples, a batch; empty (no data): those that the calibration table kept.
  TensorView data{};
  /// The same for networks of several inputs or of integers: an array an input, in the order of the graph.
  std::vector<arrays::ArrayView> arrays{};
  int threads = 1;
  /// Called after each layer on the caller's thread; returns whether to go on. If not, quantize() throws
  /// Error(cancelled).
  std::function<bool(const RecoveryProgress&)> progress{};
  RecoveryReport* report = nullptr;  ///< filled in where not null; lives until quantize() returns
};

/// For QuantizeOptions::recover. quantize() then throws what it throws without, and Error(invalid_argument)
/// where there are fewer than 8 samples or numbers are impossible.
Recovery recover(RecoverOptions options);
/// For steps of layers, wide and ranges; those that rewrite the network also keep a second one. Throws as
/// quantize() with that recovery would for its samples.
RecoveryMemory recovery_memory(const Model& fp32, const CalibrationTable* table, const RecoverOptions& how);
/// Takes some 15 seconds for a network of 40 M products on two cores; `options.steps` and numbers are set.
Recovery recover_fast(RecoverOptions options = {});
/// More samples, more rows, more starting points: minutes.
Recovery recover_best(RecoverOptions options = {});
/// recover_fast().
Recovery recover_default(RecoverOptions options = {});

/// "wide", "ranges", ...
std::string_view step_name(RecoveryStep step);
/// Of every step, with commas.
std::string recovery_step_names();
/// "fast", "best" or names with commas. Throws Error(invalid_argument) for another name, with those there
/// are.
RecoverOptions parse_recovery(std::string_view text);

}  // namespace lowbit
