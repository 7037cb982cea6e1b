// SPDX-License-Identifier: Apache-2.0
#include "search/mixtures.h"

#include <algorithm>
#include <utility>

#include "model/quantize_nodes.h"

namespace lowbit::detail {

Mixtures::Mixtures(const Model& fp32, const CalibrationTable* table, Scheme rest,
                   std::vector<SearchLayer> layers, std::vector<std::vector<LayerCodes>> codes)
    : fp32_(fp32),
      table_(table),
      rest_(std::move(rest)),
      layers_(std::move(layers)),
      codes_(std::move(codes)) {}

LayerWeights Mixtures::weights_of(const LayerContext& context, const Scheme& scheme) const {
  for (std::size_t l = 0; l < layers_.size(); ++l) {
    if (layers_[l].node != context.node) continue;
    const int index = index_of(l, scheme);
    if (index >= 0) return codes_[l][static_cast<std::size_t>(index)].weights;
  }
  return {};
}

Model Mixtures::make(const std::vector<int>& choice, const Scheme& rest) const {
  std::vector<Scheme> schemes(fp32_.graph().nodes.size(), rest);
  for (std::size_t l = 0; l < layers_.size(); ++l)
    schemes[static_cast<std::size_t>(layers_[l].node)] =
        layers_[l].schemes[static_cast<std::size_t>(choice[l])];
  NodePolicies policies{.given_codes_label = {}};
  policies.weights = [&](const LayerContext& context) {
    return weights_of(context, schemes[static_cast<std::size_t>(context.node)]);
  };
  return quantize_nodes(fp32_, table_, schemes, name(choice), policies);
}

Model Mixtures::make_only(std::size_t l, int scheme) const {
  std::vector<Scheme> schemes(fp32_.graph().nodes.size());
  const Scheme& own = layers_[l].schemes[static_cast<std::size_t>(scheme)];
  schemes[static_cast<std::size_t>(layers_[l].node)] = own;
  NodePolicies policies{.given_codes_label = {}};
  policies.weights = [&](const LayerContext& context) { return weights_of(context, own); };
  return quantize_nodes(fp32_, table_, schemes, kMixedSchemes, policies);
}

int Mixtures::index_of(std::size_t l, const Scheme& scheme) const {
  const std::vector<Scheme>& all = layers_[l].schemes;
  const auto found = std::find(all.begin(), all.end(), scheme);
  return found == all.end() ? -1 : static_cast<int>(found - all.begin());
}

std::vector<int> Mixtures::uniform(const Scheme& scheme, const Scheme& otherwise) const {
  std::vector<int> choice;
  for (std::size_t l = 0; l < layers_.size(); ++l) {
    const int wanted = index_of(l, scheme);
    choice.push_back(wanted >= 0 ? wanted : std::max(0, index_of(l, otherwise)));
  }
  return choice;
}

std::string Mixtures::name(const std::vector<int>& choice) const {
  for (const Scheme& scheme : layers_[0].schemes) {
    bool all = true;
    for (std::size_t l = 0; all && l < layers_.size(); ++l) all = index_of(l, scheme) == choice[l];
    if (all) return format_scheme(scheme);
  }
  return kMixedSchemes;
}

}  // namespace lowbit::detail
