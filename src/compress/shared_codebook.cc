// SPDX-License-Identifier: Apache-2.0
#include "lowbit/compress/shared_codebook.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <map>
#include <tuple>
#include <utility>

#include "core/refuse.h"
#include "lowbit/core/error.h"
#include "lowbit/quant/codebook.h"
#include "lowbit/quant/detail/kmeans_1d.h"
#include "lowbit/quant/detail/magnitude.h"
#include "model/node_schemes.h"
#include "recover/index.h"

namespace lowbit {
namespace {

using detail::index;

/// Starts of the search for a scale, relative to that at which the largest magnitude is the largest level.
constexpr float kStarts[] = {1.0f, 0.8f, 0.6f};
constexpr int kScaleTurns = 6;
constexpr int kCodebookTurns = 6;
constexpr std::int64_t kMostWeights = std::int64_t{1} << 20;  ///< of a matrix, that a codebook is fitted to
constexpr std::size_t kMostPoints = 65536;                    ///< more are binned

float nearest(const std::vector<float>& levels, float value) {
  const auto above = std::lower_bound(levels.begin(), levels.end(), value);
  if (above == levels.begin()) return levels.front();
  if (above == levels.end()) return levels.back();
  return value - above[-1] <= *above - value ? above[-1] : *above;
}

/// What one turn needs and decides of a scale.
struct ScaleSums {
  double cross = 0, squares = 0, error = 0;

  ScaleSums(const std::vector<float>& levels, float scale, std::span<const float> values,
            std::span<const float> importance) {
    for (std::size_t i = 0; i < values.size(); ++i) {
      if (!std::isfinite(values[i])) continue;
      double w = 1;
      if (!importance.empty()) w = importance[i] > 0 && std::isfinite(importance[i]) ? importance[i] : 0.0;
      const double level = nearest(levels, values[i] / scale), value = values[i];
      cross += w * level * value, squares += w * level * level;
      const double off = value - static_cast<double>(scale) * level;
      error += w * off * off;
    }
  }
  /// By least squares for these levels; `scale` where none would be positive.
  float better(float scale) const {
    const auto fitted = static_cast<float>(squares > 0 ? cross / squares : 0.0);
    return fitted > 0 && std::isnormal(fitted) ? fitted : scale;
  }
};

float fitted_scale(const std::vector<float>& levels, std::span<const float> values,
                   std::span<const float> importance) {
  const float first = detail::fit_scale(finite_range(values), detail::largest_magnitude(levels)).scale;
  float best = first;
  double least = INFINITY;
  for (const float start : kStarts) {
    float scale = first * start;
    if (!std::isnormal(scale)) continue;
    for (int turn = 0; turn < kScaleTurns; ++turn) {
      const ScaleSums sums(levels, scale, values, importance);
      if (sums.error < least) least = sums.error, best = scale;
      const float next = sums.better(scale);
      if (next == scale) break;
      scale = next;
    }
  }
  return best;
}

/// Groups of weights that share a scale, of all matrices one after the other.
struct WeightGroups {
  std::vector<float> values{};
  std::vector<std::size_t> starts{};  ///< of each group
  std::vector<float> scales{};        ///< likewise: at first the largest magnitude
  std::vector<float> counts{};        ///< likewise: what a squared error in it counts

  std::span<const float> group(std::size_t g) const {
    const std::size_t end = g + 1 < starts.size() ? starts[g + 1] : values.size();
    return {values.data() + starts[g], end - starts[g]};
  }

  void add(const MatrixView& matrix, Granularity granularity) {
    const std::int64_t most_rows = std::max<std::int64_t>(1, kMostWeights / matrix.cols);
    const std::int64_t step = (matrix.rows + most_rows - 1) / most_rows;
    const std::int64_t size = granularity.kind == Granularity::Kind::group
                                  ? static_cast<std::int64_t>(granularity.group_size)
                                  : matrix.cols;
    const std::size_t first = values.size(), first_group = starts.size();
    double squares = 0;
    for (std::int64_t r = 0; r < matrix.rows; r += step)
      for (std::int64_t c = 0; c < matrix.cols; ++c) {
        const bool begins =
            granularity.kind == Granularity::Kind::tensor ? values.size() == first : c % size == 0;
        if (begins) starts.push_back(values.size());
        const float value = std::isfinite(matrix(r, c)) ? matrix(r, c) : 0.0f;
        values.push_back(value);
        squares += static_cast<double>(value) * static_cast<double>(value);
      }
    const auto count = static_cast<double>(values.size() - first);
    for (std::size_t g = first_group; g < starts.size(); ++g) {
      scales.push_back(detail::largest_magnitude(finite_range(group(g))));
      counts.push_back(squares > 0 ? static_cast<float>(count / squares) : 0.0f);
    }
  }

