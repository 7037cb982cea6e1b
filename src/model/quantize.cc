// SPDX-License-Identifier: Apache-2.0
#include "lowbit/model/quantize.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "core/free_memory.h"
#include "layers/weight_of.h"
#include "lowbit/core/error.h"
#include "lowbit/observe/choose_qparams.h"
#include "model/calibration_checks.h"
#include "model/find_caches.h"
#include "model/node_schemes.h"
#include "model/quantize_nodes.h"
#include "model/runtime_arithmetic.h"

namespace lowbit {
namespace {

using Mode = NodePlan::Mode;

/// Rewrites an fp32 model node by node. A value of the old graph becomes an f32 value, a u8 value, or both,
/// with Quantize and Dequantize between them; each is made at most once, when the first reader asks. A cache
/// of keys and values becomes rows in codes and nothing else.
class Rewriter {
 public:
  Rewriter(const Model& fp32, const CalibrationTable* table, std::span<const Scheme> schemes,
           const std::string& name, const NodePolicies& policies)
      : old_(fp32.data()),
        table_(table),
        policies_(policies),
        plans_(plan_nodes(old_.graph, schemes)),
        f32_(old_.graph.values.size(), -1),
        u8_(old_.graph.values.size(), -1),
        rows_(old_.graph.values.size(), -1) {
    data_.scheme = name;
    data_.source = old_.source;
    if (policies_.kv_cache_bits != 0) plan_caches();
    for (const NodePlan& plan : plans_)
      if ((plan.mode == Mode::static_u8 && !policies_.qparams) ||
          (plan.mode == Mode::signs && !plan.scheme.dynamic))
        check_table();
  }

  detail::ModelData rewrite() {
    data_.graph.has_batch = old_.graph.has_batch;
    data_.graph.open = old_.graph.open;
    data_.graph.input_rules = old_.graph.input_rules;
    for (const ValueId id : old_.graph.inputs) {
      ValueId& made = is_cached(id) ? rows_[index(id)] : f32_[index(id)];
      made = is_cached(id) ? add_rows(id) : add_value(id, DType::f32);
      data_.graph.inputs.push_back(made);
    }
    for (std::size_t i = 0; i < old_.graph.nodes.size(); ++i) rewrite_node(i);
    for (const ValueId id : old_.graph.outputs)
      data_.graph.outputs.push_back(is_cached(id) ? as_rows(id) : as_f32(id));
    return std::move(data_);
  }

 private:
  static std::size_t index(ValueId id) { return static_cast<std::size_t>(id); }

  void check_table() const {
    if (!table_)
      throw Error(ErrorCode::invalid_argument,
                  "a scheme with static activation ranges needs a calibration table; calibrate first");
    bool fits = table_->entries.size() == old_.graph.values.size();
    for (std::size_t v = 0; fits && v < table_->entries.size(); ++v)
      fits = table_->entries[v].value == old_.graph.values[v].name &&
             table_->entries[v].shape == old_.graph.values[v].shape;
    if (!fits) throw Error(ErrorCode::invalid_argument, "the calibration table was made for another model");
    if (table_->samples == 0) throw Error(ErrorCode::invalid_argument, "the calibration table is empty");
  }

  /// Nodes of caches read and give floats but for the rows in codes.
  void plan_caches() {
    cached_ = find_caches(old_.graph);
    for (std::size_t i = 0; i < plans_.size(); ++i)
      if (cached_.joins[i] || cached_.attentions[i]) plans_[i] = {};
    if (std::find(cached_.attentions.begin(), cached_.attentions.end(), true) == cached_.attentions.end())
      throw Error(
          ErrorCode::unsupported,
          "no attention of the model has a cache: keys and values that are inputs of the model, joined "
          "with those of new tokens, and read by attention alone");
  }

  bool is_cached(ValueId id) const { return !cached_.values.empty() && cached_.values[index(id)]; }

