// SPDX-License-Identifier: Apache-2.0
#include "lowbit/compress/small_codes.h"

#include <fmt/format.h>

#include <map>
#include <utility>

#include "compress/size_rounding.h"
#include "core/refuse.h"
#include "lowbit/core/error.h"
#include "lowbit/model/layer_weights.h"
#include "model/node_schemes.h"
#include "recover/index.h"
#include "recover/layer_plan.h"
#include "recover/layer_walk.h"

namespace lowbit {

double SizeReport::bits() const {
  double sum = 0;
  for (std::size_t i = 0; i < layers.size(); ++i) sum += layers[i].bits * weights[i];
  return sum;
}

Model quantize_for_size(const Model& fp32, const CalibrationTable& table, const SizeOptions& options) {
  if (!(options.size_weight >= 0))
    refuse(fmt::format("the weight of the size is 0 or more, not {}", options.size_weight));
  if (options.bits < 2 || options.bits > 8)
    refuse(fmt::format("codes have 2 to 8 bits, not {}", options.bits));
  if (options.turns < 1) refuse("choosing codes takes at least 1 turn");
  const detail::SizeRounding how{options.size_weight, options.bits, options.turns, options.recover.threads};
  const detail::RecoverySamples samples(fp32, &table, options.recover);
  QuantizeOptions scheme{.scheme = parse_scheme(fmt::format("int{}", options.bits))};
  const auto plans = detail::plan_layers(fp32.graph(), node_schemes(fp32.graph(), scheme), {});
  detail::LayerWalk walk(quantize(fp32, table, scheme), fp32, samples, options.recover.threads);
  std::map<std::string, detail::RecoveredLayer> layers;
  SizeReport report;
  std::size_t done = 0;
  for (const detail::LayerPlan& plan : plans) {
    if (plan.multiplies() && plan.untouched.empty()) {
      const Tensor weights = weight_matrix(fp32.graph().nodes[detail::index(plan.node)].op);
      const MatrixView view(weights.data.data(), weights.shape[0], weights.shape[1]);
      const detail::TargetMoments moments = walk.moments(plan.name).learned;
      detail::SizedCodes sized = detail::round_for_size(view, detail::LayerObjective(view, moments), how);
      const auto count = static_cast<double>(view.rows * view.cols);
      report.layers.push_back({plan.name, sized.bits / count, sized.zeros / count, sized.relative_error});
      report.weights.push_back(count);
      detail::RecoveredLayer now{std::move(sized.codes), {}};
      now.bias = detail::bias_for(moments, now.codes);
      walk.change(now);
      layers[plan.name] = std::move(now);
    }
    ++done;
    if (options.recover.progress &&
        !options.recover.progress(RecoveryProgress{.layer = done, .layers = plans.size()}))
      throw Error(ErrorCode::cancelled,
                  fmt::format("choosing codes was cancelled after layer '{}'", plan.name));
  }
  if (options.report) *options.report = std::move(report);
  scheme.weights = [&](const LayerContext& context) -> LayerWeights {
    const auto at = layers.find(context.name);
    if (at == layers.end()) return {};
    return {.codes = at->second.codes, .bias = at->second.bias, .label = "coded for size"};
  };
  return quantize(fp32, table, scheme);
}

}  // namespace lowbit
