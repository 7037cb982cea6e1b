// SPDX-License-Identifier: Apache-2.0
#include "model/node_memory.h"

#include "model/compiled_model.h"
#include "model/workspace.h"

namespace lowbit::detail {

std::vector<std::size_t> node_memory(const Model& model, std::int64_t batch, int threads) {
  const Graph& graph = model.graph();
  const CompiledSteps& steps = model.compiled().main;
  const std::vector<Lifetime> life = lifetimes(graph);
  std::vector<std::size_t> bytes;
  for (std::size_t n = 0; n < graph.nodes.size(); ++n) {
    std::size_t sum = steps.steps[n]->scratch_bytes(batch, threads);
    for (std::size_t v = 0; v < graph.values.size(); ++v)
      if (life[v].first <= static_cast<int>(n) && static_cast<int>(n) <= life[v].last)
        sum += static_cast<std::size_t>(batch) * steps.types[v].sample_bytes();
    bytes.push_back(sum);
  }
  return bytes;
}

}  // namespace lowbit::detail
