// SPDX-License-Identifier: Apache-2.0
// CostStudy: measures what goes into a CostTable, and keeps the codes that it is of.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "lowbit/model/profile.h"
#include "lowbit/runtime/executor.h"
#include "lowbit/search/measure_costs.h"
#include "search/mixtures.h"

namespace lowbit::detail {

/// The layers, their schemes and codes. Throws as measure_costs().
Mixtures make_mixtures(const Model& fp32, const SampleSet& samples, const CostOptions& options);

/// Measures them. Throws as profile().
CostTable measure_mixtures(const Mixtures& mixtures, const SampleSet& samples, const CostOptions& options);

/// Times of a table from profiles: of fp32 and of whole networks, one a scheme, by their graphs.
struct TimedNetwork {
  Model model;
  std::vector<int> choice;  ///< of the mixtures' schemes; empty: the fp32 network
  Scheme scheme{};
  ModelProfile profile{};
};
void fill_in_times(CostTable& table, const Mixtures& mixtures, const std::vector<TimedNetwork>& networks);

/// What is converted between layers, without times.
std::vector<CostTable::Conversion> find_conversions(const Mixtures& mixtures);

}  // namespace lowbit::detail
