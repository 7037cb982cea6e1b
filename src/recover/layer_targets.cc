// SPDX-License-Identifier: Apache-2.0
#include "recover/layer_targets.h"

#include <fmt/format.h>

#include "core/refuse.h"
#include "lowbit/model/layer_weights.h"
#include "recover/index.h"

namespace lowbit::detail {
namespace {

const Graph::Node& node_at(const Model& model, int node) {
  return model.graph().nodes[index(node)];
}

}  // namespace

LayerTargets::LayerTargets(const Model& model, int node, const Model& original, int original_node) {
  const Graph::Node& from = node_at(original, original_node);
  if (original.weights(original_node))
    refuse(fmt::format("targets are those of an fp32 model; layer '{}' is {} there", from.name,
                       original.scheme()));
  const Tensor weights = weight_matrix(from.op);
  weights_ = Eigen::Map<const Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>>(
                 weights.data.data(), weights.shape[0], weights.shape[1])
                 .cast<double>();
  std::visit(
      [&](const auto& op) {
        if constexpr (requires { op.bias; }) bias_ = op.bias;
        if constexpr (requires { op.groups; }) groups_ = op.groups;
      },
      from.op);
  bias_.resize(index(weights_.rows()), 0.0f);
  if (from.inputs.size() < 2) return;
  residual_ = node_at(model, node).inputs[1];
  original_residual_ = from.inputs[1];
}

std::size_t LayerTargets::work_bytes(std::int64_t positions) const {
  const std::size_t rows = index(positions);
  return rows * index(weights_.cols() + weights_.rows() / groups_) * sizeof(double) +
         rows * index(weights_.cols() * groups_ + weights_.rows()) * sizeof(float);
}

void LayerTargets::compute(const LayerRows& rows, const float* input,
                           const std::vector<std::int64_t>& positions,
                           const std::vector<ops::TensorArg>& values,
                           const std::vector<ops::TensorArg>& original, TargetWork& work) const {
  const std::int64_t count = static_cast<std::int64_t>(positions.size()), columns = weights_.cols(),
                     channels = weights_.rows() / groups_;
  work.channels = index(weights_.rows());
  work.targets.resize(index(count) * work.channels);
  work.gathered.resize(count, groups_ * columns);
  for (std::int64_t i = 0; i < count; ++i)
    rows.gather(input, positions[index(i)], work.gathered.row(i).data());
  for (std::int64_t g = 0; g < groups_; ++g) {
    work.rows = work.gathered.middleCols(g * columns, columns).cast<double>();
    work.products.noalias() = work.rows * weights_.middleRows(g * channels, channels).transpose();
    for (std::int64_t i = 0; i < count; ++i)
      for (std::int64_t c = 0; c < channels; ++c) {
        const std::int64_t o = g * channels + c;
        work.targets[index(i) * work.channels + index(o)] =
            static_cast<float>(work.products(i, c) + static_cast<double>(bias_[index(o)]));
      }
  }
  if (residual_ < 0) return;
  const float* here = LayerRows::floats(values[index(residual_)], work.residual);
  const float* there = LayerRows::floats(original[index(original_residual_)], work.other_residual);
  for (std::int64_t i = 0; i < count; ++i) {
    const std::size_t from = index(positions[index(i)]) * work.channels;
    for (std::size_t o = 0; o < work.channels; ++o)
      work.targets[index(i) * work.channels + o] += there[from + o] - here[from + o];
  }
}

}  // namespace lowbit::detail
