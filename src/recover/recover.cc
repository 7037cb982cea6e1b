#include "lowbit/recover/recover.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <optional>
#include <tuple>
#include <utility>

#include "core/refuse.h"
#include "lowbit/core/error.h"
#include "lowbit/model/layer_weights.h"
#include "lowbit/observe/mse.h"
#include "lowbit/quant/make_quantizer.h"
#include "model/copy_samples.h"
#include "model/node_schemes.h"
#include "model/quantize_nodes.h"
#include "recover/function_range.h"
#include "recover/index.h"
#include "recover/layer_walk.h"
#include "recover/recover_layer.h"
#include "recover/recovery_samples.h"
#include "recover/recovery_steps.h"
#include "recover/rewrite_network.h"

namespace lowbit {
namespace {

using Clock = detail::RecoveryClock;
using detail::asks_for;
using detail::index;
using detail::RecoveredLayer;
using detail::RecoverySamples;
using detail::seconds_since;

/// What the user's policy or the scheme makes of a layer's weights.
struct LayerPlan {
  int node = 0;
  std::string name{};
  Tensor weights{};
  std::vector<float> bias{};  ///< the layer's own or the policy's
  std::optional<AnyQuantizer> quantizer{};
  std::vector<float> importance{};
  std::string label{};
  std::string untouched{};  ///< why it stays as it is; empty: it does not
  RecoveredLayer now{};
};

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
        samples_(fp32, table, how) {
    policies_.ranges = options.ranges;
    policies_.wide_sums = options.wide_sums;
    report_.samples = samples_.learned_count, report_.held_out = samples_.held_out_count;
    reference_ = outputs(fp32);
  }

  Model run() {
    find_layers();
    Model plain = build();
    report_.sqnr_before = report_.sqnr_after = sqnr(plain);
    Model best = plain;
    rewrite(best);
    choose_activations(best);
    if (asks_for_layers()) recover_layers(best);
    report_.seconds = seconds_since(start_);
    if (how_.report) *how_.report = std::move(report_);
    return best;
  }

 private:
  void find_layers() {
    const std::vector<NodePlan> plans = plan_nodes(fp32_.graph(), schemes_);
    for (std::size_t i = 0; i < plans.size(); ++i) {
      const Graph::Node& node = fp32_.graph().nodes[i];
      if (plans[i].mode == NodePlan::Mode::f32 || !ops::has_weights(node.op)) continue;
      layers_.push_back(plan_layer(node, static_cast<int>(i), plans[i]));
    }
  }

  LayerPlan plan_layer(const Graph::Node& node, int i, const NodePlan& plan) const {
    LayerPlan layer{.node = i, .name = node.name, .weights = weight_matrix(node.op)};
    const MatrixView weights(layer.weights.data.data(), layer.weights.shape[0], layer.weights.shape[1]);
    std::visit(
        [&](const auto& op) {
          if constexpr (requires { op.bias; }) layer.bias = op.bias;
        },
        node.op);
    // The checks, and the codes of the user's own policy, are those of quantize().
    NodeQuantization q{.scheme = plan.scheme};
    std::optional<LayerWeights> chosen;
    const auto policy = [&](const LayerContext& context) {
      return chosen.emplace(options_.weights ? options_.weights(context) : LayerWeights{});
    };
    layer.now.bias = quantize_weights(node, i, {.weights = policy}, q);
    layer.now.codes = std::move(*q.weights);
    layer.label = q.weights_label;
    if (!layer.now.bias.empty()) layer.bias = layer.now.bias;
    layer.bias.resize(index(weights.rows), 0.0f);
    layer.quantizer.emplace(chosen->quantizer ? *chosen->quantizer : make_quantizer(plan.scheme));
    layer.importance = std::move(chosen->importance);
    if (chosen->codes) layer.untouched = "its codes were given";
    if (plan.mode == NodePlan::Mode::signs) layer.untouched = "it multiplies the signs of its inputs";
    return layer;
  }

  Model build() const {
    NodePolicies policies = policies_;
    policies.given_codes_label.clear();
    policies.weights = [this](const LayerContext& context) -> LayerWeights {
      for (const LayerPlan& layer : layers_)
        if (layer.node == context.node)
          return {.codes = layer.now.codes, .bias = layer.now.bias, .label = layer.label};
      return {};
    };
    return quantize_nodes(fp32_, table_, schemes_, quantized_name(options_), policies);
  }

