// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <mutex>
#include <optional>
#include <utility>

#include "compress/nested_widths.h"
#include "core/refuse.h"
#include "lowbit/compress/nested.h"
#include "lowbit/core/error.h"

namespace lowbit {
namespace {

/// The biases of an operator with weights; null where it has none.
std::vector<float>* biases_of(ops::Op& op) {
  return std::visit(
      [](auto& layer) -> std::vector<float>* {
        if constexpr (requires {
                        layer.weight;
                        layer.bias;
                      })
          return &layer.bias;
        else
          return nullptr;
      },
      op);
}

}  // namespace

struct NestedModel::State {
  detail::ModelData base;  ///< whose nested layers lack their codes
  std::vector<NestedMatrix> layers;
  std::vector<std::vector<float>> biases;  ///< of 8 bits, [rows]
  int most_bits = 8;
  std::mutex mutex;
  std::array<std::optional<Model>, 4> whole;  ///< all layers in one width

  bool is_nested(std::size_t node) const { return layers[node].rows > 0; }

  Model make(const std::vector<int>& bits) const {
    detail::ModelData data = base;
    for (std::size_t i = 0; i < layers.size(); ++i) {
      if (!is_nested(i)) continue;
      data.nodes[i].weights = layers[i].at(bits[i]);
      data.nodes[i].weights_label = fmt::format("nested, {} bits", bits[i]);
      *biases_of(data.graph.nodes[i].op) = layers[i].bias_at(bits[i], biases[i]);
    }
    return Model(std::move(data));
  }

  std::vector<int> all(int bits) const {
    std::vector<int> of_nodes(layers.size(), 0);
    for (std::size_t i = 0; i < layers.size(); ++i)
      if (is_nested(i)) of_nodes[i] = bits;
    return of_nodes;
  }

  void check_bits(int bits) const {
    detail::nested_place(bits);
    if (bits > most_bits)
      refuse(fmt::format("of these nested codes {} bits were read, not {}", most_bits, bits));
  }
};

NestedModel::NestedModel(const Model& base, std::vector<NestedMatrix> layers, int most_bits)
    : state_(std::make_shared<State>()), current_(base) {
  detail::nested_place(most_bits);
  state_->base = base.complete_data();
  state_->layers = std::move(layers);
  state_->most_bits = most_bits;
  auto& nodes = state_->base.graph.nodes;
  if (state_->layers.size() != nodes.size())
    refuse(fmt::format("nested codes of {} nodes do not fit a model of {}", state_->layers.size(),
                       nodes.size()));
  state_->biases.resize(nodes.size());
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    const NestedMatrix& layer = state_->layers[i];
    if (layer.rows == 0) continue;
    layer.validate();
    std::optional<QuantizedMatrix>& weights = state_->base.nodes[i].weights;
    std::vector<float>* const bias = biases_of(nodes[i].op);
    if (!weights || !bias || weights->rows != layer.rows || weights->cols != layer.cols)
      refuse(fmt::format("nested codes of {} x {} do not fit layer '{}'", layer.rows, layer.cols,
                         nodes[i].name));
    state_->biases[i] = *bias;
    state_->biases[i].resize(static_cast<std::size_t>(layer.rows), 0.0f);
    weights->codes = {};
  }
  set_bits(most_bits);
}

int NestedModel::most_bits() const {
  return state_->most_bits;
}

const std::vector<NestedMatrix>& NestedModel::layers() const {
  return state_->layers;
}

const Model& NestedModel::whole(int bits) const {
  const std::lock_guard lock(state_->mutex);
  std::optional<Model>& model = state_->whole[detail::nested_place(bits)];
  if (!model) model = state_->make(state_->all(bits));
  return *model;
}

void NestedModel::set_bits(int bits) {
  state_->check_bits(bits);
  current_ = whole(bits);
  bits_ = state_->all(bits);
}

void NestedModel::set_bits(std::string_view layer, int bits) {
  state_->check_bits(bits);
  const auto& nodes = state_->base.graph.nodes;
  const auto at =
      std::find_if(nodes.begin(), nodes.end(), [&](const auto& node) { return node.name == layer; });
  const auto i = static_cast<std::size_t>(at - nodes.begin());
  if (at == nodes.end() || !state_->is_nested(i))
    throw Error(ErrorCode::not_found, fmt::format("no layer '{}' has nested codes", layer));
  std::vector<int> now = bits_;
  now[i] = bits;
  current_ = now == state_->all(bits) ? whole(bits) : state_->make(now);
  bits_ = std::move(now);
}

void NestedModel::prepare() const {
  for (const int bits : kNestedBits)
    if (bits <= state_->most_bits) whole(bits);
}

}  // namespace lowbit
