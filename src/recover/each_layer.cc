// SPDX-License-Identifier: Apache-2.0
#include "recover/each_layer.h"

#include <fmt/format.h>

#include <array>
#include <memory>

#include "core/refuse.h"
#include "model/staged_run.h"
#include "recover/capture_sums.h"

namespace lowbit::detail {

void each_layer(const Model& fp32, std::span<const arrays::ArrayView> samples, const CaptureOptions& how,
                const std::function<bool(std::size_t node)>& wants,
                const std::function<void(std::size_t node, const LayerMoments&)>& take) {
  check_capture_options(how);
  CaptureSums sums;
  StagedRun run({fp32}, make_thread_pool(how.threads), 0);
  run.add(samples);
  const std::vector<Graph::Node>& nodes = fp32.graph().nodes;
  for (std::size_t node = 0; node < nodes.size(); ++node) {
    if (!ops::has_weights(nodes[node].op) || !wants(node)) continue;
    const auto state = std::make_shared<LayerMoments::State>();
    CapturedLayer layer = captured_layer(fp32, static_cast<int>(node), -1, how, *state, true);
    layer.outputs = false;
    run.advance(std::array{node}, std::array{NodeChange{}}, [&](std::size_t first, std::size_t count) {
      std::vector<SampleValues> values;
      for (std::size_t i = first; i < first + count; ++i)
        values.push_back({static_cast<std::int64_t>(i), &run.values(i, 0), nullptr});
      sums.add(layer, values, run.executor());
    });
    if (state->rows == 0) refuse(fmt::format("layer '{}' had no input of finite numbers", nodes[node].name));
    take(node, LayerMoments(state));
  }
}

}  // namespace lowbit::detail
