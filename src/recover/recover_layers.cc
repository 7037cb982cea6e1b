// SPDX-License-Identifier: Apache-2.0
#include "recover/recover_layers.h"

#include <fmt/format.h>

#include <algorithm>

#include "lowbit/core/error.h"
#include "lowbit/model/layer_weights.h"
#include "recover/index.h"
#include "recover/layer_walk.h"

namespace lowbit::detail {
namespace {

void recover_one(LayerPlan& layer, const ops::Op& op, LayerWalk& walk, const RecoverOptions& options,
                 RecoveryReport::Layer& said) {
  const LayerWalk::Moments moments = walk.moments(layer.name);
  const Tensor weights = weight_matrix(op);
  const std::int64_t rows = weights.shape[0], columns = weights.shape[1];
  MatrixView importance;
  if (!layer.importance.empty())
    importance = {layer.importance.data(), rows, columns,
                  static_cast<std::int64_t>(layer.importance.size()) == columns ? 0 : columns, 1};
  const RecoveredLayer plain = std::move(layer.now);
  layer.now =
      recover_layer({{weights.data.data(), rows, columns}, *layer.quantizer, importance, plain, layer.bias},
                    moments.learned, moments.held_out, options, said);
  walk.change(layer.now);
}

void report_progress(const RecoverOptions& options, const std::string& layer, std::size_t done,
                     std::size_t layers, double spent) {
  if (!options.progress) return;
  const double left = spent * static_cast<double>(layers - done) / static_cast<double>(done);
  if (!options.progress({done, layers, spent, left}))
    throw Error(ErrorCode::cancelled,
                fmt::format("the recovery was cancelled after layer '{}', {} of {}", layer, done, layers));
}

}  // namespace

void recover_layers(std::vector<LayerPlan>& layers, const Model& quantized, const Model& fp32,
                    const RecoverySamples& samples, const RecoverOptions& options,
                    RecoveryClock::time_point started, RecoveryReport& report) {
  LayerWalk walk(quantized, fp32, samples, options.threads);
  RecoverOptions how = options;
  how.descent_products = descent_products_of(
      options, static_cast<std::size_t>(std::count_if(
                   layers.begin(), layers.end(), [](const LayerPlan& layer) { return layer.multiplies(); })));
  for (std::size_t i = 0; i < layers.size(); ++i) {
    LayerPlan& layer = layers[i];
    const RecoveryClock::time_point start = RecoveryClock::now();
    RecoveryReport::Layer& said = report.layers.emplace_back();
    said.name = layer.name;
    said.note = layer.untouched;
    if (layer.untouched.empty())
      recover_one(layer, fp32.graph().nodes[index(layer.node)].op, walk, how, said);
    said.seconds = seconds_since(start);
    report_progress(options, layer.name, i + 1, layers.size(), seconds_since(started));
  }
}

}  // namespace lowbit::detail
