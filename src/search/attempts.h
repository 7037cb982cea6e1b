// SPDX-License-Identifier: Apache-2.0
// Attempts: makes networks of a search, runs them, and keeps the best one.
#pragma once

#include <functional>
#include <vector>

#include "lowbit/model/calibrate.h"
#include "lowbit/model/quantize.h"
#include "lowbit/search/choose.h"
#include "lowbit/search/search.h"
#include "search/limit_check.h"
#include "search/mixtures.h"
#include "search/verifier.h"

namespace lowbit::detail {

class Attempts {
 public:
  struct Options {
    LimitTerms terms{};
    ChoiceGoal goal{};
    const CalibrationTable* ranges = nullptr;  ///< null: no scheme needs them
    bool foreign = false;                      ///< the table's times are of another machine
  };
  /// All are kept by reference. What is found goes to `result`, whose table is measured already.
  Attempts(const Model& fp32, const SearchOptions& search, const Mixtures& mixtures, const Verifier& verifier,
           const Options& options, SearchResult& result);

  /// A network with a candidate of the table for each layer, appended to `list`.
  const NetworkMeasurement& mixture(const std::vector<int>& choice, bool recovered,
                                    std::vector<FrontPoint>& list);
  /// A whole network in a scheme that layers had no chance to get, appended to SearchResult::uniform;
  /// nothing where the table has the scheme or is of another machine.
  void whole(const Scheme& scheme);
  /// What the caller makes of the network that was found counts where it misses less of the limits, or loses
  /// less accuracy.
  void refine(double seconds);

  /// That the last one took.
  double last_seconds() const { return last_seconds_; }

 private:
  /// First limits, then time to spare (or no slower than the rest scheme), then the goal.
  struct Rank {
    double excess = 0;
    bool slow = false;
    double value = 0;
    bool is_better_than(const Rank& other) const;
  };
  double value_of(const NetworkMeasurement& m) const;
  std::vector<int> of_mixtures(const std::vector<int>& choice) const;
  /// Of the original, in the ranges that were given.
  Model quantized(const QuantizeOptions& how) const;
  Model make(const FrontPoint& point, const std::vector<int>& choice, bool recovered) const;
  void offer(const FrontPoint& point, const Model& model);

  const Model& fp32_;
  const SearchOptions& search_;
  const Mixtures& mixtures_;
  const Verifier& verifier_;
  Options options_;
  SearchResult& result_;
  Rank best_;
  double last_seconds_ = 0;
};

}  // namespace lowbit::detail
