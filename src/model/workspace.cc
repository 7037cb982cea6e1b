#include "model/workspace.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "lowbit/core/error.h"
#include "model/compiled_model.h"

namespace lowbit {
namespace detail {
namespace {

/// First and last node that touches a value; inputs live from before the first node, outputs past the last.
struct Lifetime {
  int first, last;
};

std::vector<Lifetime> lifetimes(const Graph& graph) {
  const int end = static_cast<int>(graph.nodes.size());
  std::vector<Lifetime> life(graph.values.size(), Lifetime{-1, -1});
  for (int i = 0; i < end; ++i) {
    const Graph::Node& node = graph.nodes[static_cast<std::size_t>(i)];
    life[static_cast<std::size_t>(node.output)].first = i;
    life[static_cast<std::size_t>(node.output)].last = i;
    for (const ValueId id : node.inputs) life[static_cast<std::size_t>(id)].last = i;
  }
  for (const ValueId id : graph.outputs) life[static_cast<std::size_t>(id)].last = end;
  return life;
}

}  // namespace

MemoryPlan plan_memory(const ModelData& data, std::int64_t batch, bool keep_all) {
  const std::size_t count = data.graph.values.size();
  const std::vector<Lifetime> life = lifetimes(data.graph);
  std::vector<std::size_t> sizes(count), order(count);
  for (std::size_t v = 0; v < count; ++v)
    sizes[v] = static_cast<std::size_t>(batch) * data.types[v].sample_bytes() + 64;
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return sizes[a] > sizes[b]; });

  // Largest first, each at the lowest offset where it overlaps no value that lives at the same time.
  MemoryPlan plan{std::vector<std::size_t>(count, 0), 0};
  std::vector<std::size_t> placed;
  for (const std::size_t v : order) {
    std::vector<std::size_t> rivals;
    for (const std::size_t p : placed)
      if (keep_all || (life[v].first <= life[p].last && life[p].first <= life[v].last)) rivals.push_back(p);
    std::sort(rivals.begin(), rivals.end(),
              [&](std::size_t a, std::size_t b) { return plan.offsets[a] < plan.offsets[b]; });
    std::size_t offset = 0;
    for (const std::size_t r : rivals) {
      if (offset + sizes[v] <= plan.offsets[r]) break;
      offset = std::max(offset, plan.offsets[r] + sizes[r]);
    }
    plan.offsets[v] = offset;
    plan.bytes = std::max(plan.bytes, offset + sizes[v]);
    placed.push_back(v);
  }
  return plan;
}

}  // namespace detail

Workspace::State::State(const Model& m, const WorkspaceOptions& options, bool keep_all)
    : model(m), batch(options.batch), executor(options.executor) {
  if (batch < 1)
    throw Error(ErrorCode::invalid_argument,
                fmt::format("a workspace needs a batch of at least 1, not {}", batch));
  if (!executor) executor = make_thread_pool(options.threads);
  const detail::CompiledModel& compiled = model.compiled();
  const detail::MemoryPlan plan = detail::plan_memory(compiled.data, batch, keep_all);
  std::size_t scratch_bytes = 0;
  for (const auto& step : compiled.steps)
    scratch_bytes = std::max(scratch_bytes, step->scratch_bytes(batch, executor->concurrency()));
  values = aligned_bytes(plan.bytes);
  scratch = aligned_bytes(scratch_bytes + 64);
  bytes = plan.bytes + scratch_bytes + 64;
  for (std::size_t v = 0; v < plan.offsets.size(); ++v)
    args.emplace_back(values.get() + plan.offsets[v], &compiled.data.types[v]);
  for (const Graph::Node& node : compiled.data.graph.nodes) {
    std::vector<ops::TensorArg>& list = inputs.emplace_back();
    for (const ValueId id : node.inputs) list.push_back(args[static_cast<std::size_t>(id)]);
  }
}

Workspace::Workspace(const Model& model, const WorkspaceOptions& options)
    : state_(std::make_unique<State>(model, options, false)) {}
Workspace::Workspace(Workspace&&) noexcept = default;
Workspace& Workspace::operator=(Workspace&&) noexcept = default;
Workspace::~Workspace() = default;

std::int64_t Workspace::batch() const {
  return state_->batch;
}
std::size_t Workspace::bytes() const {
  return state_->bytes;
}

}  // namespace lowbit
