#include "lowbit/recover/awq.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "core/refuse.h"
#include "lowbit/model/layer_weights.h"
#include "lowbit/recover/output_error.h"
#include "recover/channels.h"
#include "recover/index.h"
#include "recover/scale_factors.h"

namespace lowbit {
namespace {

using detail::index;

/// A layer that reads channels with factors.
struct Reader {
  const Graph::Node* node;
  detail::WeightLayout layout;
  Tensor weights;  ///< as weight_matrix() has them
  std::vector<OutputError> errors;
  AnyQuantizer quantizer;
  double energy = 0;  ///< of the outputs, without bias

  MatrixView view(const Tensor& w) const { return {w.data.data(), w.shape[0], w.shape[1]}; }
};

double sum(const std::vector<double>& x) {
  double total = 0;
  for (const double v : x) total += v;
  return total;
}

class Search {
 public:
  Search(const Graph& graph, const ScaleGroups& groups, const ChannelStats& stats, const LayerStats& moments,
         const QuantizerOfNode& quantizer, const AwqOptions& options)
      : graph_(graph), groups_(groups), stats_(stats), options_(options), readers_(graph.nodes.size()) {
    for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
      const Graph::Node& node = graph.nodes[i];
      const auto found = std::find_if(moments.layers.begin(), moments.layers.end(),
                                      [&](const LayerMoments& m) { return m.layer() == node.name; });
      if (!ops::has_weights(node.op) || found == moments.layers.end()) continue;
      if (const std::optional<AnyQuantizer> q = quantizer(node)) add_reader(i, *found, *q);
    }
  }

  std::vector<double> factors() const {
    std::vector<double> best(groups_.count(), 1.0);
    for (const ScaleGroups::Family& family : groups_.families()) {
      const std::vector<double> sizes = sizes_of(family);
      double least = loss(family, best);
      const std::vector<double> before = best;
      for (int i = 1; i < options_.exponents; ++i) {
        const std::vector<double> tried =
            with_exponent(family, sizes, static_cast<double>(i) / options_.exponents, before);
        const double lost = loss(family, tried);
        if (lost < least) least = lost, best = tried;
      }
    }
    return best;
  }

 private:
  void add_reader(std::size_t i, const LayerMoments& moments, const AnyQuantizer& quantizer) {
    const Graph::Node& node = graph_.nodes[i];
    detail::with_weights(graph_, node, [&](const auto& op, const detail::WeightLayout& layout) {
      const std::int64_t columns = layout.columns * layout.taps, groups = layout.rows / layout.rows_of_group;
      if (moments.columns() != columns || moments.groups() != groups)
        refuse(fmt::format("layer '{}' has {} columns in {} groups, its moments are of {} in {}", node.name,
                           columns, groups, moments.columns(), moments.groups()));
      Reader r{&node, layout, weight_matrix(op), output_errors(moments), quantizer};
      const Tensor nothing(r.weights.shape);
      r.energy = sum(output_losses(r.view(r.weights), r.view(nothing), r.errors, options_.threads));
      readers_[i].emplace(std::move(r));
    });
  }

  /// E|X| of each group as a share of the largest of its value.
  std::vector<double> sizes_of(const ScaleGroups::Family& family) const {
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
  static std::vector<double> with_exponent(const ScaleGroups::Family& family,
                                           const std::vector<double>& sizes, double exponent,
                                           std::vector<double> factors) {
    constexpr double kLeast = 1e-4;
    std::vector<double> s;
    for (const double size : sizes) s.push_back(std::max(std::pow(size, exponent), kLeast));
    const auto [low, high] = std::minmax_element(s.begin(), s.end());
    const double centre = std::sqrt(*low * *high);
    for (std::size_t i = 0; i < s.size(); ++i)
      if (sizes[i] > 0) factors[index(family.groups[i])] = s[i] / centre;
    return factors;
  }

  double loss(const ScaleGroups::Family& family, const std::vector<double>& factors) const {
    double lost = 0;
    for (const int n : family.readers)
      if (const auto& reader = readers_[index(n)]; reader && reader->energy > 0)
        lost += loss(*reader, {groups_, factors}) / reader->energy;
    return lost;
  }

  /// Of the codes that the layer would have, in units of the outputs as they were.
  double loss(const Reader& r, const detail::Factors& factors) const {
    const ValueId in = r.node->inputs[0], out = r.node->output;
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
    dequantize(quantize(r.view(scaled), r.quantizer), {reals.data.data(), rows, columns});
    for (std::int64_t row = 0; row < rows; ++row)
      for (std::int64_t j = 0; j < columns; ++j) {
        float& w = reals.data[index(row * columns + j)];
        w = static_cast<float>(static_cast<double>(w) / of_column(row, j) * factors.of(out, row));
      }
    return sum(output_losses(r.view(r.weights), r.view(reals), r.errors, options_.threads));
  }

  const Graph& graph_;
  const ScaleGroups& groups_;
  const ChannelStats& stats_;
  const AwqOptions& options_;
  std::vector<std::optional<Reader>> readers_;  ///< one a node
};

}  // namespace

std::vector<double> awq_factors(const Graph& graph, const ScaleGroups& groups, const ChannelStats& stats,
                                const LayerStats& moments, const QuantizerOfNode& quantizer,
                                const AwqOptions& options) {
  if (options.exponents < 1) refuse(fmt::format("AWQ tries at least 1 exponent, not {}", options.exponents));
  detail::check_stats(stats, graph);
  return Search(graph, groups, stats, moments, quantizer, options).factors();
}

Model awq(const Model& fp32, const ChannelStats& stats, const LayerStats& moments,
          const QuantizerOfNode& quantizer, const AwqOptions& options) {
  detail::require_fp32_weights(fp32, "AWQ");
  const ScaleGroups groups(fp32.graph());
  return rescaled(fp32, groups, awq_factors(fp32.graph(), groups, stats, moments, quantizer, options));
}

}  // namespace lowbit
