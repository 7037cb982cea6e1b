// SPDX-License-Identifier: Apache-2.0
// y = (W x + b) * scale + shift is W' x + b' with W' = scale W, b' = scale b + shift, row by row; and
// y = W (x * scale + shift) + b is W' x + b' with W' = W scale, b' = b + W shift, column by column. All of it
// is computed in double and rounded once.
#include <algorithm>
#include <cstddef>

#include "model/fuse_passes.h"

namespace lowbit::detail {

namespace {

double channel(const std::vector<float>& v, std::size_t i) {
  return v.size() == 1 ? v[0] : v[i];
}

/// The lengths of scale and shift fit `channels` channels.
bool fits(const ops::ScaleShiftOp& s, std::size_t channels) {
  const auto ok = [&](std::size_t n) { return n == 1 || n == channels; };
  return ok(s.scale.size()) && ok(s.shift.size());
}

/// Conv2d and Linear alike: `weight` is [out][...].
bool fold_rows(Tensor& weight, std::vector<float>& bias, const ops::ScaleShiftOp& s) {
  const auto rows = static_cast<std::size_t>(weight.shape[0]);
  if (!fits(s, rows) || weight.data.empty()) return false;
  const std::size_t cols = weight.data.size() / rows;
  bias.resize(rows, 0.0f);
  for (std::size_t r = 0; r < rows; ++r) {
    const double scale = channel(s.scale, r);
    for (std::size_t c = 0; c < cols; ++c) {
      float& w = weight.data[r * cols + c];
      w = static_cast<float>(w * scale);
    }
    bias[r] = static_cast<float>(bias[r] * scale + channel(s.shift, r));
  }
  return true;
}

/// `weight` is [out][in channels of the group][taps]; row r reads the channels from first_channel(r) on.
template <class FirstChannel>
void fold_columns(Tensor& weight, std::vector<float>& bias, const ops::ScaleShiftOp& s,
                  FirstChannel first_channel) {
  const auto rows = static_cast<std::size_t>(weight.shape[0]),
             channels = static_cast<std::size_t>(weight.shape[1]);
  const std::size_t taps = weight.data.size() / (rows * channels);
  bias.resize(rows, 0.0f);
  for (std::size_t r = 0; r < rows; ++r) {
    double sum = bias[r];
    for (std::size_t c = 0; c < channels; ++c)
      for (std::size_t t = 0; t < taps; ++t) {
        float& w = weight.data[(r * channels + c) * taps + t];
        sum += w * channel(s.shift, first_channel(r) + c);
        w = static_cast<float>(w * channel(s.scale, first_channel(r) + c));
      }
    bias[r] = static_cast<float>(sum);
  }
}

bool fold_into_producer(Graph::Node& node, const ops::ScaleShiftOp& s) {
  if (auto* conv = std::get_if<ops::Conv2dOp>(&node.op)) {
    if (node.inputs.size() != 1 || !conv->activation.is_identity() || !fold_rows(conv->weight, conv->bias, s))
      return false;
    conv->activation = s.activation;
    return true;
  }
  if (auto* linear = std::get_if<ops::LinearOp>(&node.op)) {
    if (!linear->activation.is_identity() || !fold_rows(linear->weight, linear->bias, s)) return false;
    linear->activation = s.activation;
    return true;
  }
  if (auto* first = std::get_if<ops::ScaleShiftOp>(&node.op)) {
    if (!first->activation.is_identity()) return false;
    const std::size_t n =
        std::max({first->scale.size(), first->shift.size(), s.scale.size(), s.shift.size()});
    if (!fits(*first, n) || !fits(s, n)) return false;
    ops::ScaleShiftOp both{std::vector<float>(n), std::vector<float>(n), s.activation};
    for (std::size_t i = 0; i < n; ++i) {
      const double scale = channel(s.scale, i);
      both.scale[i] = static_cast<float>(channel(first->scale, i) * scale);
      both.shift[i] = static_cast<float>(channel(first->shift, i) * scale + channel(s.shift, i));
    }
    *first = std::move(both);
    return true;
  }
  if (auto* f = std::get_if<ops::FunctionOp>(&node.op)) {
    if (s.scale.size() != 1 || s.shift.size() != 1 || !s.activation.is_identity()) return false;
    const double scale = s.scale[0], shift = s.shift[0];
    f->scale_after = static_cast<float>(f->scale_after * scale);
    f->shift_after = static_cast<float>(f->shift_after * scale + shift);
    return true;
  }
  return false;
}

bool fold_into_consumer(Graph::Node& node, const ops::ScaleShiftOp& s) {
  if (auto* conv = std::get_if<ops::Conv2dOp>(&node.op)) {
    const auto group_channels = static_cast<std::size_t>(conv->weight.shape[1]);
    const auto group_rows = static_cast<std::size_t>(conv->out_channels() / conv->groups);
    // A padding tap reads zero after the ScaleShift, which is not zero before it unless nothing is shifted.
    const bool pads = conv->window.pad != std::array<std::int64_t, 4>{0, 0, 0, 0};
    const bool shifts = std::any_of(s.shift.begin(), s.shift.end(), [](float f) { return f != 0.0f; });
    if ((pads && shifts) || conv->weight.data.empty()) return false;
    if (!fits(s, group_channels * static_cast<std::size_t>(conv->groups))) return false;
    fold_columns(conv->weight, conv->bias, s, [&](std::size_t r) { return r / group_rows * group_channels; });
    return true;
  }
  if (auto* linear = std::get_if<ops::LinearOp>(&node.op)) {
    if (linear->flattens_input || linear->weight.data.empty()) return false;
    if (!fits(s, static_cast<std::size_t>(linear->weight.shape[1]))) return false;
    fold_columns(linear->weight, linear->bias, s, [](std::size_t) { return std::size_t{0}; });
    return true;
  }
  return false;
}

bool fold_one_backward(Graph& graph, int i) {
  const Graph::Node& node = graph.nodes[static_cast<std::size_t>(i)];
  const auto* s = std::get_if<ops::ScaleShiftOp>(&node.op);
  const int p = s ? graph.producer(node.inputs[0]) : -1;
  if (p < 0 || !is_read_only_by(graph, node.inputs[0], i) ||
      !fold_into_producer(graph.nodes[static_cast<std::size_t>(p)], *s))
    return false;
  graph.nodes[static_cast<std::size_t>(p)].output = node.output;
  erase_node(graph, i);
  return true;
}

bool fold_one_forward(Graph& graph, int i) {
  const Graph::Node& node = graph.nodes[static_cast<std::size_t>(i)];
  const auto* s = std::get_if<ops::ScaleShiftOp>(&node.op);
  if (!s || !s->activation.is_identity() || graph.is_output(node.output)) return false;
  const std::vector<int> readers = graph.consumers(node.output);
  if (readers.size() != 1) return false;
  Graph::Node& reader = graph.nodes[static_cast<std::size_t>(readers[0])];
  if (reader.inputs[0] != node.output || !fold_into_consumer(reader, *s)) return false;
  reader.inputs[0] = node.inputs[0];
  erase_node(graph, i);
  return true;
}

}  // namespace

bool fold_scale_shift_backward(Graph& graph) {
  return fuse_nodes(graph, fold_one_backward);
}

bool fold_scale_shift_forward(Graph& graph) {
  return fuse_nodes(graph, fold_one_forward);
}

}  // namespace lowbit::detail