  ValueId add_rows(ValueId old) {
    ValueType rows;
    rows.bits = policies_.kv_cache_bits;
    return add_value(old, DType::rows, rows);
  }

  /// Rows of a value that is a cache, or joins one.
  ValueId as_rows(ValueId id) {
    if (rows_[index(id)] < 0) {
      const ValueId floats = as_f32(id);
      rows_[index(id)] = add_rows(id);
      add_node(old_.graph.values[index(id)].name + ":rows", ops::QuantizeOp{}, {floats}, rows_[index(id)],
               {});
    }
    return rows_[index(id)];
  }

  /// The f32 form keeps the name; a u8 form beside it gets a suffix. `codes` has the qparams and bits of one.
  ValueId add_value(ValueId old, DType dtype, const ValueType& codes = {}) {
    const Graph::Value& value = old_.graph.values[index(old)];
    const bool is_second = dtype == DType::rows && !is_cached(old);
    const bool suffix = dtype == DType::u8 && wants_f32(old);
    const bool is_integer = old_.types[index(old)].dtype == DType::i64;
    data_.types.push_back({value.shape, is_integer ? DType::i64 : dtype, codes.qparams, codes.bits});
    const char* ending = suffix ? ":u8" : is_second ? ":rows" : "";
    const ValueId id = data_.graph.add_value(value.name + ending, value.shape);
    data_.graph.values.back().element = value.element;
    return id;
  }

  void add_node(std::string name, ops::Op op, std::vector<ValueId> inputs, ValueId output,
                NodeQuantization quantization) {
    data_.graph.nodes.push_back({std::move(name), std::move(op), std::move(inputs), output});
    data_.nodes.push_back(std::move(quantization));
  }

  bool wants_f32(ValueId id) const {
    if (old_.graph.is_output(id)) return true;
    for (const int consumer : old_.graph.consumers(id)) {
      const Graph::Node& node = old_.graph.nodes[static_cast<std::size_t>(consumer)];
      if (plans_[static_cast<std::size_t>(consumer)].mode != Mode::static_u8) return true;
      for (std::size_t i = 0; i < node.inputs.size(); ++i)
        if (node.inputs[i] == id && ops::reads_reals(node.op, i)) return true;
    }
    return old_.graph.producer(id) < 0;
  }

  /// Bits of the codes that a node reads as its input `i`.
  int bits_read(const Graph::Node& node, const NodePlan& plan, std::size_t i) const {
    const bool of_product = ops::has_weights(node.op) && i == 0 && old_.graph.producer(node.inputs[i]) >= 0;
    return policies_.wide_sums && !of_product ? 8 : plan.scheme.activation_bits;
  }

  /// Bits of a value's codes: what the layers that read it ask for, the widest if they differ. One that
  /// nothing reads as codes has those of its own layer.
  int code_bits(ValueId id) const {
    int bits = 0;
    for (const int consumer : old_.graph.consumers(id)) {
      const Graph::Node& node = old_.graph.nodes[static_cast<std::size_t>(consumer)];
      const NodePlan& plan = plans_[static_cast<std::size_t>(consumer)];
      for (std::size_t i = 0; plan.mode == Mode::static_u8 && i < node.inputs.size(); ++i)
        if (node.inputs[i] == id && !ops::reads_reals(node.op, i))
          bits = std::max(bits, bits_read(node, plan, i));
    }
    if (bits > 0) return bits;
    if (policies_.wide_sums) return 8;
    return plans_[static_cast<std::size_t>(old_.graph.producer(id))].scheme.activation_bits;
  }

  ValueType observed(ValueId id, int bits) const {
    ValueType type;
    type.bits = bits;
    if (policies_.qparams) {
      type.qparams = policies_.qparams(old_.graph.values[index(id)].name);
      return type;
    }
    const CalibrationEntry& entry = table_->entries[index(id)];
    std::optional<Range> range;
    if (policies_.ranges) range = policies_.ranges(entry.value, bits);
    if (!range) range = entry.observer.range(type.codes());
    type.qparams = choose_qparams(*range, type.codes(), Mapping::asymmetric);
    return type;
  }

