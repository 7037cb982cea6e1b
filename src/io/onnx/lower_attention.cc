// SPDX-License-Identifier: Apache-2.0
#include "io/onnx/lower_attention.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <utility>

#include "io/onnx/array_node.h"

namespace lowbit::onnx_import {
namespace {

using ops::ArrayOp;

constexpr float kNever = -std::numeric_limits<float>::infinity();

enum Place : std::size_t { kQueries, kKeys, kValues, kMask, kPastKeys, kPastValues, kKeyLengths };
enum Result : std::size_t { kY, kPresentKeys, kPresentValues, kScores };

class AttentionLowering {
 public:
  AttentionLowering(NodeContext& node, const ArrayOp& op, const std::vector<ValueId>& inputs)
      : node_(node), op_(op), opset_(op.opset) {
    std::size_t next = 0;
    for (const std::int64_t source : op.sources) {
      values_.push_back(source == ArrayOp::kValue ? std::optional(inputs[next]) : std::nullopt);
      elements_.push_back(source == ArrayOp::kValue ? op.elements[next++] : ElementType::f32);
    }
  }

  bool is_usual(const std::vector<bool>& used) const {
    if (op_.function != "Attention") return false;
    const auto is_used = [&](std::size_t i) { return i < used.size() && used[i]; };
    const ArrayAttribute* cap = find_attribute(op_, "softcap");
    if ((cap && cap->floats.at(0) != 0) || is_used(kScores) || has(kKeyLengths)) return false;
    for (const std::size_t i : {kQueries, kKeys, kValues})
      if (!is_floats(i) || shape(i).elements() == 0) return false;
    // Nothing to join: the result would be an input as it is.
    if (!has(kPastKeys) && (is_used(kPresentKeys) || is_used(kPresentValues))) return false;
    if (has(kPastKeys) && !(is_floats(kPastKeys) && is_floats(kPastValues))) return false;
    return !has(kMask) || has_usual_mask();
  }

  /// Nothing where a constant mask hides all keys from a query.
  std::optional<std::vector<std::optional<ValueId>>> convert(const std::vector<bool>& used) {
    const Shape q = by_head(kQueries, "q_num_heads"), k = by_head(kKeys, "kv_num_heads"),
                v = by_head(kValues, "kv_num_heads");
    rows_ = q[2], past_ = has(kPastKeys) ? shape(kPastKeys)[2] : 0, keys_ = past_ + k[2];
    ops::AttentionOp attention;
    const ArrayAttribute* scale = find_attribute(op_, "scale");
    attention.scale =
        scale ? scale->floats.at(0) : static_cast<float>(1 / std::sqrt(static_cast<double>(q[3])));
    std::optional<arrays::Array> hidden = constant_mask();
    if (hidden && hides_all(*hidden)) return std::nullopt;
    attention.queries_by_head = attention.result_by_head = !is_flat(kQueries);
    std::vector<ValueId> operands{rows_by_head(kQueries, "q_num_heads", "/queries")};
    for (const std::size_t i : {kKeys, kValues}) operands.push_back(joined(i));
    attention.keys_by_head = has(kPastKeys) || !is_flat(kKeys);
    attention.values_by_head = has(kPastKeys) || !is_flat(kValues);
    const std::vector<std::optional<ValueId>> present{std::nullopt, operands[1], operands[2]};
    if (const std::optional<ValueId> mask = mask_of(hidden)) operands.push_back(*mask);
    ValueId y = node_.emit_inner("/attention", attention, operands);
    if (has(kMask) && values_[kMask]) y = shown(operands.back(), y, attention.result_by_head);
    if (is_flat(kQueries)) y = node_.emit_inner("/joined", ops::ReshapeOp{{q[0], rows_, q[1] * v[3]}}, {y});
    std::vector<std::optional<ValueId>> results(used.size());
    for (std::size_t i = 0; i < used.size() && i < kScores; ++i)
      if (used[i]) results[i] = i == kY ? y : present[i];
    return results;
  }

