// SPDX-License-Identifier: Apache-2.0
#include "io/onnx/lower_recurrent.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <span>
#include <string>
#include <utility>

#include "io/onnx/array_node.h"

namespace lowbit::onnx_import {
namespace {

using ops::ArrayOp;

enum Input : std::size_t { kX, kW, kR, kB, kLengths, kH, kC, kPeepholes };

class RecurrentLowering {
 public:
  RecurrentLowering(NodeContext& node, const ArrayOp& op, const std::vector<ValueId>& inputs)
      : node_(node),
        op_(op),
        cell_(op.function == "LSTM"                        ? ops::Cell::lstm
              : integer(op, "linear_before_reset", 0) == 0 ? ops::Cell::gru_of_reset
                                                           : ops::Cell::gru),
        is_lstm_(cell_ == ops::Cell::lstm),
        gates_(is_lstm_ ? 4 : 3) {
    std::size_t next = 0;
    for (const std::int64_t source : op.sources)
      values_.push_back(source == ArrayOp::kValue ? std::optional(inputs[next++]) : std::nullopt);
  }

  bool is_usual() const {
    if (op_.function != "LSTM" && op_.function != "GRU") return false;
    for (const char* other : {"layout", "input_forget"})
      if (integer(op_, other, 0) != 0) return false;
    for (const char* other : {"clip", "activation_alpha", "activation_beta"})
      if (find_attribute(op_, other)) return false;
    for (const ElementType element : op_.elements)
      if (element != ElementType::f32) return false;
    return value(kX) && constant(kW) && constant(kR) && (is_left_out(kB) || constant(kB)) &&
           is_left_out(kLengths) && is_left_out(kPeepholes) && has_usual_activations() && has_usual_states();
  }

  std::vector<std::optional<ValueId>> convert(const std::vector<bool>& used) {
    const Shape x = node_.shape_of(*value(kX));
    steps_ = x[0], batch_ = x[1], features_ = x[2];
    hidden_ = constant(kR)->type.shape[2];
    directions_ = constant(kW)->type.shape[0];
    rows_ = node_.emit_inner("/rows", ops::ReshapeOp{{steps_ * batch_, features_}}, {*value(kX)});
    for (std::int64_t d = 0; d < directions_; ++d) runs_.push_back(run(d));
    std::vector<std::optional<ValueId>> results(used.size());
    const std::int64_t first[] = {0, steps_ * batch_, (steps_ + 1) * batch_};
    for (std::size_t i = 0; i < used.size() && i < 3; ++i)
      if (used[i]) results[i] = output(i, first[i]);
    return results;
  }

 private:
  const std::optional<ValueId>& value(std::size_t i) const {
    static const std::optional<ValueId> none;
    return i < values_.size() ? values_[i] : none;
  }
  const arrays::Array* constant(std::size_t i) const { return constant_input(op_, i); }
  bool is_left_out(std::size_t i) const {
    return i >= op_.sources.size() || op_.sources[i] == ArrayOp::kLeftOut;
  }

  bool has_usual_activations() const {
    const ArrayAttribute* a = find_attribute(op_, "activations");
    if (!a) return true;
    std::string text = a->text;
    for (char& c : text) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    const std::string one = is_lstm_ ? "sigmoid tanh tanh" : "sigmoid tanh";
    return text == one || text == one + " " + one;
  }

  /// Both states of an LSTM from values, or none from anything but zeros.
  bool has_usual_states() const {
    if (is_lstm_ && value(kH).has_value() != value(kC).has_value()) return false;
    for (const std::size_t i : {std::size_t{kH}, std::size_t{kC}})
      if (const arrays::Array* c = constant(i))
        if (std::ranges::any_of(c->floats, [](float v) { return v != 0; })) return false;
    return true;
  }

  std::span<const float> part(std::size_t input, std::int64_t direction) const {
    const std::vector<float>& all = constant(input)->floats;
    const std::size_t size = all.size() / static_cast<std::size_t>(directions_);
    return std::span(all).subspan(static_cast<std::size_t>(direction) * size, size);
  }

