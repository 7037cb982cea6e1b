// SPDX-License-Identifier: Apache-2.0
#include "recover/awq_search.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "core/refuse.h"
#include "lowbit/model/layer_weights.h"
#include "lowbit/recover/output_error.h"
#include "recover/channels.h"
#include "recover/index.h"
#include "recover/scale_factors.h"

namespace lowbit::detail {
namespace {

double sum(const std::vector<double>& x) {
  double total = 0;
  for (const double v : x) total += v;
  return total;
}

MatrixView view(const Tensor& w) {
  return {w.data.data(), w.shape[0], w.shape[1]};
}

}  // namespace

/// A layer that reads channels with factors.
struct AwqSearch::Reader {
  const Graph::Node& node;
  WeightLayout layout;
  Tensor weights;  ///< as weight_matrix() has them
  std::vector<OutputError> errors;
  AnyQuantizer quantizer;
};

AwqSearch::AwqSearch(const Graph& graph, const ScaleGroups& groups, const ChannelStats& stats,
                     const QuantizerOfNode& quantizer, const AwqOptions& options)
    : graph_(graph),
      groups_(groups),
      stats_(stats),
      quantizer_(quantizer),
      options_(options),
      family_of_(graph.nodes.size(), -1) {
  if (options.exponents < 1) refuse(fmt::format("AWQ tries at least 1 exponent, not {}", options.exponents));
  check_stats(stats, graph);
  for (const ScaleGroups::Family& family : groups.families()) {
    for (const int reader : family.readers) family_of_[index(reader)] = static_cast<int>(sizes_.size());
    sizes_.push_back(sizes_of(family));
  }
  losses_.resize(sizes_.size());
}

bool AwqSearch::wants(std::size_t node) const {
  return family_of_[node] >= 0 && quantizer_(graph_.nodes[node]).has_value();
}

void AwqSearch::check(std::size_t n, const LayerMoments& moments) const {
  const Graph::Node& node = graph_.nodes[n];
  with_weights(graph_, node, [&](const auto& op, const WeightLayout& layout) {
    static_cast<void>(op);
    const std::int64_t columns = layout.columns * layout.taps, groups = layout.rows / layout.rows_of_group;
    if (moments.columns() != columns || moments.groups() != groups)
      refuse(fmt::format("layer '{}' has {} columns in {} groups, its moments are of {} in {}", node.name,
                         columns, groups, moments.columns(), moments.groups()));
  });
}

void AwqSearch::see(std::size_t n, const LayerMoments& moments) {
  const Graph::Node& node = graph_.nodes[n];
  const auto family = index(family_of_[n]);
  with_weights(graph_, node, [&](const auto& op, const WeightLayout& layout) {
    const Reader r{node, layout, weight_matrix(op), output_errors(moments), *quantizer_(node)};
    const Tensor nothing(r.weights.shape);
    const double energy = sum(output_losses(view(r.weights), view(nothing), r.errors, options_.threads));
    if (!(energy > 0)) return;
    losses_[family].resize(index(options_.exponents), 0.0);
    for (int i = 0; i < options_.exponents; ++i)
      losses_[family][index(i)] +=
          loss(r, with_exponent(family, i, std::vector<double>(groups_.count(), 1.0))) / energy;
  });
}

std::vector<double> AwqSearch::factors() const {
  std::vector<double> best(groups_.count(), 1.0);
  for (std::size_t f = 0; f < losses_.size(); ++f) {
    const auto least = std::min_element(losses_[f].begin(), losses_[f].end());
    if (least != losses_[f].end())
      best = with_exponent(f, static_cast<int>(least - losses_[f].begin()), std::move(best));
  }
  return best;
}

/// E|X| of each group as a share of the largest of its value.
std::vector<double> AwqSearch::sizes_of(const ScaleGroups::Family& family) const {
  std::vector<double> of_group(groups_.count(), 0.0), sizes;
  for (const ValueId v : family.values) {
    const std::vector<double>& size = stats_.values[index(v)].size;
    const double most = *std::max_element(size.begin(), size.end());
    for (std::size_t c = 0; c < size.size(); ++c) {
      const int g = groups_.group(v, static_cast<std::int64_t>(c));
      if (g >= 0 && most > 0) of_group[index(g)] = std::max(of_group[index(g)], size[c] / most);
    }
  }
  for (const int g : family.groups) sizes.push_back(of_group[index(g)]);
  return sizes;
}

/// Centred, as in the authors' program: the least and the largest factor are inverse to each other.
std::vector<double> AwqSearch::with_exponent(std::size_t family, int exponent,
                                             std::vector<double> factors) const {
  if (exponent == 0) return factors;
  constexpr double kLeast = 1e-4;
  std::vector<double> s;
  for (const double size : sizes_[family])
    s.push_back(std::max(std::pow(size, static_cast<double>(exponent) / options_.exponents), kLeast));
  const auto [low, high] = std::minmax_element(s.begin(), s.end());
  const double centre = std::sqrt(*low * *high);
  const std::vector<int>& groups = groups_.families()[family].groups;
  for (std::size_t i = 0; i < s.size(); ++i)
    if (sizes_[family][i] > 0) factors[index(groups[i])] = s[i] / centre;
  return factors;
}

/// Of the codes that the layer would have, in units of the outputs as they were.
double AwqSearch::loss(const Reader& r, const std::vector<double>& chosen) const {
  const Factors factors{groups_, chosen};
  const ValueId in = r.node.inputs[0], out = r.node.output;
  const std::int64_t rows = r.weights.shape[0], columns = r.weights.shape[1];
  const auto of_column = [&](std::int64_t row, std::int64_t j) {
    return factors.of(in, r.layout.channel(row, j % r.layout.columns));
  };
  Tensor scaled = r.weights;
  for (std::int64_t row = 0; row < rows; ++row)
    for (std::int64_t j = 0; j < columns; ++j) {
      float& w = scaled.data[index(row * columns + j)];
      w = static_cast<float>(static_cast<double>(w) * of_column(row, j) / factors.of(out, row));
    }
  Tensor reals(scaled.shape);
  dequantize(quantize(view(scaled), r.quantizer), {reals.data.data(), rows, columns});
  for (std::int64_t row = 0; row < rows; ++row)
    for (std::int64_t j = 0; j < columns; ++j) {
      float& w = reals.data[index(row * columns + j)];
      w = static_cast<float>(static_cast<double>(w) / of_column(row, j) * factors.of(out, row));
    }
  return sum(output_losses(view(r.weights), view(reals), r.errors, options_.threads));
}

}  // namespace lowbit::detail
