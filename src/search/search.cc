// SPDX-License-Identifier: Apache-2.0
#include "lowbit/search/search.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "lowbit/core/error.h"
#include "lowbit/kernels/cpu.h"
#include "recover/recovery_steps.h"
#include "search/attempts.h"
#include "search/chooser.h"
#include "search/cost_study.h"
#include "search/front_sections.h"
#include "search/limit_check.h"
#include "search/measured_front.h"
#include "search/noise_budget.h"
#include "search/table_choices.h"
#include "search/verifier.h"

namespace lowbit {
namespace {

using detail::RecoveryClock, detail::seconds_since;

constexpr double kDefaultDrop = 0.5;
constexpr double kRecoveredShare = 0.4;
constexpr int kQuickTries = 8, kRecoveredTries = 12;
constexpr std::size_t kFrontPoints = 8;

void check_search_options(const SearchOptions& options) {
  const auto above_zero = [](const std::optional<double>& limit, const char* what) {
    if (limit && (!(*limit > 0) || std::isinf(*limit)))
      throw Error(ErrorCode::invalid_argument, fmt::format("{} of {} is no limit", what, *limit));
  };
  const SearchLimits& limits = options.limits;
  if (limits.max_drop && !(*limits.max_drop >= 0 && *limits.max_drop <= 100))
    throw Error(ErrorCode::invalid_argument,
                fmt::format("a drop of {} is no limit: it is from 0 to 100 points", *limits.max_drop));
  above_zero(limits.min_speedup, "a speed-up");
  above_zero(limits.max_joules, "an energy");
  if (!(options.refine_part >= 0 && options.refine_part < 1))
    throw Error(ErrorCode::invalid_argument,
                fmt::format("{} of the time is no part that refining can have", options.refine_part));
  if (!(options.seconds >= 0) || !(options.margin >= 0))
    throw Error(ErrorCode::invalid_argument, fmt::format("a search cannot take {} s with a margin of {}",
                                                         options.seconds, options.margin));
}

/// Measures, chooses, makes, verifies.
class Search {
 public:
  Search(const Model& fp32, const SampleSet& calibration, const SampleSet& held_out,
         const SearchOptions& options)
      : fp32_(fp32),
        calibration_(calibration),
        held_out_(held_out),
        options_(options),
        start_(RecoveryClock::now()) {
    check_search_options(options);
    result_.asked = options.limits;
    const SearchLimits& asked = options.limits;
    if (!asked.max_drop && !asked.min_speedup && !asked.max_bytes && !asked.max_memory && !asked.max_joules)
      result_.asked.max_drop = kDefaultDrop;
    seconds_ = options.refine ? options.seconds * (1 - options.refine_part) : options.seconds;
  }

  SearchResult run() {
    prepare_ranges();
    prepare_costs();
    verifier_.emplace(fp32_, held_out_,
                      detail::Verifier::Options{options_.labels, options_.threads, options_.batch, !foreign_,
                                                rest_network()});
    result_.fp32 = verifier_->fp32(result_.table);
    set_terms();
    try_uniform();
    walk(false, kQuickTries);
    if (options_.recover) until_cancelled([&] { walk(true, kRecoveredTries); });
    until_cancelled([&] { complete_front(); });
    refine();
    finish();
    return std::move(result_);
  }

 private:
  /// That times are compared with, besides fp32, which counts where a speed-up was asked for.
  std::optional<Model> rest_network() const {
    if (result_.table.rest_scheme.is_fp32() || result_.asked.min_speedup) return std::nullopt;
    return mixtures_->make(mixtures_->uniform(result_.table.rest_scheme, result_.table.rest_scheme));
  }

  bool over() {
    const bool now = seconds_since(start_) >= seconds_ || (options_.stops && options_.stops());
    result_.out_of_time = result_.out_of_time || now;
    return now;
  }

  void prepare_ranges() {
    candidates_ = options_.candidates;
    if (options_.costs) {
      check_made_for(*options_.costs, fp32_);
      candidates_ = detail::schemes_of(*options_.costs);
    }
    const auto has_ranges = [](const Scheme& s) {
      return !s.is_fp32() && !s.dynamic && s.activation_bits > 0;
    };
    const bool needs = std::any_of(candidates_.begin(), candidates_.end(), has_ranges) ||
                       std::any_of(options_.uniform.begin(), options_.uniform.end(), has_ranges);
    table_ = options_.table;
    if (table_ || (!needs && !options_.recover)) return;
    report("calibrating", 0, 0);
    Calibrator calibrator(fp32_, {.threads = options_.threads});
    calibrator.add(calibration_.views());
    table_ = &own_table_.emplace(calibrator.finish());
  }

