// SPDX-License-Identifier: Apache-2.0
#include "eval/warnings.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>

#include "model/model_part.h"

namespace lowbit::eval {
namespace {

constexpr std::int64_t kMeasuredSamples = 32, kFewestLabels = 20;
constexpr float kConstant = 1e-6f;
constexpr float kByteLike = 64;  // inputs that go up to this or more, and hardly below 0, are taken for bytes
constexpr double kLeastRatio = 0.02, kMostRatio = 30;

/// The first layer of a model that multiplies the input, without what it adds.
struct Products {
  std::optional<ModelPart> part{};  ///< set
  std::size_t output = 0;           ///< of the part
  bool channels_last = false;
  std::int64_t channels = 0;
  std::vector<float> bias{};
  std::string name{};
};

template <class Op>
void drop_bias(Op& op, Products& products) {
  products.bias = op.bias;
  products.channels = op.weight.shape[0];
  std::fill(op.bias.begin(), op.bias.end(), 0.0f);
  op.activation = {};
}

std::optional<Products> first_products(const Model& model) {
  const Graph& graph = model.graph();
  if (graph.inputs.size() != 1 || model.is_quantized() || !graph.open.empty()) return std::nullopt;
  const auto first = std::find_if(graph.nodes.begin(), graph.nodes.end(),
                                  [](const Graph::Node& node) { return ops::has_weights(node.op); });
  if (first == graph.nodes.end() || first->inputs.size() != 1) return std::nullopt;
  const int at = static_cast<int>(first - graph.nodes.begin());
  Products products;
  products.name = first->name;
  products.part =
      model_part(model, 0, static_cast<std::size_t>(at) + 1, [&](int node, ops::Op& op, NodeQuantization&) {
        if (node != at) return;
        if (auto* conv = std::get_if<ops::Conv2dOp>(&op)) drop_bias(*conv, products);
        if (auto* linear = std::get_if<ops::LinearOp>(&op)) {
          drop_bias(*linear, products);
          products.channels_last = true;
        }
      });
  const auto output = std::find(products.part->outputs.begin(), products.part->outputs.end(), first->output);
  if (products.part->inputs != graph.inputs || output == products.part->outputs.end() ||
      std::all_of(products.bias.begin(), products.bias.end(), [](float b) { return b == 0.0f; }))
    return std::nullopt;
  products.output = static_cast<std::size_t>(output - products.part->outputs.begin());
  return products;
}

/// Mean and variance of the sums of a channel.
struct Moments {
  double sum = 0, squares = 0;
  std::int64_t count = 0;

