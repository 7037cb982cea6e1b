// SPDX-License-Identifier: Apache-2.0
// Random tables of costs, small enough for all choices to be tried.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "lowbit/search/cost_table.h"
#include "support/random.h"

namespace lowbit::testing {

inline CostTable random_cost_table(Random& random, int layers, int most_candidates, bool conversions) {
  const char* schemes[] = {"int8", "int4", "ternary", "fp32", "int8-wo"};
  const auto number = [&](int most) {
    return static_cast<double>(random.next() % static_cast<std::uint64_t>(most + 1));
  };
  CostTable table;
  table.rest_ns = number(50), table.rest_bytes = 7, table.rest_joules = number(3);
  table.rest_network_sqnr_db = 30 + number(20);
  for (int l = 0; l < layers; ++l) {
    CostTable::Layer& layer = table.layers.emplace_back();
    layer.name = "layer" + std::to_string(l);
    const auto count = 1 + static_cast<int>(number(most_candidates - 1));
    for (int c = 0; c < count; ++c) {
      CostTable::Candidate candidate{.scheme = schemes[c]};
      candidate.ns = number(40), candidate.bytes = static_cast<std::size_t>(number(30));
      candidate.network_sqnr_db = c == 3 ? CostTable::kExact : 5 + number(40);
      candidate.joules = number(20);
      candidate.codes = c < 3;
      layer.candidates.push_back(candidate);
    }
  }
  for (const char* scheme : schemes)
    table.wholes.push_back({.scheme = scheme, .workspace_bytes = static_cast<std::size_t>(number(60))});
  for (int v = 0; conversions && v < layers; ++v) {
    CostTable::Conversion value{.value = "value" + std::to_string(v)};
    value.producer = v - 1;
    for (int l = v; l < layers; ++l)
      if (l == v || random.next() % 3 == 0) value.readers.push_back(l);
    value.made_as_codes = random.next() % 2 == 0, value.read_as_codes = random.next() % 4 == 0;
    value.read_as_floats = random.next() % 4 == 0;
    value.to_codes_ns = number(15), value.to_floats_ns = number(15);
    table.conversions.push_back(value);
  }
  return table;
}

/// Calls visit(choice) for every choice of one candidate a layer.
inline void every_choice(const CostTable& table, const std::function<void(const std::vector<int>&)>& visit) {
  std::vector<int> choice(table.layers.size(), 0);
  for (;;) {
    visit(choice);
    std::size_t l = 0;
    while (l < choice.size() && ++choice[l] == static_cast<int>(table.layers[l].candidates.size()))
      choice[l++] = 0;
    if (l == choice.size()) return;
  }
}

}  // namespace lowbit::testing