  void prepare_costs() {
    CostOptions how{.candidates = candidates_,
                    .table = table_,
                    .threads = options_.threads,
                    .batch = options_.batch,
                    .compress = options_.compress,
                    .steps = options_.layer_steps,
                    .progress = options_.progress};
    how.outputs_seconds = std::min(how.outputs_seconds, seconds_ / 5);
    how.timing_seconds = std::min(how.timing_seconds, seconds_ / 20);
    // Some of the time must be left for what is made of it.
    const auto stops_at = [this](double share) {
      return [this, share] {
        return seconds_since(start_) > seconds_ * share || (options_.stops && options_.stops());
      };
    };
    how.stops = stops_at(0.35);
    mixtures_.emplace(detail::make_mixtures(fp32_, calibration_, how));
    how.stops = stops_at(0.6);
    if (!options_.costs) {
      result_.table = detail::measure_mixtures(*mixtures_, calibration_, how);
      return;
    }
    result_.table = *options_.costs;
    const CostTable& t = result_.table;
    foreign_ = t.cpu != cpu_name() || t.isa != isa_name(active_isa()) || t.threads != options_.threads ||
               t.batch != options_.batch;
    if (foreign_)
      result_.notes.push_back(
          fmt::format("times and energy are those of the table, of {} ({}, {} threads, a batch of {}), not "
                      "measured here",
                      t.cpu, t.isa, t.threads, t.batch));
  }

  void set_terms() {
    terms_ = {result_.asked, options_.margin, result_.fp32.ns, 0};
    const bool bytes_first = options_.goal == SearchGoal::bytes;
    const CostSum rest_sum = add_up(result_.table, detail::rest_choice(result_.table));
    if (options_.not_slower && !bytes_first && !result_.asked.min_speedup) {
      const CostTable::Whole* rest = detail::whole_of(result_.table, result_.table.rest_scheme);
      terms_.rest_ns = rest && !rest->scheme.is_fp32() ? rest->ns : 0;
    }
    // What a layer counts as a part of the rest scheme's network.
    const double ns = 1 / std::max(rest_sum.ns, 1e-9), bytes = 1 / std::max(double(rest_sum.bytes), 1.0);
    goal_ = {options_.goal == SearchGoal::bytes ? 1e-3 * ns : ns,
             options_.goal == SearchGoal::time ? 1e-3 * bytes : bytes, 0, 0};
    chooser_.emplace(result_.table, terms_, goal_);
    attempts_.emplace(fp32_, options_, *mixtures_, *verifier_,
                      detail::Attempts::Options{terms_, goal_, table_, foreign_}, result_);
  }

  void try_uniform() {
    const std::vector<Scheme> schemes = detail::schemes_of(result_.table);
    int done = 0;
    for (const Scheme& scheme : schemes) {
      report("uniform schemes", done++, static_cast<int>(schemes.size()));
      if (scheme.is_fp32() && result_.model) continue;
      // At least one network there must be.
      if (result_.model && over()) return;
      attempts_->mixture(detail::uniform_choice(result_.table, scheme), false, result_.uniform);
      const FrontPoint& point = result_.uniform.back();
      budget_.known(point.predicted.noise, point.measured->drop + terms_.margin * point.measured->drop_error);
    }
  }

  /// A recovery that is out of time throws.
  template <class Stage>
  void until_cancelled(Stage stage) {
    try {
      stage();
    } catch (const Error& e) {
      if (e.code() != ErrorCode::cancelled) throw;
      result_.out_of_time = true;
    }
  }

  /// Networks of more or less error, until the largest error that keeps the drop is found.
  void walk(bool recovered, int most) {
    if (recovered) budget_.start_again();
    std::vector<std::vector<int>> seen;
    const double limit = terms_.limits.max_drop.value_or(0);
    for (int i = 0; i < most; ++i) {
      report(recovered ? "recovering networks" : "trying networks", i, most);
      const double remaining = seconds_ - seconds_since(start_);
      // What is recovered as a whole counts for more: it must have its time.
      if (!recovered && options_.recover && i > 0 && remaining < kRecoveredShare * seconds_) return;
      if (over() || (recovered && i > 0 && attempts_->last_seconds() > remaining)) {
        result_.out_of_time = true;
        return;
      }
      const double noise = terms_.limits.max_drop ? budget_.next(limit) : ChoiceLimits::kFree;
      std::optional<Choice> choice = chooser_->within(noise);
      if (!choice && terms_.limits.max_drop) choice = chooser_->least_error();
      const bool possible = choice.has_value();
      if (!choice) choice = chooser_->nearest();
      if (!choice) return;
      if (std::find(seen.begin(), seen.end(), choice->candidates) != seen.end()) {
        if (!possible || !budget_.nudge()) return;
        continue;
      }
      seen.push_back(choice->candidates);
      if (!choice->exact) inexact_ = true;
      const NetworkMeasurement& m = attempts_->mixture(choice->candidates, recovered, result_.tried);
      chooser_->learn(result_.tried.back().predicted, m);
      const detail::LimitCheck check = detail::check_limits(terms_, m);
      if (terms_.limits.max_drop) {
        budget_.measured(std::min(noise, std::max(choice->sum.noise, 1e-300)),
                         m.drop + terms_.margin * m.drop_error, limit);
        if (budget_.is_settled()) return;
      } else if (check.missed.empty() && !check.tight) {
        return;
      }
    }
  }