  /// What the signs of a value are multiplied by: its mean magnitude, as XNOR-Net has it. One for the layer,
  /// since one for each input channel could not be taken out of the sum over them.
  float sign_scale(ValueId id) const {
    const CalibrationEntry& entry = table_->entries[index(id)];
    const FloatHistogram* seen = entry.distribution();
    if (seen == nullptr || seen->empty())
      throw Error(
          ErrorCode::invalid_argument,
          fmt::format("sign activations need the distribution of '{}', which the calibration table does "
                      "not have; calibrate with distributions, or use -dynamic",
                      entry.value));
    double sum = 0, count = 0;
    for (const FloatHistogram::Bin& bin : seen->bins()) {
      sum += static_cast<double>(bin.count) * std::abs(bin.lo + bin.hi) / 2;
      count += static_cast<double>(bin.count);
    }
    const auto scale = static_cast<float>(sum / count);
    return std::isnormal(scale) ? scale : 1.0f;  // of a value that is zero throughout
  }

  ValueId as_f32(ValueId id) {
    if (f32_[index(id)] < 0) {
      f32_[index(id)] = add_value(id, DType::f32);
      add_node(old_.graph.values[index(id)].name + ":dequantize", ops::DequantizeOp{}, {u8_[index(id)]},
               f32_[index(id)], {});
    }
    return f32_[index(id)];
  }

  ValueId as_u8(ValueId id) {
    if (u8_[index(id)] < 0) {
      u8_[index(id)] = add_value(id, DType::u8, observed(id, code_bits(id)));
      add_node(old_.graph.values[index(id)].name + ":quantize", ops::QuantizeOp{}, {f32_[index(id)]},
               u8_[index(id)], {});
    }
    return u8_[index(id)];
  }

  /// Codes of so many bits: a copy where those of the value are wider, which a Concat of one makes.
  ValueId as_codes(ValueId id, int bits) {
    const ValueId own = as_u8(id);
    if (!policies_.wide_sums || data_.types[index(own)].bits <= bits) return own;
    const auto [at, made] = narrow_.try_emplace({id, bits}, -1);
    if (made) {
      const Graph::Value& value = old_.graph.values[index(id)];
      const ValueType type = observed(id, bits);
      const std::string name = fmt::format("{}:u{}", value.name, bits);
      data_.types.push_back({value.shape, DType::u8, type.qparams, bits});
      at->second = data_.graph.add_value(name, value.shape);
      add_node(name, ops::ConcatOp{}, {own}, at->second, {});
    }
    return at->second;
  }

  NodeQuantization quantize_node(ops::Op& op, std::size_t i) const {
    const NodePlan& plan = plans_[i];
    NodeQuantization q{.scheme = plan.scheme, .fallback = plan.fallback};
    if (plan.mode == Mode::f32 || !ops::weight_of(op)) return q;
    // Policies know layers, which multiply.
    const NodePolicies policies = ops::has_weights(op) ? policies_ : NodePolicies{};
    std::vector<float> bias = quantize_weights(old_.graph.nodes[i], static_cast<int>(i), policies, q);
    if (!bias.empty())
      std::visit(
          [&](auto& layer) {
            if constexpr (requires { layer.bias; }) layer.bias = std::move(bias);
          },
          op);
    if (plan.mode == Mode::signs && !plan.scheme.dynamic) {
      const float scale = sign_scale(old_.graph.nodes[i].inputs[0]);
      for (float& s : q.weights->scales) s *= scale;
    }
    // The codes replace the floats; the shape stays, it is the layer's geometry.
    std::visit(
        [](auto& layer) {
          if constexpr (requires { layer.weight; }) free_memory(layer.weight.data);
        },
        op);
    return q;
  }

