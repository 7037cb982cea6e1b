// SPDX-License-Identifier: Apache-2.0
// Sensitivity: what each layer costs when it is quantized, alone and with all others, and which layers to
// give more bits for a bounded number of bytes. Outputs are compared with those of the fp32 model.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <ranges>
#include <span>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "lowbit/model/calibrate.h"
#include "lowbit/model/model.h"
#include "lowbit/model/quantize.h"

namespace lowbit {

/// A model's first output on all samples, against that of the fp32 model.
struct ModelScore {
  double sqnr_db = 0;                     ///< as in ErrorMeasure; +inf when equal
  std::int64_t agree = 0;                 ///< samples whose largest element is the same one
  std::optional<std::int64_t> correct{};  ///< samples whose largest element is their label; needs labels
};

/// One layer with weights in one scheme.
struct LayerSensitivity {
  int node = 0;  ///< index into graph().nodes
  std::string layer;
  Scheme scheme;
  std::int64_t weights = 0;  ///< elements
  std::size_t bytes = 0;     ///< the layer's stored weights in the scheme
  ModelScore only;           ///< this layer in the scheme, everything else fp32
  ModelScore all_but;        ///< this layer fp32, everything else in the scheme
};

struct Sensitivity {
  struct Whole {
    Scheme scheme;
    std::size_t bytes = 0;  ///< Model::stored_bytes
    ModelScore score;       ///< of the model with every layer in the scheme
  };
  std::int64_t samples = 0;
  Whole fp32;
  std::vector<Whole> schemes;          ///< in the order asked for
  std::vector<LayerSensitivity> rows;  ///< scheme by scheme, in each the most sensitive layer (`only`) first

  /// Throws Error(invalid_argument) for a scheme that was not measured.
  const Whole& whole(const Scheme& scheme) const;
};

struct SensitivityOptions {
  std::vector<Scheme> schemes{"int8-wo", "int4-wo", "int3-wo", "int2-wo"};
  const CalibrationTable* table = nullptr;  ///< needed by schemes with static ranges only
  std::span<const std::int64_t> labels{};   ///< one a sample, or none
  int threads = 1;                          ///< models are measured side by side; nothing else depends on it
  /// As in QuantizeOptions. `only` is then of the layer recovered by itself; a whole model is recovered once,
  /// and `all_but` is of that one with the layer in fp32 and the others as they became.
  Recovery recover{};
  /// Called on the caller's thread after each step: one a layer, and one for the whole models.
  std::function<void(int done, int total)> progress{};
};

/// Runs (2 x layers + 1) x schemes + 1 models over the batches. Every layer's weights are quantized once a
/// scheme; with a recovery, as often as that does, and once more for each layer by itself. Throws
/// Error(invalid_argument) for a quantized model, one without Conv2d and Linear layers, no samples, no
/// schemes, labels that do not fit;
/// Error(shape_mismatch) for batches that do not fit; besides as quantize.
Sensitivity measure_sensitivity(const Model& fp32, std::span<const TensorView> batches,
                                const SensitivityOptions& options = {});

/// The same for networks of several inputs or of integers: a batch is an array an input, in the order of the
/// graph. Throws besides as run() does for such arrays.
Sensitivity measure_sensitivity(const Model& fp32, std::span<const std::vector<arrays::ArrayView>> batches,
                                const SensitivityOptions& options = {});

/// `batches`: any range of things that convert to TensorView and outlive the call; not one that makes tensors
/// while it is walked.
template <std::ranges::forward_range Batches>
requires(!std::convertible_to<Batches, std::span<const TensorView>> &&
         !std::convertible_to<Batches, std::span<const std::vector<arrays::ArrayView>>> &&
         (std::is_lvalue_reference_v<std::ranges::range_reference_t<Batches>> ||
          std::same_as<std::ranges::range_value_t<Batches>, TensorView>)) Sensitivity
    measure_sensitivity(const Model& fp32, Batches&& batches, const SensitivityOptions& options = {}) {
  std::vector<TensorView> views;
  for (const auto& batch : batches) views.push_back(batch);
  return measure_sensitivity(fp32, std::span<const TensorView>(views), options);
}

struct OverrideOptions {
  Scheme scheme = "int4-wo";             ///< of the whole model; one that was measured
  std::vector<Scheme> lifts{"int8-wo"};  ///< what a layer may get instead: measured schemes and "fp32"
  double budget = 0.1;                   ///< most bytes more, as a part of the model's in `scheme`
};

struct OverrideChoice {
  std::vector<std::pair<std::string, Scheme>>
      overrides;                         ///< for QuantizeOptions; the layer that gained most a byte first
  std::size_t bytes = 0, new_bytes = 0;  ///< Model::stored_bytes without and with them
};

/// Which layers to lift, greedily by noise removed a byte. What lifting a layer removes is taken from `only`:
/// the noise of layers adds up as long as it is small. The estimate ignores that layers interact: measure the
/// result. Throws Error(invalid_argument) for a scheme that was not measured or a negative budget.
OverrideChoice choose_overrides(const Sensitivity& sensitivity, const OverrideOptions& options = {});

}  // namespace lowbit
