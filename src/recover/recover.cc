// SPDX-License-Identifier: Apache-2.0
#include "lowbit/recover/recover.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <utility>

#include "core/refuse.h"
#include "model/node_schemes.h"
#include "model/quantize_nodes.h"
#include "recover/each_layer.h"
#include "recover/index.h"
#include "recover/layer_plan.h"
#include "recover/output_judge.h"
#include "recover/range_choice.h"
#include "recover/reader_ranges.h"
#include "recover/recover_layers.h"
#include "recover/recovery_samples.h"
#include "recover/recovery_steps.h"
#include "recover/rewrite_network.h"

namespace lowbit {
namespace {

using Clock = detail::RecoveryClock;
using detail::asks_for;
using detail::LayerPlan;
using detail::plan_layers;
using detail::RecoverySamples;
using detail::seconds_since;

/// The network, how it is to be quantized, and what has been found so far.
class Pipeline {
 public:
  Pipeline(const Model& fp32, const CalibrationTable* table, const QuantizeOptions& options,
           const RecoverOptions& how)
      : fp32_(fp32),
        table_(table),
        options_(options),
        how_(how),
        schemes_(node_schemes(fp32.graph(), options)),
        start_(Clock::now()),
        samples_(fp32, table, how),
        judge_(fp32, samples_, how.threads) {
    policies_.ranges = options.ranges;
    policies_.wide_sums = options.wide_sums;
    report_.samples = samples_.learned.count, report_.held_out = samples_.held_out.count;
    report_.memory = recovery_memory(fp32, table, how);
  }

  RecoveredModel run() {
    layers_ = plan_layers(fp32_.graph(), schemes_, options_.weights);
    Model best = build();
    report_.sqnr_before = report_.sqnr_after = judge_.sqnr(best);
    for (const detail::Rewriting& rewriting : detail::kRewritings)
      if (asks_for(how_, rewriting.step)) try_rewriting(rewriting, best);
    choose_activations(best);
    if (asks_for_layers()) recover_layers(best);
    report_.seconds = seconds_since(start_);
    if (how_.report) *how_.report = std::move(report_);
    return decided(std::move(best));
  }

 private:
  Model build() const {
    NodePolicies policies = policies_;
    policies.given_codes_label.clear();
    policies.weights = [this](const LayerContext& context) -> LayerWeights {
      for (const LayerPlan& layer : layers_)
        if (layer.multiplies() && layer.node == context.node)
          return {.codes = layer.now.codes, .bias = layer.now.bias, .label = layer.label};
      return {};
    };
    return quantize_nodes(fp32_, table_, schemes_, quantized_name(options_), policies);
  }

  RecoveredModel decided(Model best) {
    RecoveredModel result(std::move(best));
    result.wide_sums = policies_.wide_sums;
    result.ranges = options_.ranges ? options_.ranges : all_ranges();
    if (rewritten_) result.network.emplace(RecoveredModel::Network{fp32_, std::move(rewritten_table_)});
    return result;
  }

  /// What the policy says of every value, in a form that outlives this.
  RangePolicy all_ranges() const {
    if (!policies_.ranges) return {};
    std::map<std::pair<std::string, int>, Range> ranges;
    for (const Graph::Value& value : fp32_.graph().values)
      for (const int bits : activation_bits())
        if (const auto range = policies_.ranges(value.name, bits)) ranges[{value.name, bits}] = *range;
    return detail::range_policy(std::move(ranges));
  }

  /// That codes of values may have.
  std::vector<int> activation_bits() const {
    std::set<int> bits{8};
    for (const Scheme& s : schemes_)
      if (s.activation_bits > 1 && s.activation_bits < 8) bits.insert(s.activation_bits);
    return {bits.begin(), bits.end()};
  }

  /// Builds the model as the plans and policies have it now; it is the best where the network's outputs gain.
  bool take_if_better(RecoveryReport::Step& said, Model& best) {
    Model model = build();
    said.sqnr_after = judge_.sqnr(model);
    said.kept = said.sqnr_after > said.sqnr_before;
    if (!said.kept) return false;
    best = std::move(model);
    report_.sqnr_after = said.sqnr_after;
    return true;
  }

  /// The network itself, with plain weights and ranges: kept where its outputs gain.
  void try_rewriting(const detail::Rewriting& rewriting, Model& best) {
    const Clock::time_point start = Clock::now();
    RecoveryReport::Step said{.name = std::string(step_name(rewriting.step)),
                              .sqnr_before = report_.sqnr_after,
                              .sqnr_after = report_.sqnr_after};
    const QuantizerOfNode quantizer = [this](const Graph::Node& node) -> std::optional<AnyQuantizer> {
      for (const LayerPlan& layer : layers_)
        if (layer.name == node.name) return layer.quantizer;
      return std::nullopt;
    };
    if (options_.weights || options_.ranges) {
      said.note = "weights or ranges are the caller's, and would no longer fit";
    } else if (std::optional<detail::RewrittenNetwork> other = detail::rewrite_network(
                   rewriting, {fp32_, table_, samples_, quantizer, how_}, said.note)) {
      take_network(std::move(*other), said, best);
    }
    said.seconds = seconds_since(start);
    report_.network.push_back(std::move(said));
  }

  void take_network(detail::RewrittenNetwork other, RecoveryReport::Step& said, Model& best) {
    std::swap(fp32_, other.fp32);
    std::vector<Scheme> schemes =
        std::exchange(schemes_, detail::schemes_of(fp32_.graph(), other.fp32.graph(), schemes_));
    const CalibrationTable* const table = std::exchange(table_, other.table ? &*other.table : nullptr);
    std::vector<LayerPlan> layers =
        std::exchange(layers_, plan_layers(fp32_.graph(), schemes_, options_.weights));
    if (take_if_better(said, best)) {
      rewritten_ = true;
      rewritten_table_ = std::move(other.table);
      if (rewritten_table_) table_ = &*rewritten_table_;
    } else {
      std::swap(fp32_, other.fp32);
      schemes_ = std::move(schemes);
      table_ = table;
      layers_ = std::move(layers);
    }
  }

