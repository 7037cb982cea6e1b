// SPDX-License-Identifier: Apache-2.0
#include "compress/channel_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "compress/put_matrix.h"
#include "core/refuse.h"
#include "lowbit/model/layer_weights.h"
#include "recover/dense.h"
#include "recover/index.h"

namespace lowbit::detail {
namespace {

/// Of the mean variance; as prune_by_error() has it.
constexpr double kDamping = 0.01;

}  // namespace

bool reads_channels(const ops::Op& op) {
  const auto* conv = std::get_if<ops::Conv2dOp>(&op);
  return conv ? conv->groups == 1 : std::holds_alternative<ops::LinearOp>(op);
}

ChannelReader::ChannelReader(const Graph& graph, const Graph::Node& node, const ChannelGroups& groups,
                             const LayerMoments* moments)
    : weights_(weight_matrix(node.op)) {
  // Columns are (tap, channel) of a convolution, (pixel, channel) or (feature) of a layer.
  const ValueId in = node.inputs[0];
  const std::int64_t channels = channels_along(graph.values[index(in)].shape, groups.axis[index(in)]);
  std::map<std::size_t, std::size_t> block_of;
  for (std::int64_t c = 0; c < columns(); ++c) {
    const std::size_t group = groups.group(in, c % channels);
    const auto [at, is_new] = block_of.try_emplace(group, blocks_.size());
    if (is_new) blocks_.push_back({group, {}});
    blocks_[at->second].columns.push_back(c);
  }
  if (!moments) return;
  if (moments->columns() != columns() || moments->groups() != 1)
    refuse(fmt::format("the statistics of '{}' are of {} columns, not of {}", node.name, moments->columns(),
                       columns()));
  mean_ = moments->input_mean();
  covariance_ = moments->second_moment();
  const std::size_t n = mean_.size();
  double trace = 0;
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t j = 0; j < n; ++j) covariance_[i * n + j] -= mean_[i] * mean_[j];
    trace += covariance_[i * n + i];
  }
  for (std::size_t i = 0; i < n; ++i) covariance_[i * n + i] += kDamping * trace / static_cast<double>(n);
}

double ChannelReader::square_sum(const std::vector<std::int64_t>& some) const {
  double sum = 0;
  for (std::int64_t r = 0; r < rows(); ++r)
    for (const std::int64_t c : some) sum += weight(r, c) * weight(r, c);
  return sum;
}

std::vector<double> ChannelReader::costs() const {
  std::vector<double> costs(blocks_.size());
  const std::int64_t n = columns();
  std::vector<double> inverse = covariance_;  // of a factor U with covariance = U^T U
  if (inverse.empty() || !cholesky(inverse, n)) {
    double all = 0;
    for (std::size_t b = 0; b < blocks_.size(); ++b) all += costs[b] = square_sum(blocks_[b].columns);
    for (double& cost : costs) cost = all > 0 ? cost * static_cast<double>(costs.size()) / all : 0;
    return inverse.empty() ? costs : std::vector<double>(costs.size());  // nothing varies: nothing is lost
  }
  double energy = 0;
  std::vector<double> row(index(n));
  for (std::int64_t r = 0; r < rows(); ++r) {
    for (std::int64_t c = 0; c < n; ++c) row[index(c)] = weight(r, c);
    for (std::int64_t i = 0; i < n; ++i) {
      const double part = dot(&inverse[index(i * n + i)], &row[index(i)], n - i);
      energy += part * part;
    }
  }
  invert_upper(inverse, n);
  for (std::size_t b = 0; b < blocks_.size(); ++b) {
    const std::vector<std::int64_t>& of = blocks_[b].columns;
    const auto size = static_cast<std::int64_t>(of.size());
    std::vector<double> block(index(size * size));  // of the inverse covariance, U^-1 U^-T
    for (std::int64_t i = 0; i < size; ++i)
      for (std::int64_t j = i; j < size; ++j) {
        const std::int64_t from = of[index(j)];
        block[index(i * size + j)] = block[index(j * size + i)] =
            dot(&inverse[index(of[index(i)] * n + from)], &inverse[index(from * n + from)], n - from);
      }
    if (!cholesky(block, size)) continue;
    invert_upper(block, size);
    for (std::int64_t r = 0; r < rows(); ++r)
      for (std::int64_t j = 0; j < size; ++j) {
        double part = 0;
        for (std::int64_t i = 0; i <= j; ++i) part += weight(r, of[index(i)]) * block[index(i * size + j)];
        costs[b] += part * part;
      }
    costs[b] = energy > 0 ? costs[b] / energy : 0;
  }
  return costs;
}