  /// Biases of a state's gates go to the input's, but for one that is multiplied by the reset gate.
  void split_biases(std::int64_t direction, std::vector<float>& of_input,
                    std::vector<float>& of_state) const {
    if (is_left_out(kB)) return;
    const std::span<const float> b = part(kB, direction);
    const std::size_t width = b.size() / 2, stays = cell_ == ops::Cell::gru ? width / 3 * 2 : width;
    of_input.assign(b.begin(), b.begin() + static_cast<std::ptrdiff_t>(width));
    for (std::size_t i = 0; i < stays; ++i) of_input[i] += b[width + i];
    if (stays == width) return;
    of_state.assign(width, 0.0f);
    std::ranges::copy(b.subspan(width + stays), of_state.begin() + static_cast<std::ptrdiff_t>(stays));
  }

  ValueId run(std::int64_t d) {
    const bool backwards =
        d == 1 || (find_attribute(op_, "direction") && find_attribute(op_, "direction")->text == "reverse");
    const std::string name = directions_ == 1 ? "" : d == 0 ? "/forward" : "/backward";
    const std::int64_t width = gates_ * hidden_;
    const std::span<const float> w = part(kW, d), r = part(kR, d);
    ops::LinearOp input;
    input.weight = Tensor(Shape{width, features_}, std::vector<float>(w.begin(), w.end()));
    ops::RecurrentOp state;
    state.weight = Tensor(Shape{width, hidden_}, std::vector<float>(r.begin(), r.end()));
    state.cell = cell_;
    state.batch = batch_, state.reverse = backwards;
    split_biases(d, input.bias, state.bias);
    std::vector<ValueId> inputs{node_.emit_inner(name + "/input", std::move(input), {rows_})};
    for (const std::size_t i : {std::size_t{kH}, std::size_t{kC}})
      if (value(i)) inputs.push_back(first_state(*value(i), d, fmt::format("{}/state{}", name, i - kH)));
    return node_.emit_inner(name + "/steps", std::move(state), std::move(inputs));
  }

  ValueId first_state(ValueId all, std::int64_t d, const std::string& name) {
    if (directions_ > 1)
      all = node_.emit_inner(name + "/part", ops::SliceOp{{d, 0, 0}, {1, 1, 1}, {1, batch_, hidden_}}, {all});
    return node_.emit_inner(name, ops::ReshapeOp{{batch_, hidden_}}, {all});
  }

  /// Y, whose directions are the second axis, or a last state, whose directions are the first one.
  ValueId output(std::size_t i, std::int64_t first) {
    const std::int64_t rows = i == 0 ? steps_ * batch_ : batch_;
    std::vector<std::int64_t> shape{1, batch_, hidden_};
    if (i == 0) shape.insert(shape.begin(), steps_);
    std::vector<ValueId> parts;
    for (std::size_t d = 0; d < runs_.size(); ++d) {
      const std::string name = fmt::format("/out{}.{}", i, d);
      const ValueId part =
          node_.emit_inner(name + "/rows", ops::SliceOp{{first, 0}, {1, 1}, {rows, hidden_}}, {runs_[d]});
      parts.push_back(node_.emit_inner(name, ops::ReshapeOp{shape}, {part}));
    }
    if (parts.size() == 1) return parts[0];
    return node_.emit_inner(fmt::format("/out{}", i), ops::ConcatOp{i == 0 ? 1 : 0}, parts);
  }

  NodeContext& node_;
  const ArrayOp& op_;
  ops::Cell cell_;
  bool is_lstm_;
  std::int64_t gates_, steps_ = 0, batch_ = 0, features_ = 0, hidden_ = 0, directions_ = 1;
  std::vector<std::optional<ValueId>> values_;  ///< of the inputs
  ValueId rows_ = -1;
  std::vector<ValueId> runs_;  ///< of each direction
};

}  // namespace

std::optional<std::vector<std::optional<ValueId>>> lower_recurrent(NodeContext& node, const ops::ArrayOp& op,
                                                                   const std::vector<ValueId>& inputs,
                                                                   const std::vector<bool>& used) {
  RecurrentLowering lowering(node, op, inputs);
  if (!lowering.is_usual()) return std::nullopt;
  for (const ValueId id : inputs)
    if (node.shape_of(id).elements() == 0) return std::nullopt;
  return lowering.convert(used);
}

}  // namespace lowbit::onnx_import
