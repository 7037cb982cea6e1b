// SPDX-License-Identifier: Apache-2.0
#include "search/table_choices.h"

#include <algorithm>
#include <cstddef>

namespace lowbit::detail {
namespace {

int index_of(const CostTable::Layer& layer, const Scheme& scheme, int otherwise) {
  for (std::size_t c = 0; c < layer.candidates.size(); ++c)
    if (layer.candidates[c].scheme == scheme) return static_cast<int>(c);
  return otherwise;
}

}  // namespace

std::vector<Scheme> schemes_of(const CostTable& table) {
  std::vector<Scheme> schemes;
  for (const CostTable::Layer& layer : table.layers)
    for (const CostTable::Candidate& c : layer.candidates)
      if (std::find(schemes.begin(), schemes.end(), c.scheme) == schemes.end()) schemes.push_back(c.scheme);
  return schemes;
}

std::vector<int> rest_choice(const CostTable& table) {
  std::vector<int> choice;
  for (const CostTable::Layer& layer : table.layers) choice.push_back(index_of(layer, table.rest_scheme, 0));
  return choice;
}

std::vector<int> uniform_choice(const CostTable& table, const Scheme& scheme) {
  std::vector<int> choice = rest_choice(table);
  for (std::size_t l = 0; l < choice.size(); ++l) choice[l] = index_of(table.layers[l], scheme, choice[l]);
  return choice;
}

std::vector<int> choice_of(const CostTable& table, const FrontPoint& point) {
  std::vector<int> choice;
  for (std::size_t l = 0; l < point.layers.size(); ++l)
    choice.push_back(index_of(table.layers[l], point.layers[l].scheme, 0));
  return choice;
}

}  // namespace lowbit::detail
