// SPDX-License-Identifier: Apache-2.0
// Twins of normalizations. The scale of a LayerNorm takes the factors of what it computes, and the layers
// behind it give them back; where something else reads the same value and cannot (the residual sum of a
// network that normalizes behind it, the caller), the layers get a normalization of their own. It costs a
// pass over the value, and nothing of the result.
#pragma once

#include <string_view>
#include <utility>
#include <vector>

#include "lowbit/model/model.h"

namespace lowbit::detail {

/// What the names of twins end in.
inline constexpr std::string_view kTwinSuffix = ":layers";

struct TwinNorms {
  /// `fp32` with a twin of each normalization that layers read and whose channels could otherwise have no
  /// factors, and of what only moves it on the way. Values keep their ids, new ones come behind them.
  explicit TwinNorms(const Model& fp32);
  /// That network, rescaled, without those twins that compute the same as the normalization still.
  Model without_equal(const Model& rescaled) const;

  Model model;
  std::vector<std::pair<ValueId, ValueId>> twins{};  ///< values and their twins, in order of the graph
};

/// The name of what a twin was made from; any other name as it is.
std::string_view name_without_twin(std::string_view name);

}  // namespace lowbit::detail
