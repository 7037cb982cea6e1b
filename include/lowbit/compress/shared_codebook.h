// SPDX-License-Identifier: Apache-2.0
// Weight sharing across layers: one codebook for several layers, fitted to the weights of all of them. Each
// row (or group, as its scheme says) of a layer has a scale; layers differ in it and in nothing else. Within
// a layer: Han, Mao, Dally, "Deep Compression", ICLR 2016. A scheme like kmeans4 has a table for each row
// instead, 16 floats where this has one.
//
//   QuantizeOptions options{.scheme = "kmeans4"};
//   options.weights = share_codebooks(fp32, options);    // all layers; {.patterns = {"conv*"}}: some
//   Model model = quantize(fp32, table, options);        // with a recovery, too
#pragma once

#include <span>
#include <string>
#include <vector>

#include "lowbit/core/granularity.h"
#include "lowbit/core/view.h"
#include "lowbit/model/layer_weights.h"
#include "lowbit/model/model.h"
#include "lowbit/model/quantize.h"
#include "lowbit/quant/groups.h"

namespace lowbit {

/// A quantizer with a table that is given, and for each group the scale of least squared error that a search
/// from several starts finds. Codebook (quant/codebook.h) makes the largest magnitude the largest level.
struct FittedCodebook {
  std::vector<float> table;  ///< ascending, 2 to 256 finite levels, not all 0
  Granularity granularity = per_channel();

  int code_bits() const;  ///< 2 at least; throws Error(invalid_argument) for a table that cannot be
  const std::vector<float>& levels() const { return table; }
  ScaleGroup fit(std::span<const float> values, std::span<const float> importance = {}) const;
};

/// The levels of least squared error that turns of k-means and of fitting scales find, at most 2^bits of
/// them, ascending. Each matrix counts relative to its mean square, so that layers of large weights do not
/// choose for the others; of one with more than 2^20 weights, evenly spaced rows of about as many. Scales are
/// of rows, groups or tensors, as the granularity says. Throws Error(invalid_argument) for no matrices,
/// bits that are not from 2 to 8, or matrices without a finite weight other than 0.
std::vector<float> fit_shared_codebook(std::span<const MatrixView> matrices, int bits,
                                       Granularity granularity = per_channel());

struct SharedCodebookOptions {
  /// One codebook for the layers whose name matches each glob pattern; the first that matches counts. Layers
  /// whose schemes differ in bits or granularity have one for each of these.
  std::vector<std::string> patterns{"*"};
};

/// The policy for QuantizeOptions::weights with which layers whose scheme (that of `options`, its overrides
/// included) is k-means share codebooks; those that match no pattern, or have another scheme, are as without.
/// Throws Error(invalid_argument) for a pattern that is first for no k-means layer, a quantized model, or
/// options that have a policy already, else as quantize() for schemes and overrides.
WeightsPolicy share_codebooks(const Model& fp32, const QuantizeOptions& options,
                              const SharedCodebookOptions& sharing = {});

}  // namespace lowbit
