// SPDX-License-Identifier: Apache-2.0
// Quantizing a model: every node gets a scheme, weights become codes, values between int8 nodes become u8.
// Nothing falls back to fp32 silently: the reason is kept in NodeQuantization::fallback.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "lowbit/model/calibrate.h"
#include "lowbit/model/layer_weights.h"
#include "lowbit/model/model.h"

namespace lowbit {

/// The range that the codes of a value (its name, and their bits) stand for; nothing: that of calibration.
using RangePolicy = std::function<std::optional<Range>(const std::string& value, int bits)>;

struct QuantizeOptions;

/// What a recovery makes of a model, and what it decided on the way; codes and biases are those of `model`.
/// With these the same can be made of other mixtures of its schemes. A model alone says that nothing else was
/// decided.
struct RecoveredModel {
  /// The fp32 network in another form, which computes the same.
  struct Network {
    Model fp32;
    std::optional<CalibrationTable> table{};  ///< of it; nothing where the recovery got none
  };

  RecoveredModel(Model quantized) : model(std::move(quantized)) {}  // NOLINT: a model is one

  Model model;
  std::optional<Network> network{};  ///< that was quantized, where it is not the one that was given
  RangePolicy ranges{};              ///< as in QuantizeOptions
  bool wide_sums = false;
};

/// Quantizes with these options in a way that wins accuracy back; recover/recover.h makes such functions.
/// `table` is null where quantize() got none.
using Recovery = std::function<RecoveredModel(const Model& fp32, const CalibrationTable* table,
                                              const QuantizeOptions& options)>;

struct QuantizeOptions {
  Scheme scheme = "int8";
  /// {pattern, scheme}: nodes whose name matches the glob pattern (`*`, `?`) get that scheme; the last match
  /// wins.
  std::vector<std::pair<std::string, Scheme>> overrides{};
  /// What the weights of each layer become; empty: what its scheme says. Biases stay as they are.
  WeightsPolicy weights{};
  /// Ranges of values in place of those of calibration; empty: none.
  RangePolicy ranges{};
  /// Codes of fewer than 8 bits go into products only. What is added, pooled or joined and the input of the
  /// network keep 8 bits; a product that reads one of those gets a narrower copy.
  bool wide_sums = false;
  /// 8 or 4: keys and values of attention that come in and go out again, a row more for each token (a cache),
  /// are rows in codes of so many bits (layers/row_codes.h), whatever the scheme; see docs/quantization.md.
  /// 0: floats.
  int kv_cache_bits = 0;
  /// Biases of products of codes become whole numbers of steps of their sums (scale of the input times scale
  /// of the column's weights), as runtimes of ONNX and TensorFlow Lite keep them; where codes come out, such
  /// biases are added to the integer sums. Layers whose weights have scales of groups or offsets keep theirs.
  bool integer_biases = false;
  /// What a convolution of codes adds (a residual) is added by an operator of its own, to a product that was
  /// rounded to codes of 8 bits: slower, and what runtimes of ONNX compute.
  bool rounded_sums = false;
  /// Empty: weights and ranges are what the other options say, nothing more.
  Recovery recover{};
};

/// Throws Error(invalid_argument) for an override that matches no node, a table of another
/// model or an empty one where static ranges are needed, weights that do not fit a layer, which is named;
/// Error(not_built) for a scheme that this build lacks, or weights that no kernel takes with its activations;
/// Error(unsupported) for kv_cache_bits where no attention has a cache, or with a recovery.
Model quantize(const Model& fp32, const CalibrationTable& table, const QuantizeOptions& options = {});
/// For schemes that need no calibration (dynamic, fp32).
Model quantize(const Model& fp32, const QuantizeOptions& options);

/// "9 of 9 layers int8", or which stayed fp32 and why, in one line.
std::string describe_coverage(const Model& model);
/// How many nodes stayed fp32 although the scheme asked for less.
int fallback_count(const Model& model);

}  // namespace lowbit