  void add(float v) {
    const auto x = static_cast<double>(v);
    sum += x;
    squares += x * x;
    ++count;
  }
  double variance() const {
    const double mean = sum / static_cast<double>(count);
    return std::max(0.0, squares / static_cast<double>(count) - mean * mean);
  }
};

double variance_of_channels(const Products& products, const std::vector<float>& sums, std::int64_t samples) {
  const auto channels = static_cast<std::size_t>(products.channels);
  const std::size_t size = sums.size() / static_cast<std::size_t>(samples), plane = size / channels;
  std::vector<Moments> moments(channels);
  for (std::size_t i = 0; i < sums.size(); ++i)
    moments[products.channels_last ? i % channels : i % size / plane].add(sums[i]);
  double total = 0;
  for (const Moments& channel : moments) total += channel.variance();
  return total / static_cast<double>(channels);
}

}  // namespace

void OutputSpread::add(std::span<const float> sample) {
  if (samples_++ == 0) {
    least_.assign(sample.begin(), sample.end());
    most_ = least_;
    return;
  }
  for (std::size_t i = 0; i < sample.size(); ++i) {
    least_[i] = std::min(least_[i], sample[i]);
    most_[i] = std::max(most_[i], sample[i]);
  }
}

bool OutputSpread::is_constant() const {
  if (samples_ < 2 || least_.empty()) return false;
  float largest = 0, change = 0;
  for (std::size_t i = 0; i < least_.size(); ++i) {
    largest = std::max({largest, std::fabs(least_[i]), std::fabs(most_[i])});
    change = std::max(change, most_[i] - least_[i]);
  }
  return change <= kConstant * largest;
}

std::string chance_warning(std::span<const std::int64_t> labels, std::int64_t correct, std::int64_t classes) {
  const auto count = static_cast<std::int64_t>(labels.size());
  if (count < kFewestLabels) return {};
  std::map<std::int64_t, std::int64_t> counts;
  for (const std::int64_t label : labels) ++counts[label];
  std::int64_t most = 0;
  for (const auto& [label, n] : counts) most = std::max(most, n);
  const auto n = static_cast<double>(count);
  const double chance = counts.size() > 1 ? static_cast<double>(most) / n
                                          : 1 / static_cast<double>(std::max<std::int64_t>(classes, 2));
  const double limit = n * chance + 2 * std::sqrt(n * chance * (1 - chance));
  if (static_cast<double>(correct) > limit) return {};
  return fmt::format(
      "the network is right on {:.1f} % of the samples, and guessing would be on {:.1f} %: it is not fed as "
      "it was "
      "trained (--preprocess), or the labels are others",
      100 * static_cast<double>(correct) / n, 100 * chance);
}

std::optional<FirstLayer> measure_first_layer(const Model& fp32, const data::Samples& samples) {
  if (samples.inputs().size() != 1 || !is_float(samples.inputs()[0].type.element)) return std::nullopt;
  const std::optional<Products> products = first_products(fp32);
  if (!products) return std::nullopt;
  const Model& model = products->part->model;
  const std::int64_t count = std::min(kMeasuredSamples, samples.count());
  std::vector<std::vector<float>> outputs;
  for (std::size_t i = 0; i < model.output_count(); ++i)
    outputs.emplace_back(static_cast<std::size_t>(model.output_shape(i).elements()));
  std::vector<float> sums;
  FirstLayer layer{.name = products->name,
                   .least = std::numeric_limits<float>::infinity(),
                   .most = -std::numeric_limits<float>::infinity()};
  Workspace workspace(model);
  for (std::int64_t s = 0; s < count; ++s) {
    const data::SampleArrays sample = samples.read(s, 1);
    for (const float v : sample[0].floats) {
      layer.least = std::min(layer.least, v);
      layer.most = std::max(layer.most, v);
    }
    std::vector<MutableTensorView> out;
    for (std::size_t i = 0; i < outputs.size(); ++i)
      out.emplace_back(outputs[i].data(), Shape{1, model.output_shape(i).elements()});
    run(model, data::views(sample), out, workspace);
    sums.insert(sums.end(), outputs[products->output].begin(), outputs[products->output].end());
  }
  double biases = 0;
  for (const float b : products->bias) biases += static_cast<double>(b) * static_cast<double>(b);
  const double variance = variance_of_channels(*products, sums, count);
  layer.bias_ratio = std::sqrt(biases / static_cast<double>(products->bias.size()) / variance);
  return layer;
}

std::string input_warning(const FirstLayer& layer) {
  const bool bytes = layer.most >= kByteLike && layer.least >= -layer.most / 16;
  const bool small = std::max(std::fabs(layer.least), std::fabs(layer.most)) <= 1;
  if (!(bytes && layer.bias_ratio < kLeastRatio) && !(small && layer.bias_ratio > kMostRatio)) return {};
  return fmt::format(
      "inputs from {:.4g} to {:.4g} are far {} than the first layer '{}' was trained for: its biases are "
      "{:.2g} of "
      "what its products spread over, usual are {} to 3 (--preprocess scale=...)",
      layer.least, layer.most, bytes ? "larger" : "smaller", layer.name, layer.bias_ratio, kLeastRatio);
}

}  // namespace lowbit::eval