  std::vector<float> levels(int bits) const {
    std::vector<float> scaled, importance;
    for (std::size_t g = 0; g < starts.size(); ++g) {
      if (!(scales[g] > 0)) continue;
      for (const float value : group(g)) {
        scaled.push_back(value / scales[g]);
        importance.push_back(scales[g] * scales[g] * counts[g]);
      }
    }
    const detail::WeightedPoints points = scaled.size() > kMostPoints
                                              ? detail::binned_points(scaled, importance, kMostPoints)
                                              : detail::sorted_points(scaled, importance);
    std::vector<float> found = detail::kmeans_exact(points, 1 << bits);
    if (found.size() == 1) found.insert(found[0] < 0 ? found.end() : found.begin(), 0.0f);
    return found;
  }
};

struct Sharing {
  std::vector<const Graph::Node*> nodes{};
  std::vector<float> table{};
};

}  // namespace

int FittedCodebook::code_bits() const {
  const bool ascends = std::is_sorted(table.begin(), table.end());
  if (!ascends || !(detail::largest_magnitude(table) > 0))
    refuse("the levels of a codebook ascend, and are not all 0");
  return Codebook{table}.code_bits();
}

ScaleGroup FittedCodebook::fit(std::span<const float> values, std::span<const float> importance) const {
  return {fitted_scale(table, values, importance)};
}

std::vector<float> fit_shared_codebook(std::span<const MatrixView> matrices, int bits,
                                       Granularity granularity) {
  if (matrices.empty()) refuse("a codebook is fitted to one matrix at least");
  if (bits < 2 || bits > 8) refuse(fmt::format("a codebook is of 2 to 8 bits, not {}", bits));
  WeightGroups groups;
  for (const MatrixView& matrix : matrices) groups.add(matrix, granularity);
  if (std::none_of(groups.scales.begin(), groups.scales.end(), [](float s) { return s > 0; }))
    refuse("a codebook is fitted to weights of which one at least is finite and not 0");
  std::vector<float> levels = groups.levels(bits);
  for (int turn = 1; turn < kCodebookTurns; ++turn) {
    for (std::size_t g = 0; g < groups.starts.size(); ++g)
      if (groups.scales[g] > 0) groups.scales[g] = fitted_scale(levels, groups.group(g), {});
    levels = groups.levels(bits);
  }
  return levels;
}

WeightsPolicy share_codebooks(const Model& fp32, const QuantizeOptions& options,
                              const SharedCodebookOptions& sharing) {
  if (fp32.is_quantized()) refuse("codebooks are shared by layers of an fp32 model");
  if (options.weights)
    refuse("the options have a policy of weights already: it and shared codebooks exclude each other");
  const Graph& graph = fp32.graph();
  const std::vector<Scheme> schemes = node_schemes(graph, options);
  const std::vector<NodePlan> plans = plan_nodes(graph, schemes);
  // By pattern, bits and granularity.
  std::map<std::tuple<std::size_t, int, Granularity::Kind, std::uint32_t>, Sharing> codebooks;
  std::vector<bool> used(sharing.patterns.size());
  for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
    const Graph::Node& node = graph.nodes[i];
    if (!ops::has_weights(node.op) || plans[i].mode == NodePlan::Mode::f32 ||
        schemes[i].weights != WeightKind::kmeans)
      continue;
    const auto pattern = std::find_if(sharing.patterns.begin(), sharing.patterns.end(),
                                      [&](const std::string& p) { return glob_match(p, node.name); });
    if (pattern == sharing.patterns.end()) continue;
    const auto p = index(pattern - sharing.patterns.begin());
    used[p] = true;
    const Granularity granularity = schemes[i].granularity;
    codebooks[{p, schemes[i].bits, granularity.kind, granularity.group_size}].nodes.push_back(&node);
  }
  for (std::size_t p = 0; p < used.size(); ++p)
    if (!used[p])
      refuse(
          fmt::format("the pattern '{}' gives no layer a shared codebook: none of that name has a scheme of "
                      "k-means (kmeans4, for one), or an earlier pattern has it",
                      sharing.patterns[p]));
  std::map<std::string, AnyQuantizer> quantizers;
  for (auto& [key, codebook] : codebooks) {
    std::vector<Tensor> weights;
    std::vector<MatrixView> matrices;
    for (const Graph::Node* node : codebook.nodes) weights.push_back(weight_matrix(node->op));
    for (const Tensor& w : weights) matrices.emplace_back(w.data.data(), w.shape[0], w.shape[1]);
    const Granularity granularity{std::get<2>(key), std::get<3>(key)};
    const FittedCodebook quantizer{fit_shared_codebook(matrices, std::get<1>(key), granularity), granularity};
    for (const Graph::Node* node : codebook.nodes) quantizers.emplace(node->name, quantizer);
  }
  return [quantizers = std::move(quantizers)](const LayerContext& layer) -> LayerWeights {
    const auto at = quantizers.find(layer.name);
    if (at == quantizers.end()) return {};
    return {.quantizer = at->second, .label = "shared codebook"};
  };
}

}  // namespace lowbit