  /// Moving and quantizing commute, bit for bit. Where a value exists as floats only (the input of the
  /// graph), moving first spares a copy of codes whose pixels have gaps, as the Flatten of a one-channel
  /// image.
  bool moves_before_quantization(const Graph::Node& node, const NodePlan& plan) const {
    const bool reshapes =
        std::holds_alternative<ops::FlattenOp>(node.op) || std::holds_alternative<ops::ReshapeOp>(node.op);
    return plan.mode == Mode::static_u8 && reshapes && u8_[index(node.inputs[0])] < 0;
  }

  void rewrite_node(std::size_t i) {
    const Graph::Node& node = old_.graph.nodes[i];
    const NodePlan& plan = plans_[i];
    ops::Op op = node.op;
    NodeQuantization quantization = quantize_node(op, i);
    const bool codes_in = plan.mode == Mode::static_u8 && !moves_before_quantization(node, plan);
    std::vector<ValueId> inputs;
    const bool joins = !cached_.joins.empty() && cached_.joins[i];
    for (std::size_t n = 0; n < node.inputs.size(); ++n)
      inputs.push_back(joins || is_cached(node.inputs[n]) ? as_rows(node.inputs[n])
                       : codes_in && !ops::reads_reals(op, n)
                           ? as_codes(node.inputs[n], bits_read(node, plan, n))
                           : as_f32(node.inputs[n]));
    if (joins) {
      rows_[index(node.output)] = add_rows(node.output);
      add_node(node.name, std::move(op), std::move(inputs), rows_[index(node.output)], {});
      data_.graph.nodes.back().rules = rules_of(node);
      return;
    }
    // A product can leave its epilogue as f32 directly; other operators on codes produce codes.
    const bool codes_out = codes_in && !(ops::has_weights(op) && wants_f32(node.output));
    ValueId& output = codes_out ? u8_[index(node.output)] : f32_[index(node.output)];
    ValueType codes;
    if (codes_out)
      codes = ops::op_arithmetic(op) == ops::Arithmetic::movement
                  ? data_.types[index(inputs[0])]
                  : observed(node.output, code_bits(node.output));
    output = add_value(node.output, codes_out ? DType::u8 : DType::f32, codes);
    add_node(node.name, std::move(op), std::move(inputs), output, std::move(quantization));
    data_.graph.nodes.back().rules = rules_of(node);
  }

  /// Those of the old node, which follow values of the new graph.
  std::vector<FieldRule> rules_of(const Graph::Node& node) const {
    std::vector<FieldRule> rules = node.rules;
    for (FieldRule& rule : rules)
      for (auto* list : {&rule.numbers, &rule.starts})
        for (SizeRule& number : *list)
          if (number.value >= 0) number.value = any_form(number.value);
    return rules;
  }

  ValueId any_form(ValueId id) const {
    for (const auto* forms : {&f32_, &u8_})
      if ((*forms)[index(id)] >= 0) return (*forms)[index(id)];
    return rows_[index(id)];
  }