  std::vector<float> outputs(const Model& model) const {
    const std::int64_t count = samples_.held_out_count, batch = std::min<std::int64_t>(count, 16);
    Workspace workspace(model, {.batch = batch, .threads = how_.threads});
    std::vector<std::vector<float>> results(model.output_count());
    std::vector<float> all;
    for (std::int64_t first = 0; first < count; first += batch) {
      const std::int64_t n = std::min(batch, count - first);
      std::vector<MutableTensorView> outs;
      for (std::size_t o = 0; o < results.size(); ++o) {
        results[o].resize(index(n * model.output_shape(o).elements()));
        outs.emplace_back(results[o].data(), with_batch(model.output_shape(o), n));
      }
      const TensorView in(samples_.held_out.data() + first * samples_.sample.elements(),
                          with_batch(samples_.sample, n));
      lowbit::run(model, std::span(&in, 1), outs, workspace);
      for (const std::vector<float>& result : results) all.insert(all.end(), result.begin(), result.end());
    }
    return all;
  }

  double sqnr(const Model& model) const {
    const std::vector<float> got = outputs(model);
    double signal = 0, error = 0;
    for (std::size_t i = 0; i < got.size(); ++i) {
      const double want = static_cast<double>(reference_[i]), miss = static_cast<double>(got[i]) - want;
      if (!std::isfinite(want)) continue;
      signal += want * want;
      error += std::isfinite(miss) ? miss * miss : want * want;
    }
    return 10 * std::log10(std::max(signal, 1e-300) / std::max(error, 1e-300));
  }

  /// The network itself, with plain weights and ranges: kept where its outputs gain.
  void rewrite(Model& best) {
    for (const detail::Rewriting& rewriting : detail::kRewritings)
      if (asks_for(how_, rewriting.step)) try_rewriting(rewriting, best);
  }