 private:
  bool has(std::size_t i) const { return i < op_.sources.size() && op_.sources[i] != ArrayOp::kLeftOut; }
  bool is_floats(std::size_t i) const { return has(i) && values_[i] && elements_[i] == ElementType::f32; }
  const arrays::Array* constant(std::size_t i) const { return constant_input(op_, i); }
  Shape shape(std::size_t i) const {
    return values_[i] ? node_.shape_of(*values_[i]) : constant(i)->type.shape;
  }
  bool is_flat(std::size_t i) const { return shape(i).rank() == 3; }
  bool is_causal() const { return integer(op_, "is_causal", 0) != 0; }

  bool has_usual_mask() const {
    const ElementType element = values_[kMask] ? elements_[kMask] : constant(kMask)->type.element;
    const Shape mask = shape(kMask);
    const std::int64_t past = has(kPastKeys) ? shape(kPastKeys)[2] : 0;
    const std::int64_t keys = past + (is_flat(kKeys) ? shape(kKeys)[1] : shape(kKeys)[2]);
    const std::int64_t last = mask[mask.rank() - 1];
    return (element == ElementType::f32 || element == ElementType::boolean) && mask.rank() <= 4 &&
           (last == keys || (last == 1 && opset_ < 24));
  }

  /// [batch, heads, rows, size] of an input.
  Shape by_head(std::size_t i, const char* heads) const {
    const Shape s = shape(i);
    if (s.rank() == 4) return s;
    const std::int64_t count = integer(op_, heads, 1);
    return {s[0], count, s[1], s[2] / count};
  }
  /// The input, with a dimension for heads: before that of rows, or behind it where the input has none.
  ValueId rows_by_head(std::size_t i, const char* heads, const std::string& name) {
    if (!is_flat(i)) return *values_[i];
    const Shape s = by_head(i, heads);
    return node_.emit_inner(name, ops::ReshapeOp{{s[0], s[2], s[1], s[3]}}, {*values_[i]});
  }
  /// Keys or values, behind those of the past.
  ValueId joined(std::size_t i) {
    const std::string name = i == kKeys ? "/keys" : "/values";
    ValueId now = rows_by_head(i, "kv_num_heads", name + "/new");
    if (!has(kPastKeys)) return now;
    if (is_flat(i)) now = node_.emit_inner(name + "/heads", ops::TransposeOp{{0, 2, 1, 3}}, {now});
    return node_.emit_inner(name, ops::ConcatOp{2}, {*values_[i == kKeys ? kPastKeys : kPastValues], now});
  }

  /// What is known of the mask: of four dimensions, 0 and -infinity for booleans, with what is later hidden.
  std::optional<arrays::Array> constant_mask() const {
    const arrays::Array* given = has(kMask) ? constant(kMask) : nullptr;
    if (!given && !is_causal()) return std::nullopt;
    std::vector<std::int64_t> dims{1, 1, 1, 1};
    if (given) std::ranges::copy_backward(given->type.shape.dims(), dims.end());
    std::vector<std::int64_t> whole = dims;
    if (is_causal()) whole[2] = rows_, whole[3] = keys_;
    arrays::Array mask(arrays::ArrayType{ElementType::f32, Shape(std::span<const std::int64_t>(whole))});
    std::size_t at = 0;
    for (std::int64_t outer = 0; outer < whole[0] * whole[1]; ++outer)
      for (std::int64_t row = 0; row < whole[2]; ++row)
        for (std::int64_t key = 0; key < whole[3]; ++key, ++at) {
          const std::int64_t from = (outer * dims[2] + row % dims[2]) * dims[3] + key % dims[3];
          const auto place = static_cast<std::size_t>(from);
          if (given)
            mask.floats[at] = !given->floats.empty()        ? given->floats[place]
                              : given->integers[place] != 0 ? 0.0f
                                                            : kNever;
          if (is_causal() && key > row + past_) mask.floats[at] = kNever;
        }
    return mask;
  }
  static bool hides_all(const arrays::Array& mask) {
    const auto row = static_cast<std::size_t>(mask.type.shape[3]);
    for (std::size_t at = 0; at < mask.floats.size(); at += row)
      if (std::all_of(&mask.floats[at], &mask.floats[at] + row, [](float v) { return v == kNever; }))
        return true;
    return false;
  }