  const detail::ModelData& old_;
  const CalibrationTable* table_;
  const NodePolicies& policies_;
  std::vector<NodePlan> plans_;
  CachedParts cached_;                                 ///< empty where there are no rows in codes
  std::vector<ValueId> f32_, u8_, rows_;               ///< new ids of each old value, -1: not made
  std::map<std::pair<ValueId, int>, ValueId> narrow_;  ///< of copies in fewer bits
  detail::ModelData data_;
};

void require_fp32(const Model& model) {
  if (model.is_quantized())
    throw Error(ErrorCode::invalid_argument,
                fmt::format("only an fp32 model can be quantized, this one is {} already", model.scheme()));
}

void check_cache_bits(const QuantizeOptions& options) {
  const int bits = options.kv_cache_bits;
  if (bits != 0 && bits != 4 && bits != 8)
    throw Error(ErrorCode::invalid_argument,
                fmt::format("a cache of keys and values has 8 or 4 bits, or 0 for floats, not {}", bits));
  if (bits != 0 && options.recover)
    throw Error(ErrorCode::unsupported, "a recovery keeps caches of keys and values in floats");
}

Model quantize_or_recover(const Model& fp32, const CalibrationTable* table, const QuantizeOptions& options) {
  if (options.recover) {
    QuantizeOptions rest = options;
    rest.recover = nullptr;
    return options.recover(fp32, table, rest).model;
  }
  return quantize_nodes(fp32, table, node_schemes(fp32.graph(), options), quantized_name(options),
                        {options.weights, options.ranges, options.wide_sums, options.kv_cache_bits});
}

Model quantize_model(const Model& fp32, const CalibrationTable* table, const QuantizeOptions& options) {
  require_fp32(fp32);
  if (table) check_made_for(*table, fp32);
  check_cache_bits(options);
  Model model = quantize_or_recover(fp32, table, options);
  if (!options.integer_biases && !options.rounded_sums) return model;
  detail::ModelData data = model.complete_data();
  if (options.rounded_sums) round_sums(data);
  if (options.integer_biases) round_biases(data);
  return Model(std::move(data));
}

/// Of one value's type alone: of floats and codes, or of wider and narrower codes.
bool is_conversion(const Graph::Node& node) {
  return std::holds_alternative<ops::QuantizeOp>(node.op) ||
         std::holds_alternative<ops::DequantizeOp>(node.op) ||
         (std::holds_alternative<ops::ConcatOp>(node.op) && node.inputs.size() == 1);
}

/// Of the rows in codes that a node reads; 0: it reads none.
int cache_bits(const Model& model, const Graph::Node& node) {
  for (const ValueId id : node.inputs)
    if (model.type(id).dtype == DType::rows) return model.type(id).bits;
  return 0;
}

}  // namespace

std::string quantized_name(const QuantizeOptions& options) {
  std::string name = format_scheme(options.scheme);
  const bool has_others = !options.overrides.empty() || options.kv_cache_bits != 0;
  return has_others && name == "fp32" ? kMixedSchemes : name;
}

Model quantize_nodes(const Model& fp32, const CalibrationTable* table, std::span<const Scheme> schemes,
                     const std::string& name, const NodePolicies& policies) {
  require_fp32(fp32);
  return Model(Rewriter(fp32, table, schemes, name, policies).rewrite());
}

Model quantize(const Model& fp32, const CalibrationTable& table, const QuantizeOptions& options) {
  return quantize_model(fp32, &table, options);
}

Model quantize(const Model& fp32, const QuantizeOptions& options) {
  return quantize_model(fp32, nullptr, options);
}

std::string describe_coverage(const Model& model) {
  const Graph& graph = model.graph();
  std::map<std::string, int> counts;
  std::map<std::string, std::vector<std::string>> floats;  // by reason; "" where fp32 was asked for
  int total = 0;
  for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
    if (is_conversion(graph.nodes[i])) continue;
    ++total;
    const NodeQuantization& q = model.quantization(static_cast<int>(i));
    if (const int bits = cache_bits(model, graph.nodes[i])) {
      ++counts[fmt::format("with a cache of {} bits", bits)];
    } else if (q.scheme.is_fp32()) {
      floats[q.fallback].push_back(graph.nodes[i].name);
    } else {
      ++counts[q.name()];
    }
  }
  if (counts.empty()) return fmt::format("{} of {} layers fp32", total, total);
  std::vector<std::string> parts;
  for (const auto& [scheme, count] : counts)
    parts.push_back(fmt::format("{} of {} layers {}", count, total, scheme));
  for (const auto& [reason, names] : floats)
    parts.push_back(
        fmt::format("fp32: {} ({})", fmt::join(names, ", "), reason.empty() ? "as asked" : reason));
  return fmt::format("{}", fmt::join(parts, ", "));
}

int fallback_count(const Model& model) {
  int count = 0;
  for (const NodeQuantization& q : model.data().nodes) count += !q.fallback.empty();
  return count;
}

}  // namespace lowbit
