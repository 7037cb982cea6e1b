// SPDX-License-Identifier: Apache-2.0
#include "search/attempts.h"
#include "recover/recovery_steps.h"

#include <fmt/format.h>

#include <algorithm>
#include <tuple>
#include <utility>

#include "lowbit/core/error.h"
#include "search/energy.h"
#include "search/front_sections.h"
#include "search/table_choices.h"

namespace lowbit::detail {
namespace {

/// Under the name of what its layers have.
Model named(Model model, const FrontPoint& point) {
  if (model.scheme() == point.name || !model.is_quantized() || point.name == "fp32") return model;
  ModelData data = model.complete_data();
  data.scheme = point.name;
  return Model(std::move(data));
}

}  // namespace

Attempts::Attempts(const Model& fp32, const SearchOptions& search, const Mixtures& mixtures,
                   const Verifier& verifier, const Options& options, SearchResult& result)
    : fp32_(fp32),
      search_(search),
      mixtures_(mixtures),
      verifier_(verifier),
      options_(options),
      result_(result) {}

bool Attempts::Rank::is_better_than(const Rank& other) const {
  return std::tie(excess, slow, value) < std::tie(other.excess, other.slow, other.value);
}

double Attempts::value_of(const NetworkMeasurement& m) const {
  // A decibel is a tie-break: answers are what counts, where many samples tell them apart.
  if (!options_.terms.limits.max_drop) return m.drop - 1e-3 * std::min(m.sqnr_db, 200.0);
  return options_.goal.ns * m.ns + options_.goal.bytes * static_cast<double>(m.file_bytes);
}

/// The mixtures' schemes of a choice from the table, which may have fewer or more.
std::vector<int> Attempts::of_mixtures(const std::vector<int>& choice) const {
  std::vector<int> own;
  for (std::size_t l = 0; l < choice.size(); ++l) {
    const Scheme& scheme = result_.table.layers[l].candidates[static_cast<std::size_t>(choice[l])].scheme;
    own.push_back(mixtures_.index_of(l, scheme));
    if (own.back() < 0)
      throw Error(ErrorCode::invalid_argument,
                  fmt::format("the table of costs has layer '{}' in {}, which it cannot have",
                              result_.table.layers[l].name, format_scheme(scheme)));
  }
  return own;
}

Model Attempts::quantized(const QuantizeOptions& how) const {
  return options_.ranges ? quantize(fp32_, *options_.ranges, how) : quantize(fp32_, how);
}

Model Attempts::make(const FrontPoint& point, const std::vector<int>& choice, bool recovered) const {
  if (!recovered) return mixtures_.make(of_mixtures(choice));
  const QuantizeOptions how{
      .scheme = result_.table.rest_scheme, .overrides = point.overrides(), .recover = search_.recover};
  return named(quantized(how), point);
}

void Attempts::offer(const FrontPoint& point, const Model& model) {
  const LimitCheck check = check_limits(options_.terms, *point.measured);
  const Rank rank{check.excess, check.tight || check.slower, value_of(*point.measured)};
  if (result_.model && !rank.is_better_than(best_)) return;
  best_ = rank;
  result_.model = model;
  result_.given = point;
  result_.missed = check.missed;
}

const NetworkMeasurement& Attempts::mixture(const std::vector<int>& choice, bool recovered,
                                            std::vector<FrontPoint>& list) {
  const auto begun = RecoveryClock::now();
  FrontPoint made = front_point(result_.table, choice);
  const Model model = make(made, choice, recovered);
  FrontPoint& point = list.emplace_back(std::move(made));
  point.recovered = recovered;
  point.measured = verifier_.measure(model, point.predicted, result_.table);
  offer(point, model);
  last_seconds_ = seconds_since(begun);
  return *point.measured;
}

void Attempts::whole(const Scheme& scheme) {
  const std::vector<Scheme> known = schemes_of(result_.table);
  if (scheme.is_fp32() || options_.foreign || std::find(known.begin(), known.end(), scheme) != known.end())
    return;
  const auto begun = RecoveryClock::now();
  const Model model = quantized({.scheme = scheme, .recover = search_.recover});
  FrontPoint& point = result_.uniform.emplace_back();
  point.name = format_scheme(scheme);
  point.recovered = static_cast<bool>(search_.recover);
  for (std::size_t i = 0; i < model.graph().nodes.size(); ++i)
    if (ops::has_weights(model.graph().nodes[i].op))
      point.layers.push_back({.layer = model.graph().nodes[i].name,
                              .scheme = model.quantization(static_cast<int>(i)).scheme,
                              .kernel = model.kernel(static_cast<int>(i)),
                              .bytes = model.weight_bytes(static_cast<int>(i))});
  CostSum energy;
  if (result_.table.energy_source == kEstimatedEnergy) {
    energy.joules = estimated_joules(model, search_.batch);
  } else if (const CostTable::Whole* fp32 = whole_of(result_.table, Scheme())) {
    energy.ns = fp32->ns, energy.joules = fp32->joules;  // the same power
  }
  point.measured = verifier_.measure(model, energy, result_.table);
  offer(point, model);
  last_seconds_ = seconds_since(begun);
}

void Attempts::refine(double seconds) {
  RefinedModel made = search_.refine(result_.given, seconds);
  SearchRefinement& told = result_.refinement.emplace();
  told.description = std::move(made.description);
  told.before = *result_.given.measured;
  if (!made.model) return;
  FrontPoint point = result_.given;
  made.model = named(std::move(*made.model), point);
  point.recovered = false, point.refined = true;
  point.measured = verifier_.measure(*made.model, point.predicted, result_.table);
  told.after = point.measured;
  const LimitCheck check = check_limits(options_.terms, *point.measured);
  const auto rank = [](double excess, const NetworkMeasurement& m) {
    return std::tuple(excess, m.drop, -m.sqnr_db);
  };
  told.kept = rank(check.excess, *point.measured) < rank(best_.excess, told.before);
  if (told.kept) {
    result_.model = std::move(made.model);
    result_.given = point;
    result_.missed = check.missed;
  }
  result_.tried.push_back(std::move(point));
}

}  // namespace lowbit::detail
