// SPDX-License-Identifier: Apache-2.0
// What `lowbit auto` does: opens the samples that the options name, and searches.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "data/data_options.h"
#include "eval/model_quantizer.h"
#include "lowbit/search/search.h"

namespace lowbit::eval {

struct SearchRunOptions {
  data::DataOptions data;
  QuantizationOptions quantization;  ///< observer, threads, recovery
  SearchLimits limits;
  SearchGoal goal = SearchGoal::both;
  std::vector<Scheme> candidates;  ///< empty: default_candidates()
  std::vector<Scheme> uniform{};   ///< SearchOptions::uniform
  bool train = false;  ///< the chosen mixture, in half of the time, on what is neither of the two below
  std::int64_t check = 10000;  ///< held-out samples, at most
  std::int64_t batch = 1;
  double minutes = 10;
  bool compress = true;  ///< SearchOptions::compress
  std::string costs;     ///< a CostTable of this machine: read where the file is there, else written
  std::string machine;   ///< one of another machine, which the search is for
  std::function<bool()> stops{};
};

/// Calibration and held-out samples are of the calibration split; where that has too few, half of it is held
/// out. Throws as search(), Samples, load_cost_table and make_observer; Error(invalid_argument) to train
/// where there are no labels, or candidates that cannot be trained.
SearchResult run_search(const Model& fp32, const SearchRunOptions& options);

}  // namespace lowbit::eval
