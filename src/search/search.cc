// SPDX-License-Identifier: Apache-2.0
#include "lowbit/search/search.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <tuple>
#include <utility>

#include "lowbit/core/error.h"
#include "lowbit/kernels/cpu.h"
#include "lowbit/model/quantize.h"
#include "lowbit/model/serialize.h"
#include "lowbit/search/choose.h"
#include "search/cost_parts.h"
#include "search/cost_study.h"
#include "search/front_sections.h"
#include "search/limit_check.h"
#include "search/noise_budget.h"
#include "search/verifier.h"

namespace lowbit {
namespace {

using SearchClock = std::chrono::steady_clock;

constexpr double kDefaultDrop = 0.5;
constexpr double kRecoveredShare = 0.4;
constexpr int kQuickTries = 8, kRecoveredTries = 12;

double seconds_from(SearchClock::time_point start) {
  return std::chrono::duration<double>(SearchClock::now() - start).count();
}

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
        start_(SearchClock::now()) {
    check_search_options(options);
    result_.asked = options.limits;
    const SearchLimits& asked = options.limits;
    if (!asked.max_drop && !asked.min_speedup && !asked.max_bytes && !asked.max_memory && !asked.max_joules)
      result_.asked.max_drop = kDefaultDrop;
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
    if (options_.recover) walk_recovered();
    finish();
    return std::move(result_);
  }

 private:
  std::optional<Model> rest_network() const {
    if (result_.table.rest_scheme.is_fp32()) return std::nullopt;
    return mixtures_->make(mixtures_->uniform(result_.table.rest_scheme, result_.table.rest_scheme));
  }

  bool over() {
    const bool now = seconds_from(start_) >= options_.seconds || (options_.stops && options_.stops());
    result_.out_of_time = result_.out_of_time || now;
    return now;
  }

  void prepare_ranges() {
    candidates_ = options_.candidates;
    if (options_.costs) {
      check_made_for(*options_.costs, fp32_);
      candidates_ = schemes_of(*options_.costs);
    }
    const bool needs = std::any_of(candidates_.begin(), candidates_.end(), [](const Scheme& s) {
      return !s.is_fp32() && !s.dynamic && s.activation_bits > 0;
    });
    table_ = options_.table;
    if (table_ || (!needs && !options_.recover)) return;
    report("calibrating", 0, 0);
    Calibrator calibrator(fp32_, {.threads = options_.threads});
    calibrator.add(calibration_.views());
    table_ = &own_table_.emplace(calibrator.finish());
  }

  static std::vector<Scheme> schemes_of(const CostTable& costs) {
    std::vector<Scheme> schemes;
    for (const CostTable::Layer& layer : costs.layers)
      for (const CostTable::Candidate& c : layer.candidates)
        if (std::find(schemes.begin(), schemes.end(), c.scheme) == schemes.end()) schemes.push_back(c.scheme);
    return schemes;
  }

