// SPDX-License-Identifier: Apache-2.0
#include "compress/refit_layers.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "compress/put_matrix.h"
#include "lowbit/model/layer_weights.h"
#include "recover/dense.h"
#include "recover/index.h"
#include "recover/layer_walk.h"

namespace lowbit::detail {
namespace {

/// Of the mean variance of inputs: weights that samples say little about stay where they are.
constexpr double kRefitDamping = 0.01;

struct LinearMap {
  std::vector<float> weights, bias;
};

template <class F>
void with_bias(ops::Op& op, const F& f) {
  std::visit(
      [&](auto& layer) {
        if constexpr (requires { layer.bias; }) f(layer.bias);
      },
      op);
}

LinearMap map_of(ops::Op& op) {
  LinearMap map{weight_matrix(op).data, {}};
  with_bias(op, [&](const std::vector<float>& bias) { map.bias = bias; });
  return map;
}

void put(ops::Op& op, const LinearMap& map) {
  put_matrix(op, map.weights);
  with_bias(op, [&](std::vector<float>& bias) { bias = map.bias; });
}

void clear_columns(LinearMap& map, std::int64_t columns, const std::vector<std::int64_t>& kept) {
  std::vector<bool> stays(index(columns));
  for (const std::int64_t c : kept) stays[index(c)] = true;
  for (std::size_t i = 0; i < map.weights.size(); ++i)
    if (!stays[i % stays.size()]) map.weights[i] = 0.0f;
}

/// E|t - W x - b|^2 of all channels.
double error_of(const LinearMap& map, const TargetMoments& m) {
  double error = 0;
  for (std::int64_t r = 0; r < m.channels; ++r) {
    const double b = map.bias.empty() ? 0.0 : double(map.bias[index(r)]);
    double sum = m.target_squares[r] - 2 * b * m.target_mean[r] + b * b;
    for (std::int64_t c = 0; c < m.columns; ++c) {
      const double w = map.weights[index(r * m.columns + c)];
      if (w == 0) continue;
      double hw = 0;
      for (std::int64_t j = 0; j < m.columns; ++j)
        hw += m.second[0](c, j) * double(map.weights[index(r * m.columns + j)]);
      sum += w * (hw - 2 * m.target(r, c) + 2 * b * m.input_mean[c]);
    }
    error += sum;
  }
  return error;
}

/// Of least error in columns `kept`; nothing where their inputs do not vary.
std::optional<LinearMap> fit(const LinearMap& was, const std::vector<std::int64_t>& kept,
                             const TargetMoments& m) {
  const auto k = static_cast<std::int64_t>(kept.size());
  std::vector<double> covariance(index(k * k));
  double trace = 0;
  for (std::int64_t i = 0; i < k; ++i) {
    const std::int64_t a = kept[index(i)];
    for (std::int64_t j = 0; j < k; ++j)
      covariance[index(i * k + j)] =
          m.second[0](a, kept[index(j)]) - m.input_mean[a] * m.input_mean[kept[index(j)]];
    trace += covariance[index(i * k + i)];
  }
  const double damping = kRefitDamping * trace / static_cast<double>(std::max<std::int64_t>(k, 1));
  for (std::int64_t i = 0; i < k; ++i) covariance[index(i * k + i)] += damping;
  if (k == 0 || !cholesky(covariance, k)) return std::nullopt;
  invert_upper(covariance, k);
  std::vector<double> transposed(covariance.size());
  for (std::int64_t i = 0; i < k; ++i)
    for (std::int64_t j = 0; j < k; ++j) transposed[index(j * k + i)] = covariance[index(i * k + j)];
  // E[t x^T] about the means, times U^-1 and U^-T.
  std::vector<double> shared(index(m.channels * k)), half(shared.size()), fitted(shared.size());
  for (std::int64_t r = 0; r < m.channels; ++r)
    for (std::int64_t j = 0; j < k; ++j) {
      const std::int64_t c = kept[index(j)];
      shared[index(r * k + j)] = m.target(r, c) - m.target_mean[r] * m.input_mean[c] +
                                 damping * double(was.weights[index(r * m.columns + c)]);
    }
  multiply_add(half.data(), k, m.channels, k, k, {shared.data(), k, 1}, covariance.data(), k);
  multiply_add(fitted.data(), k, m.channels, k, k, {half.data(), k, 1}, transposed.data(), k);
  LinearMap map{std::vector<float>(was.weights.size()), std::vector<float>(index(m.channels))};
  for (std::int64_t r = 0; r < m.channels; ++r) {
    double bias = m.target_mean[r];
    for (std::int64_t j = 0; j < k; ++j) {
      const double w = fitted[index(r * k + j)];
      map.weights[index(r * m.columns + kept[index(j)])] = static_cast<float>(w);
      bias -= w * m.input_mean[kept[index(j)]];
    }
    map.bias[index(r)] = static_cast<float>(bias);
  }
  return map;
}

}  // namespace

Graph refit_layers(const Model& fp32, Graph changed,
                   const std::map<std::size_t, std::vector<std::int64_t>>& kept,
                   const RecoverySamples& samples, int threads) {
  for (const auto& [node, columns] : kept) {
    ops::Op& op = changed.nodes[node].op;
    LinearMap map = map_of(op);
    clear_columns(map, weight_matrix(op).shape[1], columns);
    put(op, map);
  }
  LayerWalk walk(Model(changed), fp32, samples, threads);
  for (const auto& [node, columns] : kept) {
    const LayerWalk::Moments moments = walk.moments(changed.nodes[node].name);
    ops::Op& op = changed.nodes[node].op;
    const LinearMap was = map_of(op);
    const std::optional<LinearMap> now = fit(was, columns, moments.learned);
    if (!now || !(error_of(*now, moments.held_out) < error_of(was, moments.held_out))) continue;
    put(op, *now);
    walk.change(op);
  }
  return changed;
}

}  // namespace lowbit::detail