  /// Runs what the front still lacks, as long as there is time, for which it takes no more than the search so
  /// far: whole networks in one scheme, and some of the predicted front.
  void complete_front() {
    const bool recovers = static_cast<bool>(options_.recover);
    result_.predicted_front = detail::front_sections(result_.table, goal_);
    std::vector<std::vector<int>> choices;
    if (recovers)
      for (const Scheme& scheme : detail::schemes_of(result_.table))
        if (!scheme.is_fp32()) choices.push_back(detail::uniform_choice(result_.table, scheme));
    for (const std::size_t i : detail::spread_out(result_.predicted_front, kFrontPoints))
      choices.push_back(detail::choice_of(result_.table, result_.predicted_front[i]));
    const double begun = seconds_since(start_);
    const auto has_time = [&](bool asked_for) {
      const double now = seconds_since(start_);
      return !over() && now + attempts_->last_seconds() < seconds_ && (asked_for || now - begun < begun);
    };
    const int total = static_cast<int>(choices.size() + options_.uniform.size());
    int done = 0;
    for (const Scheme& scheme : options_.uniform) {
      report("completing the front", done++, total);
      if (!has_time(true)) return;
      try {
        attempts_->whole(scheme);
      } catch (const Error& e) {
        if (e.code() == ErrorCode::cancelled) throw;
        result_.notes.push_back(
            fmt::format("a network in {} was not measured: {}", format_scheme(scheme), e.what()));
      }
    }
    for (const std::vector<int>& choice : choices) {
      report("completing the front", done++, total);
      if (!has_time(false)) return;
      const FrontPoint point = detail::front_point(result_.table, choice);
      const bool seen = std::any_of(result_.tried.begin(), result_.tried.end(), [&](const FrontPoint& other) {
        return other.recovered == recovers && detail::same_schemes(point, other);
      });
      if (!seen) attempts_->mixture(choice, recovers, result_.tried);
    }
  }

  void refine() {
    if (!options_.refine || (options_.stops && options_.stops())) return;
    report("refining", 0, 0);
    attempts_->refine(std::max(options_.seconds - seconds_since(start_), 0.0));
  }

  void finish() {
    report("front", 0, 0);
    result_.front = detail::measured_front(result_.uniform, result_.tried);
    if (result_.table.extrapolated)
      result_.notes.push_back(
          "there was no time to compare the outputs of all layers in all schemes: some of their errors were "
          "extrapolated");
    if (inexact_)
      result_.notes.push_back("there were more partial choices than were kept: choices may not be the best");
    const detail::LimitCheck check = detail::check_limits(terms_, *result_.given.measured);
    if (check.slower)
      result_.notes.push_back(fmt::format("it is slower than {}", format_scheme(result_.table.rest_scheme)));
    result_.seconds = seconds_since(start_);
  }

  void report(const char* what, int done, int total) const {
    if (options_.progress) options_.progress(what, done, total);
  }

  const Model& fp32_;
  const SampleSet &calibration_, &held_out_;
  const SearchOptions& options_;
  RecoveryClock::time_point start_;
  SearchResult result_;
  std::vector<Scheme> candidates_;
  std::optional<CalibrationTable> own_table_;
  const CalibrationTable* table_ = nullptr;
  std::optional<detail::Mixtures> mixtures_;
  std::optional<detail::Verifier> verifier_;
  detail::LimitTerms terms_;
  ChoiceGoal goal_;
  detail::NoiseBudget budget_;
  std::optional<detail::Chooser> chooser_;
  std::optional<detail::Attempts> attempts_;
  double seconds_ = 0;  ///< that everything but refining has
  bool foreign_ = false, inexact_ = false;
};

}  // namespace

SearchResult search(const Model& fp32, const SampleSet& calibration, const SampleSet& held_out,
                    const SearchOptions& options) {
  return Search(fp32, calibration, held_out, options).run();
}

}  // namespace lowbit
