// SPDX-License-Identifier: Apache-2.0
// search: the best network for this machine within limits. Costs of every layer in every scheme are measured
// (measure_costs.h), a mixture is chosen from them exactly (choose.h), made, recovered as a whole, and run on
// samples that were held out: what comes out decides what is chosen next, until limits are kept or time is
// over.
//
//   SearchResult r = search(fp32, calibration, held_out, {.limits = {.max_drop = 1.0}, .labels = labels});
//   if (r.keeps_limits()) save(*r.model, "net.lowbit");
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "lowbit/model/calibrate.h"
#include "lowbit/model/sample_set.h"
#include "lowbit/recover/recover.h"
#include "lowbit/search/measure_costs.h"
#include "lowbit/search/result.h"

namespace lowbit {

/// What to make small where the limits leave a choice.
enum class SearchGoal : std::uint8_t {
  both,  ///< time and bytes, each as a part of those of the rest scheme (int8), added up
  time,
  bytes,
};

/// What SearchOptions::refine made.
struct RefinedModel {
  std::optional<Model> model{};  ///< nothing where none could be made
  std::string description{};     ///< a sentence: what was done, or why it was not
};

struct SearchOptions {
  /// With max_drop the goal is minimized, without it the drop that is measured. Without any limit max_drop is
  /// 0.5.
  SearchLimits limits{};
  SearchGoal goal = SearchGoal::both;
  /// Unless the goal is `bytes`, or a limit of time is given: nothing slower than the rest scheme (int8) is
  /// taken where something else keeps the limits.
  bool not_slower = true;
  /// One a held-out sample: accuracy is then that of labels; else agreement with fp32.
  std::span<const std::int64_t> labels{};
  std::vector<Scheme> candidates = default_candidates();
  /// Of the calibration samples; null: they are observed with MinMaxObserver.
  const CalibrationTable* table = nullptr;
  /// In place of measuring one; its schemes are the candidates. Of another machine: times, energy and limits
  /// of them are those of the table.
  const CostTable* costs = nullptr;
  /// Sizes are of files as SaveOptions::compress makes them, in which less frequent codes take more bits.
  /// Where `costs` are given, they say it.
  bool compress = false;
  /// Of each layer by itself, before costs are measured; empty: none.
  std::vector<RecoveryStep> layer_steps{RecoveryStep::descent, RecoveryStep::bias};
  /// Of the whole network that is returned; empty: none. One that throws
  /// Error(cancelled) ends the search with the best so far.
  Recovery recover{};
  /// Schemes that layers do not get, but a whole network may: networks in one of them are measured as well.
  /// Not with costs of another machine.
  std::vector<Scheme> uniform{};
  /// In the end: makes something better of the network that was found, with the same schemes and within so
  /// many seconds, as training does. The result is returned where it misses less of the limits on the
  /// held-out samples, or keeps as many and loses less accuracy.
  std::function<RefinedModel(const FrontPoint& given, double seconds)> refine{};
  double refine_part = 0.5;  ///< of `seconds` that are kept for it
  int threads = 1;
  std::int64_t batch = 1;  ///< that times are of
  double seconds = 600;    ///< after which nothing new is begun
  /// Standard errors of the measured drop that are added to it before it is compared with max_drop.
  double margin = 1.0;
  std::function<void(const std::string& what, int done, int total)> progress{};
  std::function<bool()> stops{};  ///< ends the search as its time does
};

/// `calibration` chooses ranges and codes, `held_out` decides. Where no network keeps the limits, the one
/// that was nearest is returned, and SearchResult::missed says what it misses. Throws as measure_costs() and
/// quantize(); Error(invalid_argument) for labels that do not fit, impossible limits, and a table of costs
/// that check() refuses or that is of another model.
SearchResult search(const Model& fp32, const SampleSet& calibration, const SampleSet& held_out,
                    const SearchOptions& options = {});

/// Throws Error(invalid_argument) where `costs` was made for another model, by its fingerprint or its layers.
void check_made_for(const CostTable& costs, const Model& fp32);

}  // namespace lowbit
