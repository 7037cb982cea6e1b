// SPDX-License-Identifier: Apache-2.0
#include "search/choice_problem.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "lowbit/core/error.h"
#include "search/cost_parts.h"

namespace lowbit::detail {
namespace {

constexpr std::size_t kMostOpen = 64;  ///< bits of a label

std::set<int> layers_of(const CostTable::Conversion& conversion) {
  std::set<int> layers(conversion.readers.begin(), conversion.readers.end());
  if (conversion.producer >= 0) layers.insert(conversion.producer);
  return layers;
}

}  // namespace

ChoiceProblem::ChoiceProblem(const CostTable& table,
                             const std::function<bool(const CostTable::Candidate& candidate)>& allows,
                             CountedBytes counted)
    : table_(table), settled_(table.layers.size()), open_(table.layers.size()) {
  for (const CostTable::Layer& layer : table.layers) {
    std::vector<Candidate>& list = layers_.emplace_back();
    for (std::size_t c = 0; c < layer.candidates.size(); ++c) {
      const CostTable::Candidate& from = layer.candidates[c];
      if (!allows(from)) continue;
      const std::size_t bytes = counted == CountedBytes::loaded ? loaded_bytes(from) : from.bytes;
      list.push_back({static_cast<int>(c),
                      {from.ns, static_cast<double>(bytes), noise_of(from.network_sqnr_db), from.joules},
                      from.codes});
    }
  }
  const std::size_t rest = counted == CountedBytes::loaded ? rest_loaded_bytes(table) : table.rest_bytes;
  rest_ = {table.rest_ns, static_cast<double>(rest), noise_of(table.rest_network_sqnr_db), table.rest_joules};
  std::vector<std::set<int>> open(layers_.size());
  for (std::size_t i = 0; i < table.conversions.size(); ++i) {
    const std::set<int> layers = layers_of(table.conversions[i]);
    if (layers.empty()) {  // the same whatever is chosen
      rest_[kNs] += conversion_ns(table.conversions[i], [](int) { return false; });
      continue;
    }
    const int last = *layers.rbegin();
    settled_[static_cast<std::size_t>(last)].push_back(i);
    for (const int layer : layers) {
      if (!has_both_forms(static_cast<std::size_t>(layer))) continue;
      for (int l = layer; l < last; ++l) open[static_cast<std::size_t>(l)].insert(layer);
    }
  }
  for (std::size_t l = 0; l < layers_.size(); ++l) {
    open_[l].assign(open[l].begin(), open[l].end());
    if (open_[l].size() > kMostOpen)
      throw Error(ErrorCode::unsupported,
                  fmt::format("after layer '{}' the conversions of {} layers are open, more than {}",
                              table.layers[l].name, open_[l].size(), kMostOpen));
  }
}

bool ChoiceProblem::has_both_forms(std::size_t layer) const {
  const std::vector<Candidate>& list = layers_[layer];
  return std::any_of(list.begin(), list.end(), [&](const Candidate& c) { return c.codes != list[0].codes; });
}

bool ChoiceProblem::possible() const {
  return std::none_of(layers_.begin(), layers_.end(), [](const auto& list) { return list.empty(); });
}

double ChoiceProblem::settled_ns(std::size_t layer, const std::function<bool(int)>& codes) const {
  const auto codes_of = [&](int l) {
    const auto at = static_cast<std::size_t>(l);
    return has_both_forms(at) ? codes(l) : !layers_[at].empty() && layers_[at][0].codes;
  };
  double ns = 0;
  for (const std::size_t i : settled_[layer]) ns += conversion_ns(table_.conversions[i], codes_of);
  return ns;
}

}  // namespace lowbit::detail