  /// What quantizes activations, with the plain weights: kept where the network's outputs gain.
  void choose_activations(Model& best) {
    bool narrow = false, codes = false;
    for (const Scheme& s : schemes_) {
      narrow = narrow || (!s.is_fp32() && !s.dynamic && s.activation_bits > 1 && s.activation_bits < 8);
      codes = codes || (!s.is_fp32() && !s.dynamic && s.activation_bits > 1);
    }
    if (asks_for(how_, RecoveryStep::wide) && narrow && !policies_.wide_sums)
      try_activations(RecoveryStep::wide, best, "", [](NodePolicies& p) { p.wide_sums = true; });
    if (!codes || options_.ranges) return;
    if (asks_for(how_, RecoveryStep::ranges)) choose_ranges(best);
    if (asks_for(how_, RecoveryStep::readers)) choose_ranges_of_readers(best);
  }

  void choose_ranges(Model& best) {
    const auto choice = std::make_shared<detail::RangeChoice>(fp32_.graph(), *table_);
    if (choice->functions_read())
      try_ranges(RecoveryStep::ranges, "of what functions read", best,
                 [choice](const std::string& value, int bits) { return choice->of_function(value, bits); });
    try_ranges(RecoveryStep::ranges, "", best,
               detail::first_of(policies_.ranges, [choice](const std::string& value, int bits) {
                 return choice->of_codes(value, bits);
               }));
  }

  void choose_ranges_of_readers(Model& best) {
    const bool centred = asks_for(how_, RecoveryStep::bias);
    detail::ReaderRanges readers(fp32_, *table_, policies_.ranges,
                                 {activation_bits(), policies_.wide_sums, centred, how_.threads});
    detail::each_layer(
        fp32_, samples_.learned.views(),
        {.second_moments = SecondMoments::none,
         .positions = samples_.positions,
         .sampled_rows = detail::ReaderRanges::kRows,
         .threads = how_.threads},
        [&](std::size_t node) { return readers.wants(node); },
        [&](std::size_t node, const LayerMoments& moments) { readers.see(node, moments); });
    try_ranges(RecoveryStep::readers, "", best,
               detail::first_of(detail::range_policy(readers.ranges()), policies_.ranges));
  }

  void try_ranges(RecoveryStep step, const char* note, Model& best, RangePolicy ranges) {
    try_activations(step, best, note, [&](NodePolicies& policies) { policies.ranges = std::move(ranges); });
  }

  template <class Change>
  void try_activations(RecoveryStep step, Model& best, const char* note, const Change& change) {
    const Clock::time_point start = Clock::now();
    RecoveryReport::Step said{
        .name = std::string(step_name(step)), .sqnr_before = report_.sqnr_after, .note = note};
    const NodePolicies before = policies_;
    change(policies_);
    if (!take_if_better(said, best)) policies_ = before;
    said.seconds = seconds_since(start);
    report_.network.push_back(std::move(said));
  }

  bool asks_for_layers() const {
    return std::any_of(how_.steps.begin(), how_.steps.end(),
                       [](RecoveryStep step) { return step > RecoveryStep::readers; });
  }

  void recover_layers(Model& best) {
    detail::recover_layers(layers_, best, fp32_, samples_, how_, start_, report_);
    Model recovered = build();
    const double after = judge_.sqnr(recovered);
    if (after > report_.sqnr_after) {
      report_.sqnr_after = after;
      best = std::move(recovered);
    } else {
      report_.network.push_back(
          {.name = "layers",
           .sqnr_before = report_.sqnr_after,
           .sqnr_after = after,
           .note = "the layers together do not lower the error of the network's outputs"});
    }
  }

  Model fp32_;                     ///< rewritten, where that gains
  const CalibrationTable* table_;  ///< of fp32_
  bool rewritten_ = false;
  std::optional<CalibrationTable> rewritten_table_{};
  const QuantizeOptions& options_;
  const RecoverOptions& how_;
  std::vector<Scheme> schemes_;  ///< of fp32_, one a node
  Clock::time_point start_;
  NodePolicies policies_;
  RecoverySamples samples_;
  detail::OutputJudge judge_;
  std::vector<LayerPlan> layers_;
  RecoveryReport report_;
};

void check(const RecoverOptions& o) {
  if (o.samples < 8) refuse(fmt::format("recovery takes at least 8 samples, not {}", o.samples));
  if (o.held_out_every < 2)
    refuse(fmt::format("one of at least 2 samples is kept aside, not of {}", o.held_out_every));
  if (o.positions < 1)
    refuse(fmt::format("recovery takes at least 1 position of a sample, not {}", o.positions));
  if (!(o.products >= 0))
    refuse(fmt::format("the products of a recovery's samples are 0 or more, not {}", o.products));
  if (!(o.descent_products >= 0))
    refuse(fmt::format("the products of a layer's descent are 0 or more, not {}", o.descent_products));
  if (o.descents < 1) refuse(fmt::format("recovery takes at least 1 turn of descent, not {}", o.descents));
}

}  // namespace

Recovery recover(RecoverOptions how) {
  check(how);
  return [how = std::move(how)](const Model& fp32, const CalibrationTable* table,
                                const QuantizeOptions& options) -> RecoveredModel {
    if (format_scheme(options.scheme) == "fp32" && options.overrides.empty()) return fp32;
    return Pipeline(fp32, table, options, how).run();
  };
}

}  // namespace lowbit
