// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <map>
#include <string_view>

#include "search/cost_study.h"

namespace lowbit::detail {
namespace {

constexpr std::string_view kToCodes = ":quantize", kToFloats = ":dequantize";

/// The value whose conversion a node is; empty: it is none of this kind.
std::string converted_value(const std::string& node, std::string_view ending) {
  if (node.size() <= ending.size() || !node.ends_with(ending)) return {};
  return node.substr(0, node.size() - ending.size());
}

double median_of(std::vector<double> values) {
  if (values.empty()) return 0;
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

/// Times of conversions, of those that were met and, by the median time of an element, of all others.
class ConversionTimes {
 public:
  void add(const std::string& value, double ns, double elements) {
    met_[value].push_back(ns);
    if (elements > 0) of_element_.push_back(ns / elements);
  }
  double of(const std::string& value, double elements) const {
    const auto found = met_.find(value);
    return found != met_.end() ? median_of(found->second) : median_of(of_element_) * elements;
  }

 private:
  std::map<std::string, std::vector<double>> met_;
  std::vector<double> of_element_;
};

std::map<std::string, std::size_t> nodes_by_name(const Graph& graph) {
  std::map<std::string, std::size_t> nodes;
  for (std::size_t i = 0; i < graph.nodes.size(); ++i) nodes[graph.nodes[i].name] = i;
  return nodes;
}

void time_layers(CostTable& table, const Mixtures& mixtures, const TimedNetwork& network) {
  const auto nodes = nodes_by_name(network.model.graph());
  for (std::size_t l = 0; l < table.layers.size(); ++l) {
    const auto node = nodes.find(table.layers[l].name);
    const int index = network.choice.empty() ? mixtures.index_of(l, Scheme()) : network.choice[l];
    if (node == nodes.end() || index < 0) continue;
    CostTable::Candidate& candidate = table.layers[l].candidates[static_cast<std::size_t>(index)];
    // Where a layer cannot have the network's scheme, it is met in several; the first is in its own.
    if (candidate.ns > 0 && !(candidate.scheme == network.scheme)) continue;
    const MeasuredTime& time = network.profile.nodes[node->second];
    candidate.ns = time.ns;
    candidate.ns_spread = time.spread;
    candidate.kernel = network.model.kernel(static_cast<int>(node->second));
  }
}

}  // namespace

void fill_in_times(CostTable& table, const Mixtures& mixtures, const std::vector<TimedNetwork>& networks) {
  ConversionTimes to_codes, to_floats;
  for (const TimedNetwork& network : networks) {
    const bool is_rest = !network.choice.empty() && network.scheme == mixtures.rest();
    if (network.choice.empty() || !network.scheme.is_fp32()) time_layers(table, mixtures, network);
    const Graph& graph = network.model.graph();
    double rest = network.profile.outside_ns;
    for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
      const Graph::Node& node = graph.nodes[i];
      const double ns = network.profile.nodes[i].ns,
                   elements = static_cast<double>(
                       graph.values[static_cast<std::size_t>(node.output)].shape.elements());
      if (const std::string value = converted_value(node.name, kToCodes); !value.empty())
        to_codes.add(value, ns, elements);
      else if (const std::string back = converted_value(node.name, kToFloats); !back.empty())
        to_floats.add(back, ns, elements);
      else if (std::none_of(table.layers.begin(), table.layers.end(),
                            [&](const CostTable::Layer& layer) { return layer.name == node.name; }))
        rest += ns;
    }
    if (is_rest || (network.choice.empty() && mixtures.rest().is_fp32())) table.rest_ns = rest;
  }
  const Graph& graph = mixtures.fp32().graph();
  std::map<std::string, double> elements;
  for (const Graph::Value& value : graph.values)
    elements[value.name] = static_cast<double>(value.shape.elements());
  for (CostTable::Conversion& conversion : table.conversions) {
    conversion.to_codes_ns = to_codes.of(conversion.value, elements[conversion.value]);
    conversion.to_floats_ns = to_floats.of(conversion.value, elements[conversion.value]);
  }
}

}  // namespace lowbit::detail
