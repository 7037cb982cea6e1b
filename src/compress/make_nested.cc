// SPDX-License-Identifier: Apache-2.0
#include <map>
#include <memory>

#include "compress/nested_rounding.h"
#include "core/refuse.h"
#include "lowbit/compress/nested.h"
#include "lowbit/core/error.h"
#include "lowbit/model/layer_weights.h"
#include "model/node_schemes.h"
#include "recover/index.h"
#include "recover/layer_plan.h"
#include "recover/layer_walk.h"

namespace lowbit {
namespace {

struct NestedLayer {
  NestedMatrix matrix;
  std::vector<float> bias;  ///< of 8 bits
};

/// Goes through the network once for each width, side by side: a layer is rounded by what it gets in each.
class NestedWalk {
 public:
  NestedWalk(const Model& fp32, const Model& plain, const detail::RecoverySamples& samples, int threads) {
    for (std::size_t i = 0; i < std::size(kNestedBits); ++i)
      walks_.push_back(std::make_unique<detail::LayerWalk>(plain, fp32, samples, threads));
  }

  NestedLayer round(const std::string& name, const MatrixView& weights, const detail::NestedRounding& how) {
    std::vector<detail::TargetMoments> moments;
    for (const auto& walk : walks_) moments.push_back(walk->moments(name).learned);
    NestedLayer layer{detail::round_nested(weights, moments, how), {}};
    layer.bias = detail::nested_biases(layer.matrix, moments);
    for (std::size_t i = 0; i < walks_.size(); ++i)
      walks_[i]->change({layer.matrix.at(kNestedBits[i]), layer.matrix.bias_at(kNestedBits[i], layer.bias)});
    return layer;
  }

 private:
  std::vector<std::unique_ptr<detail::LayerWalk>> walks_;
};

}  // namespace

NestedModel make_nested(const Model& fp32, const CalibrationTable& table, const NestedOptions& options) {
  detail::NestedRounding how{.weights = {}, .turns = options.turns, .threads = options.recover.threads};
  double sum = 0;
  for (std::size_t i = 0; i < how.weights.size(); ++i) {
    if (!(options.weights[i] >= 0)) refuse("the weights of nested widths are 0 or more");
    sum += how.weights[i] = options.weights[i];
  }
  if (sum == 0) refuse("the weights of nested widths are not all 0");
  if (options.turns < 1) refuse("nested codes take at least 1 turn");
  const detail::RecoverySamples samples(fp32, &table, options.recover);
  QuantizeOptions int8{.scheme = "int8"};
  const auto plans = detail::plan_layers(fp32.graph(), node_schemes(fp32.graph(), int8), {});
  std::map<std::string, NestedLayer> layers;
  {
    NestedWalk walk(fp32, quantize(fp32, table, int8), samples, options.recover.threads);
    std::size_t done = 0;
    for (const detail::LayerPlan& plan : plans) {
      if (plan.multiplies() && plan.untouched.empty()) {
        const Tensor weights = weight_matrix(fp32.graph().nodes[detail::index(plan.node)].op);
        layers[plan.name] =
            walk.round(plan.name, {weights.data.data(), weights.shape[0], weights.shape[1]}, how);
      }
      ++done;
      if (options.recover.progress &&
          !options.recover.progress(RecoveryProgress{.layer = done, .layers = plans.size()}))
        throw Error(ErrorCode::cancelled,
                    "making nested codes was cancelled after layer '" + plan.name + "'");
    }
  }
  int8.weights = [&](const LayerContext& context) -> LayerWeights {
    const auto at = layers.find(context.name);
    if (at == layers.end()) return {};
    return {.codes = at->second.matrix.at(8), .bias = at->second.bias, .label = "nested codes"};
  };
  const Model base = quantize(fp32, table, int8);
  std::vector<NestedMatrix> of_nodes(base.graph().nodes.size());
  for (std::size_t i = 0; i < of_nodes.size(); ++i)
    if (const auto at = layers.find(base.graph().nodes[i].name);
        at != layers.end() && base.quantization(static_cast<int>(i)).weights)
      of_nodes[i] = std::move(at->second.matrix);
  return NestedModel(base, std::move(of_nodes));
}

}  // namespace lowbit