std::vector<std::int64_t> ChannelReader::kept(const std::vector<bool>& gone) const {
  std::vector<std::int64_t> kept;
  for (const ColumnBlock& block : blocks_)
    if (!gone[block.group]) kept.insert(kept.end(), block.columns.begin(), block.columns.end());
  std::sort(kept.begin(), kept.end());
  return kept;
}

void ChannelReader::make_good(ops::Op& op, const std::vector<bool>& gone) const {
  if (covariance_.empty()) return;
  const std::vector<std::int64_t> kept = this->kept(gone);
  std::vector<std::int64_t> lost;
  for (std::int64_t c = 0; c < columns(); ++c)
    if (!std::binary_search(kept.begin(), kept.end(), c)) lost.push_back(c);
  if (lost.empty()) return;
  const auto k = static_cast<std::int64_t>(kept.size()), n = columns();
  const auto covariance = [&](std::int64_t a, std::int64_t b) { return covariance_[index(a * n + b)]; };
  std::vector<double> inverse(index(k * k));
  for (std::int64_t i = 0; i < k; ++i)
    for (std::int64_t j = 0; j < k; ++j)
      inverse[index(i * k + j)] = covariance(kept[index(i)], kept[index(j)]);
  if (!cholesky(inverse, k)) return;
  invert_upper(inverse, k);
  std::vector<double> transposed(inverse.size());
  for (std::int64_t i = 0; i < k; ++i)
    for (std::int64_t j = 0; j < k; ++j) transposed[index(j * k + i)] = inverse[index(i * k + j)];
  // W_R C_RK, then times U^-1 and U^-T.
  std::vector<double> shared(index(rows() * k)), half(shared.size()), change(shared.size());
  for (std::int64_t r = 0; r < rows(); ++r)
    for (const std::int64_t c : lost)
      for (std::int64_t j = 0; j < k; ++j)
        shared[index(r * k + j)] += weight(r, c) * covariance(c, kept[index(j)]);
  multiply_add(half.data(), k, rows(), k, k, {shared.data(), k, 1}, inverse.data(), k);
  multiply_add(change.data(), k, rows(), k, k, {half.data(), k, 1}, transposed.data(), k);
  std::vector<float> values = weights_.data;
  std::vector<double> shift(index(rows()));
  for (std::int64_t r = 0; r < rows(); ++r) {
    for (const std::int64_t c : lost) shift[index(r)] += weight(r, c) * mean_[index(c)];
    for (std::int64_t j = 0; j < k; ++j) {
      const std::int64_t c = kept[index(j)];
      shift[index(r)] -= change[index(r * k + j)] * mean_[index(c)];
      values[index(r * n + c)] = static_cast<float>(weight(r, c) + change[index(r * k + j)]);
    }
  }
  put_matrix(op, values);
  std::visit(
      [&](auto& layer) {
        if constexpr (requires { layer.bias; }) {
          layer.bias.resize(shift.size());
          for (std::size_t r = 0; r < shift.size(); ++r)
            layer.bias[r] = static_cast<float>(static_cast<double>(layer.bias[r]) + shift[r]);
        }
      },
      op);
}

}  // namespace lowbit::detail