  /// An operator of arrays: what becomes a mask is never to be quantized.
  ValueId array(const std::string& name, const char* function, std::vector<ValueId> inputs,
                std::vector<ElementType> elements, std::vector<std::int64_t> sources,
                std::vector<arrays::Array> constants, ElementType result,
                std::vector<ArrayAttribute> attributes = {}) {
    ArrayOp op;
    op.function = function, op.opset = opset_;
    op.attributes = std::move(attributes), op.sources = std::move(sources);
    op.constants = std::move(constants), op.elements = std::move(elements);
    op.result = result;
    return node_.emit_inner(name, std::move(op), std::move(inputs));
  }
  static arrays::Array number(float value) {
    arrays::Array array(arrays::ArrayType{ElementType::f32, Shape{1}});
    array.floats[0] = value;
    return array;
  }

  std::optional<ValueId> mask_of(std::optional<arrays::Array>& known) {
    constexpr ElementType kFloat = ElementType::f32;
    if (!has(kMask) || constant(kMask)) {
      if (!known) return std::nullopt;
      return array("/mask", "Identity", {}, {}, {0}, {std::move(*known)}, kFloat);
    }
    ValueId mask = *values_[kMask];
    if (elements_[kMask] == ElementType::boolean)
      mask = array("/mask/floats", "Where", {mask}, {ElementType::boolean}, {ArrayOp::kValue, 0, 1},
                   {number(0.0f), number(kNever)}, kFloat);
    if (known)
      mask =
          array("/mask/causal", "Add", {mask}, {kFloat}, {ArrayOp::kValue, 0}, {std::move(*known)}, kFloat);
    const Shape& now = node_.shape_of(mask);
    std::vector<std::int64_t> dims(static_cast<std::size_t>(4 - now.rank()), 1);
    if (dims.empty()) return mask;
    dims.insert(dims.end(), now.dims().begin(), now.dims().end());
    return node_.emit_inner("/mask", ops::ReshapeOp{dims}, {mask});
  }

  /// Zeros for queries from which the mask hides all keys.
  ValueId shown(ValueId mask, ValueId y, bool by_head) {
    constexpr ElementType kBoolean = ElementType::boolean;
    const ValueId most = node_.emit_inner("/most", ops::ReduceOp{ops::Reduction::max, {3}, true}, {mask});
    ValueId hidden = array("/hidden", "IsInf", {most}, {ElementType::f32}, {ArrayOp::kValue}, {}, kBoolean,
                           {{.name = "detect_positive", .integers = {0}}});
    if (!by_head)
      hidden = array("/hidden/rows", "Transpose", {hidden}, {kBoolean}, {ArrayOp::kValue}, {}, kBoolean,
                     {{.name = "perm", .integers = {0, 2, 1, 3}}});
    return array("/shown", "Where", {hidden, y}, {kBoolean, ElementType::f32},
                 {ArrayOp::kValue, 0, ArrayOp::kValue}, {number(0.0f)}, ElementType::f32);
  }

  NodeContext& node_;
  const ArrayOp& op_;
  std::int64_t opset_, rows_ = 0, past_ = 0, keys_ = 0;
  std::vector<std::optional<ValueId>> values_;  ///< of the inputs
  std::vector<ElementType> elements_;
};

}  // namespace

std::optional<std::vector<std::optional<ValueId>>> lower_attention(NodeContext& node, const ops::ArrayOp& op,
                                                                   const std::vector<ValueId>& inputs,
                                                                   const std::vector<bool>& used) {
  AttentionLowering lowering(node, op, inputs);
  return lowering.is_usual(used) ? lowering.convert(used) : std::nullopt;
}

}  // namespace lowbit::onnx_import
