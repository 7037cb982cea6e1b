// SPDX-License-Identifier: Apache-2.0
// What each layer's weights become in each of its schemes, whatever the other layers become: codes and biases
// that keep its own outputs on inputs as in fp32, so that layers of different schemes fit together.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "lowbit/model/layer_weights.h"
#include "lowbit/model/sample_set.h"
#include "lowbit/recover/recover.h"
#include "search/search_layers.h"

namespace lowbit::detail {

struct LayerCodes {
  LayerWeights weights{};  ///< empty for fp32
  double sqnr_db = 0;      ///< of the layer's own output; +inf for fp32
};

struct LayerCodesOptions {
  /// Steps of layers (gptq, descent, bias, ...); empty: the nearest codes.
  std::vector<RecoveryStep> steps{};
  std::int64_t samples = 160;  ///< at most; every fifth is kept aside to judge by
  int threads = 1;
  std::function<void(int done, int total)> progress{};
  std::function<bool()> stops{};  ///< once it is true, what is left gets the nearest codes
};

/// [layer][scheme]. Schemes that cannot be made for a layer are taken out of it: fp32 stays where none is
/// left. Throws as capture().
std::vector<std::vector<LayerCodes>> make_layer_codes(const Model& fp32, std::vector<SearchLayer>& layers,
                                                      const SampleSet& samples,
                                                      const LayerCodesOptions& options);

}  // namespace lowbit::detail