  void prepare_costs() {
    CostOptions how{.candidates = candidates_,
                    .table = table_,
                    .threads = options_.threads,
                    .batch = options_.batch,
                    .compress = options_.compress,
                    .steps = options_.layer_steps,
                    .progress = options_.progress};
    how.outputs_seconds = std::min(how.outputs_seconds, options_.seconds / 5);
    how.timing_seconds = std::min(how.timing_seconds, options_.seconds / 20);
    // Some of the time must be left for what is made of it.
    const auto stops_at = [this](double share) {
      return [this, share] {
        return seconds_from(start_) > options_.seconds * share || (options_.stops && options_.stops());
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

  /// The mixtures' schemes of a choice from the table, which may have fewer or more.
  std::vector<int> of_mixtures(const std::vector<int>& choice) const {
    std::vector<int> own;
    for (std::size_t l = 0; l < choice.size(); ++l) {
      const Scheme& scheme = result_.table.layers[l].candidates[static_cast<std::size_t>(choice[l])].scheme;
      own.push_back(mixtures_->index_of(l, scheme));
      if (own.back() < 0)
        throw Error(ErrorCode::invalid_argument,
                    fmt::format("the table of costs has layer '{}' in {}, which it cannot have",
                                result_.table.layers[l].name, format_scheme(scheme)));
    }
    return own;
  }

  void set_terms() {
    terms_ = {result_.asked, options_.margin, result_.fp32.ns, 0};
    const bool bytes_first = options_.goal == SearchGoal::bytes;
    rest_sum_ = add_up(result_.table, rest_choice());
    if (options_.not_slower && !bytes_first && !result_.asked.min_speedup) {
      const CostTable::Whole* rest = detail::whole_of(result_.table, result_.table.rest_scheme);
      terms_.rest_ns = rest && !rest->scheme.is_fp32() ? rest->ns : 0;
    }
    // What a layer counts as a part of the rest scheme's network.
    const double ns = 1 / std::max(rest_sum_.ns, 1e-9), bytes = 1 / std::max(double(rest_sum_.bytes), 1.0);
    goal_ = {options_.goal == SearchGoal::bytes ? 1e-3 * ns : ns,
             options_.goal == SearchGoal::time ? 1e-3 * bytes : bytes, 0, 0};
  }

  std::vector<int> rest_choice() const {
    std::vector<int> choice;
    for (const CostTable::Layer& layer : result_.table.layers) {
      int index = 0;
      for (std::size_t c = 0; c < layer.candidates.size(); ++c)
        if (layer.candidates[c].scheme == result_.table.rest_scheme) index = static_cast<int>(c);
      choice.push_back(index);
    }
    return choice;
  }

  FrontPoint point_of(const std::vector<int>& choice) const {
    return detail::front_point(result_.table, choice);
  }

  Model make(const FrontPoint& point, const std::vector<int>& choice, bool recovered) const {
    if (!recovered) return mixtures_->make(of_mixtures(choice));
    const QuantizeOptions how{
        .scheme = result_.table.rest_scheme, .overrides = point.overrides(), .recover = options_.recover};
    return table_ ? quantize(fp32_, *table_, how) : quantize(fp32_, how);
  }

  /// Makes and measures a network, and keeps it where it is the best so far.
  const NetworkMeasurement& attempt(const std::vector<int>& choice, bool recovered,
                                    std::vector<FrontPoint>& list) {
    const auto begun = SearchClock::now();
    FrontPoint made = point_of(choice);
    const Model model = make(made, choice, recovered);
    FrontPoint& point = list.emplace_back(std::move(made));
    point.recovered = recovered;
    point.measured = verifier_->measure(model, point.predicted, result_.table);
    offer(point, model);
    last_attempt_ = seconds_from(begun);
    return *point.measured;
  }

  void offer(const FrontPoint& point, const Model& model) {
    const detail::LimitCheck check = detail::check_limits(terms_, *point.measured);
    const Rank rank{check.excess, check.slower, value_of(*point.measured)};
    if (result_.model && !rank.is_better_than(best_)) return;
    best_ = rank;
    result_.model = model;
    result_.given = point;
    result_.missed = check.missed;
  }

  /// First limits, then no slower than the rest scheme, then the goal.
  struct Rank {
    double excess = 0;
    bool slower = false;
    double value = 0;
    bool is_better_than(const Rank& other) const {
      return std::tie(excess, slower, value) < std::tie(other.excess, other.slower, other.value);
    }
  };

  double value_of(const NetworkMeasurement& m) const {
    if (!terms_.limits.max_drop) return -m.sqnr_db;
    return goal_.ns * m.ns + goal_.bytes * static_cast<double>(m.file_bytes);
  }

  void try_uniform() {
    const std::vector<Scheme> schemes = schemes_of(result_.table);
    int done = 0;
    for (const Scheme& scheme : schemes) {
      report("uniform schemes", done++, static_cast<int>(schemes.size()));
      if (scheme.is_fp32() && result_.model) continue;
      // At least one network there must be.
      if (result_.model && over()) return;
      std::vector<int> choice = rest_choice();
      for (std::size_t l = 0; l < choice.size(); ++l) {
        const auto& candidates = result_.table.layers[l].candidates;
        for (std::size_t c = 0; c < candidates.size(); ++c)
          if (candidates[c].scheme == scheme) choice[l] = static_cast<int>(c);
      }
      attempt(choice, false, result_.uniform);
      const FrontPoint& point = result_.uniform.back();
      budget_.known(point.predicted.noise, point.measured->drop + terms_.margin * point.measured->drop_error);
    }
  }

  /// The limits of the table's sums, corrected by what was measured of earlier networks.
  ChoiceLimits choice_limits(double noise) const {
    ChoiceLimits limits;
    const SearchLimits& asked = terms_.limits;
    double ns = asked.min_speedup ? terms_.fp32_ns / *asked.min_speedup : ChoiceLimits::kFree;
    if (terms_.rest_ns > 0) ns = std::min(ns, terms_.rest_ns);
    limits.ns = ns / corrections_.ns;
    if (asked.max_bytes) limits.bytes = static_cast<double>(*asked.max_bytes) - corrections_.bytes;
    if (asked.max_memory) limits.memory = static_cast<double>(*asked.max_memory) - corrections_.memory;
    if (asked.max_joules) limits.joules = *asked.max_joules;
    limits.noise = noise;
    return limits;
  }

  std::optional<Choice> chosen(double noise) const {
    const ChoiceGoal error{.noise = 1};
    const ChoiceGoal& goal = terms_.limits.max_drop ? goal_ : error;
    return choose_within(choice_limits(noise), goal);
  }

  /// Where no choice is as fast as the rest scheme, one that is a little slower, rather than nothing.
  std::optional<Choice> choose_within(ChoiceLimits limits, const ChoiceGoal& goal) const {
    std::optional<Choice> choice = choose(result_.table, limits, goal);
    if (terms_.rest_ns == 0) return choice;
    const double ns = limits.ns;
    for (const double factor : {1.03, 1.1, ChoiceLimits::kFree}) {
      if (choice) break;
      limits.ns = ns * factor;
      choice = choose(result_.table, limits, goal);
    }
    return choice;
  }

  /// Learns from a network how real sums are off the table's.
  void correct(const FrontPoint& point) {
    const NetworkMeasurement& m = *point.measured;
    // One measurement of a small difference is mostly noise: the mean of all counts.
    if (point.predicted.ns > 0 && m.ns > 0) {
      ns_ratios_ += std::log(std::clamp(m.ns / point.predicted.ns, 0.5, 2.0)), ++ratios_;
      corrections_.ns = std::exp(ns_ratios_ / ratios_);
    }
    corrections_.bytes = static_cast<double>(m.file_bytes) - static_cast<double>(point.predicted.bytes);
    corrections_.memory = static_cast<double>(m.memory) - static_cast<double>(point.predicted.memory);
  }

  void walk_recovered() {
    try {
      walk(true, kRecoveredTries);
    } catch (const Error& e) {
      if (e.code() != ErrorCode::cancelled) throw;
      result_.out_of_time = true;  // within a recovery
    }
  }

  /// Networks of more or less error, until the largest error that keeps the drop is found.
  void walk(bool recovered, int most) {
    if (recovered) budget_.start_again();
    std::vector<std::vector<int>> seen;
    const double limit = terms_.limits.max_drop.value_or(0);
    for (int i = 0; i < most; ++i) {
      report(recovered ? "recovering networks" : "trying networks", i, most);
      const double remaining = options_.seconds - seconds_from(start_);
      // What is recovered as a whole counts for more: it must have its time.
      if (!recovered && options_.recover && i > 0 && remaining < kRecoveredShare * options_.seconds) return;
      if (over() || (recovered && i > 0 && last_attempt_ > remaining)) {
        result_.out_of_time = true;
        return;
      }
      const double noise = terms_.limits.max_drop ? budget_.next(limit) : ChoiceLimits::kFree;
      std::optional<Choice> choice = chosen(noise);
      if (!choice) {
        if (!terms_.limits.max_drop) return;
        choice = least_error();
        if (!choice) return;
      }
      if (std::find(seen.begin(), seen.end(), choice->candidates) != seen.end()) {
        if (!budget_.nudge()) return;
        continue;
      }
      seen.push_back(choice->candidates);
      if (!choice->exact) inexact_ = true;
      const NetworkMeasurement& m = attempt(choice->candidates, recovered, result_.tried);
      correct(result_.tried.back());
      const detail::LimitCheck check = detail::check_limits(terms_, m);
      if (terms_.limits.max_drop) {
        budget_.measured(std::min(noise, std::max(choice->sum.noise, 1e-300)),
                         m.drop + terms_.margin * m.drop_error, limit);
        if (budget_.is_settled()) return;
      } else if (check.missed.empty()) {
        return;
      }
    }
  }

  /// Where no choice has so little error: the one that has least.
  std::optional<Choice> least_error() const {
    return choose_within(choice_limits(ChoiceLimits::kFree), {.noise = 1});
  }

  void finish() {
    report("front", 0, 0);
    result_.front = detail::front_sections(result_.table, goal_);
    for (FrontPoint& point : result_.front)
      for (const std::vector<FrontPoint>* list : {&result_.uniform, &result_.tried})
        for (const FrontPoint& measured : *list)
          if (detail::same_schemes(point, measured)) {
            point.measured = measured.measured;
            point.recovered = measured.recovered;
          }
    if (inexact_)
      result_.notes.push_back("there were more partial choices than were kept: choices may not be the best");
    const detail::LimitCheck check = detail::check_limits(terms_, *result_.given.measured);
    if (check.slower)
      result_.notes.push_back(fmt::format("it is slower than {}", format_scheme(result_.table.rest_scheme)));
    result_.seconds = seconds_from(start_);
  }

  void report(const char* what, int done, int total) const {
    if (options_.progress) options_.progress(what, done, total);
  }

  const Model& fp32_;
  const SampleSet &calibration_, &held_out_;
  const SearchOptions& options_;
  SearchClock::time_point start_;
  SearchResult result_;
  std::vector<Scheme> candidates_;
  std::optional<CalibrationTable> own_table_;
  const CalibrationTable* table_ = nullptr;
  std::optional<detail::Mixtures> mixtures_;
  std::optional<detail::Verifier> verifier_;
  detail::LimitTerms terms_;
  CostSum rest_sum_;
  ChoiceGoal goal_;
  detail::NoiseBudget budget_;
  Rank best_;
  struct Corrections {
    double ns = 1, bytes = 0, memory = 0;
  } corrections_;
  double ns_ratios_ = 0;  ///< logarithms of measured over predicted times, added up
  int ratios_ = 0;
  double last_attempt_ = 0;  ///< seconds
  bool foreign_ = false, inexact_ = false;
};

}  // namespace

SearchResult search(const Model& fp32, const SampleSet& calibration, const SampleSet& held_out,
                    const SearchOptions& options) {
  return Search(fp32, calibration, held_out, options).run();
}

void check_made_for(const CostTable& costs, const Model& fp32) {
  check(costs);
  const auto refuse = [](const std::string& why) {
    throw Error(ErrorCode::invalid_argument, "the table of costs was made for another model: " + why);
  };
  if (costs.model != 0 && costs.model != fingerprint(fp32))
    refuse(fmt::format("that has the fingerprint {:016x}, this one {:016x}", costs.model, fingerprint(fp32)));
  std::vector<std::string> names;
  for (const Graph::Node& node : fp32.graph().nodes)
    if (ops::has_weights(node.op)) names.push_back(node.name);
  if (names.size() != costs.layers.size())
    refuse(fmt::format("that has {} layers with weights, this one {}", costs.layers.size(), names.size()));
  for (std::size_t l = 0; l < names.size(); ++l)
    if (names[l] != costs.layers[l].name)
      refuse(fmt::format("its layer {} is '{}', this one's '{}'", l + 1, costs.layers[l].name, names[l]));
}

}  // namespace lowbit
