// SPDX-License-Identifier: Apache-2.0
// Networks in which each layer has one of its schemes, made of codes that were found once.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "lowbit/model/calibrate.h"
#include "search/layer_codes.h"
#include "search/search_layers.h"

namespace lowbit::detail {

class Mixtures {
 public:
  /// `fp32` and `table` (null: no scheme needs one) are kept by reference.
  Mixtures(const Model& fp32, const CalibrationTable* table, Scheme rest, std::vector<SearchLayer> layers,
           std::vector<std::vector<LayerCodes>> codes);

  const std::vector<SearchLayer>& layers() const { return layers_; }
  const LayerCodes& codes(std::size_t layer, std::size_t scheme) const { return codes_[layer][scheme]; }
  const Scheme& rest() const { return rest_; }
  const Model& fp32() const { return fp32_; }
  const CalibrationTable* table() const { return table_; }

  /// An index into schemes for each layer.
  Model make(const std::vector<int>& choice) const { return make(choice, rest_); }
  /// With another scheme for what is no layer.
  Model make(const std::vector<int>& choice, const Scheme& rest) const;
  /// Layer `l` in its scheme, everything else fp32.
  Model make_only(std::size_t l, int scheme) const;
  /// All layers in that scheme; those that cannot have it, and `otherwise` or its first one.
  std::vector<int> uniform(const Scheme& scheme, const Scheme& otherwise) const;
  /// Of layer `l`; -1: it cannot have the scheme.
  int index_of(std::size_t l, const Scheme& scheme) const;
  /// "int4", where all layers have it that can, or "mixed".
  std::string name(const std::vector<int>& choice) const;

 private:
  LayerWeights weights_of(const LayerContext& context, const Scheme& scheme) const;

  const Model& fp32_;
  const CalibrationTable* table_;
  Scheme rest_;
  std::vector<SearchLayer> layers_;
  std::vector<std::vector<LayerCodes>> codes_;
};

}  // namespace lowbit::detail