  /// Builds the model as the plans and policies have it now; it is the best where the network's outputs gain.
  bool take_if_better(RecoveryReport::Step& said, Model& best) {
    Model model = build();
    said.sqnr_after = sqnr(model);
    said.kept = said.sqnr_after > said.sqnr_before;
    if (!said.kept) return false;
    best = std::move(model);
    report_.sqnr_after = said.sqnr_after;
    return true;
  }

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
                   rewriting, {fp32_, table_, samples_.batch(false), samples_.all, quantizer, how_},
                   said.note)) {
      std::swap(fp32_, other->fp32);
      const CalibrationTable* const table = std::exchange(table_, other->table ? &*other->table : nullptr);
      std::vector<LayerPlan> layers = std::exchange(layers_, {});
      find_layers();
      if (take_if_better(said, best)) {
        rewritten_table_ = std::move(other->table);
        if (rewritten_table_) table_ = &*rewritten_table_;
      } else {
        std::swap(fp32_, other->fp32);
        table_ = table;
        layers_ = std::move(layers);
      }
    }
    said.seconds = seconds_since(start);
    report_.network.push_back(std::move(said));
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
    if (!asks_for(how_, RecoveryStep::ranges) || !codes || policies_.ranges) return;
    const auto by = [](auto range) { return [range](NodePolicies& p) { p.ranges = range; }; };
    if (functions_read())
      try_activations(
          RecoveryStep::ranges, best, "of what functions read",
          by([this](const std::string& value, int bits) { return range_for_reader(value, bits); }));
    const bool kept = policies_.ranges != nullptr;
    try_activations(RecoveryStep::ranges, best, "", by([this, kept](const std::string& value, int bits) {
                      const std::optional<Range> of_reader =
                          kept ? range_for_reader(value, bits) : std::nullopt;
                      return of_reader ? of_reader : range_of(value, bits);
                    }));
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

  bool functions_read() const {
    const std::vector<Graph::Value>& values = fp32_.graph().values;
    return std::any_of(values.begin(), values.end(),
                       [&](const Graph::Value& value) { return reader_of(value.name) != nullptr; });
  }

  using RangeChoice = Range (*)(const FloatHistogram& seen, IntRange codes, const ops::FunctionOp* reader);

  /// Of a value that nothing but one function reads; null for another.
  const ops::FunctionOp* reader_of(const std::string& value) const {
    const Graph& graph = fp32_.graph();
    for (std::size_t v = 0; v < graph.values.size(); ++v) {
      if (graph.values[v].name != value) continue;
      const std::vector<int> readers = graph.consumers(static_cast<ValueId>(v));
      if (readers.size() != 1 || graph.is_output(static_cast<ValueId>(v))) return nullptr;
      return std::get_if<ops::FunctionOp>(&graph.nodes[index(readers[0])].op);
    }
    return nullptr;
  }

  /// By what its one reader makes of the codes, where that is a function.
  std::optional<Range> range_for_reader(const std::string& value, int bits) {
    const ops::FunctionOp* reader = reader_of(value);
    if (!reader) return std::nullopt;
    return chosen_range(value, bits, reader, [](const FloatHistogram& seen, IntRange codes, const auto* op) {
      return detail::function_range(*op, seen, codes);
    });
  }

  /// By the squared error of the codes themselves.
  std::optional<Range> range_of(const std::string& value, int bits) {
    return chosen_range(value, bits, nullptr, [](const FloatHistogram& seen, IntRange codes, const auto*) {
      MseObserver observer;
      observer.set_state(seen.state());
      return observer.range(codes);
    });
  }

  /// Chosen once for each reader; nothing where the table has not seen the value.
  std::optional<Range> chosen_range(const std::string& value, int bits, const ops::FunctionOp* reader,
                                    RangeChoice choose) {
    const auto [at, made] = ranges_.try_emplace({value, bits, reader != nullptr});
    if (!made) return at->second;
    for (const CalibrationEntry& entry : table_->entries) {
      if (entry.value != value) continue;
      const FloatHistogram* seen = entry.distribution();
      if (seen && !seen->empty()) at->second = choose(*seen, unsigned_range(bits), reader);
      break;
    }
    return at->second;
  }

  bool asks_for_layers() const {
    return std::any_of(how_.steps.begin(), how_.steps.end(),
                       [](RecoveryStep step) { return step > RecoveryStep::ranges; });
  }

  void recover_layers(Model& best) {
    recover_layers_of(best);
    Model recovered = build();
    const double after = sqnr(recovered);
    if (after > report_.sqnr_after) {
      report_.sqnr_after = after;
      best = std::move(recovered);
    } else {
      report_.network.push_back({"layers", report_.sqnr_after, after, 0, false,
                                 "the layers together do not lower the error of the network's outputs"});
    }
  }

  /// `model` is what the plans and policies have made so far.
  void recover_layers_of(const Model& model) {
    detail::LayerWalk walk(model, fp32_, samples_, how_.threads);
    for (std::size_t i = 0; i < layers_.size(); ++i) {
      LayerPlan& layer = layers_[i];
      const Clock::time_point start = Clock::now();
      RecoveryReport::Layer& said = report_.layers.emplace_back();
      said.name = layer.name;
      said.note = layer.untouched;
      if (layer.untouched.empty()) recover_one(layer, walk, said);
      said.seconds = seconds_since(start);
      if (!how_.progress) continue;
      const double spent = seconds_since(start_);
      const double left = spent * static_cast<double>(layers_.size() - i - 1) / static_cast<double>(i + 1);
      if (!how_.progress({i + 1, layers_.size(), spent, left}))
        throw Error(ErrorCode::cancelled, fmt::format("the recovery was cancelled after layer '{}', {} of {}",
                                                      layer.name, i + 1, layers_.size()));
    }
  }

  void recover_one(LayerPlan& layer, detail::LayerWalk& walk, RecoveryReport::Layer& said) {
    const detail::LayerWalk::Moments moments = walk.moments(layer.name);
    const std::int64_t rows = layer.weights.shape[0], columns = layer.weights.shape[1];
    MatrixView importance;
    if (!layer.importance.empty())
      importance = {layer.importance.data(), rows, columns,
                    static_cast<std::int64_t>(layer.importance.size()) == columns ? 0 : columns, 1};
    RecoverOptions how = how_;
    how.descent_products = detail::descent_products_of(how_, layers_.size());
    const RecoveredLayer plain = layer.now;
    layer.now = detail::recover_layer(
        {{layer.weights.data.data(), rows, columns}, *layer.quantizer, importance, plain, layer.bias},
        moments.learned, moments.held_out, how, said);
    walk.change(layer.now);
  }

  Model fp32_;                     ///< rewritten, where that gains
  const CalibrationTable* table_;  ///< of fp32_
  std::optional<CalibrationTable> rewritten_table_{};
  const QuantizeOptions& options_;
  const RecoverOptions& how_;
  std::vector<Scheme> schemes_;
  Clock::time_point start_;
  NodePolicies policies_;
  RecoverySamples samples_;
  std::vector<float> reference_;
  std::vector<LayerPlan> layers_;
  std::map<std::tuple<std::string, int, bool>, std::optional<Range>> ranges_;
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

/// With the steps and the numbers of a preset.
Recovery recover_as(std::string_view preset, RecoverOptions options) {
  const RecoverOptions set = parse_recovery(preset);
  options.steps = set.steps;
  options.samples = set.samples, options.positions = set.positions, options.descents = set.descents;
  options.descent_products = set.descent_products;
  return recover(std::move(options));
}

}  // namespace

Recovery recover(RecoverOptions how) {
  check(how);
  return [how = std::move(how)](const Model& fp32, const CalibrationTable* table,
                                const QuantizeOptions& options) {
    if (format_scheme(options.scheme) == "fp32" && options.overrides.empty()) return fp32;
    return Pipeline(fp32, table, options, how).run();
  };
}

Recovery recover_fast(RecoverOptions options) {
  return recover_as("fast", std::move(options));
}

Recovery recover_best(RecoverOptions options) {
  return recover_as("best", std::move(options));
}

Recovery recover_default(RecoverOptions options) {
  return recover_fast(std::move(options));
}

}  // namespace lowbit
