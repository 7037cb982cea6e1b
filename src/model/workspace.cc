// SPDX-License-Identifier: Apache-2.0
#include "model/workspace.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "lowbit/core/error.h"
#include "model/compiled_model.h"
#include "model/open_graph.h"

namespace lowbit {
namespace detail {

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

MemoryPlan plan_memory(const Graph& graph, const std::vector<ValueType>& types, std::int64_t batch,
                       bool keep_all) {
  const std::size_t count = graph.values.size();
  const std::vector<Lifetime> life = lifetimes(graph);
  std::vector<std::size_t> sizes(count), order(count);
  for (std::size_t v = 0; v < count; ++v)
    sizes[v] = static_cast<std::size_t>(batch) * types[v].sample_bytes() + 64;
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

namespace {

/// The largest sizes that a workspace is for: what is asked for, else the highest of the model.
std::vector<std::int64_t> largest_sizes(const Graph& graph, const WorkspaceOptions& options) {
  std::vector<std::int64_t> sizes = detail::highest_sizes(graph.open);
  for (const auto& [name, size] : options.sizes) {
    const auto at = std::find_if(graph.open.begin(), graph.open.end(),
                                 [&wanted = name](const OpenDimension& d) { return d.name == wanted; });
    if (at == graph.open.end())
      throw Error(ErrorCode::invalid_argument, fmt::format("the model has no open dimension '{}'", name));
    sizes[static_cast<std::size_t>(at - graph.open.begin())] = size;
  }
  detail::require_sizes(graph, sizes);
  return sizes;
}

}  // namespace

Workspace::State::State(const Model& m, const WorkspaceOptions& options, bool keep_all)
    : model(m),
      batch(options.batch),
      executor(options.executor),
      keep_all_(keep_all),
      largest_(largest_sizes(m.graph(), options)) {
  if (batch < 1)
    throw Error(ErrorCode::invalid_argument,
                fmt::format("a workspace needs a batch of at least 1, not {}", batch));
  if (!executor) executor = make_thread_pool(options.threads);
  outside.resize(m.compiled().main.quantized_inputs.size());
  use(largest_);
}

void Workspace::State::use(std::span<const std::int64_t> sizes) {
  const auto found = std::find_if(seen_.begin(), seen_.end(), [&](const std::unique_ptr<Sized>& sized) {
    return std::equal(sizes.begin(), sizes.end(), sized->sizes.begin(), sized->sizes.end());
  });
  if (found == seen_.end()) {
    for (std::size_t d = 0; d < sizes.size(); ++d)
      if (sizes[d] > largest_[d])
        throw Error(ErrorCode::invalid_argument,
                    fmt::format("'{}' is {}, which does not fit the workspace, which was made for {}",
                                model.graph().open[d].name, sizes[d], largest_[d]));
    std::unique_ptr<Sized> sized = make_sized(sizes);
    take_memory(*sized);
    place(*sized);
    if (seen_.size() == kMostSeen)
      seen_.erase(std::min_element(seen_.begin(), seen_.end(),
                                   [](const auto& a, const auto& b) { return a->used < b->used; }));
    now = seen_.emplace_back(std::move(sized)).get();
  } else {
    now = found->get();
  }
  now->used = ++uses_;
}

std::unique_ptr<Workspace::State::Sized> Workspace::State::make_sized(
    std::span<const std::int64_t> sizes) const {
  const detail::CompiledModel& compiled = model.compiled();
  auto sized = std::make_unique<Sized>();
  sized->sizes.assign(sizes.begin(), sizes.end());
  if (sized->sizes == detail::highest_sizes(model.graph().open))
    sized->steps = &compiled.main;
  else
    sized->steps = &sized->own.emplace(compiled.at(sizes));
  sized->plan = detail::plan_memory(model.graph(), sized->steps->types, batch, keep_all_);
  for (const ValueType& type : sized->steps->types) sized->args.emplace_back(nullptr, &type);
  for (const Graph::Node& node : model.graph().nodes) {
    std::vector<ops::TensorArg>& list = sized->inputs.emplace_back();
    for (const ValueId id : node.inputs) list.push_back(sized->args[static_cast<std::size_t>(id)]);
  }
  return sized;
}

// Smaller sizes may need more in one place: room for values and scratch memory grow on their own.
void Workspace::State::take_memory(const Sized& sized) {
  std::size_t scratch_needed = 64;
  for (const auto& step : sized.steps->steps)
    scratch_needed = std::max(scratch_needed, step->scratch_bytes(batch, executor->concurrency()) + 64);
  if (scratch_needed > scratch_bytes_) {
    scratch = aligned_bytes(scratch_needed);
    scratch_bytes_ = scratch_needed;
  }
  if (!values || sized.plan.bytes > value_bytes_) {
    values = aligned_bytes(sized.plan.bytes);
    value_bytes_ = sized.plan.bytes;
    for (const std::unique_ptr<Sized>& other : seen_) place(*other);
  }
  bytes = value_bytes_ + scratch_bytes_;
}

void Workspace::State::place(Sized& sized) const {
  for (std::size_t v = 0; v < sized.args.size(); ++v)
    sized.args[v].data = values.get() + sized.plan.offsets[v];
  const std::vector<Graph::Node>& nodes = model.graph().nodes;
  for (std::size_t i = 0; i < nodes.size(); ++i)
    for (std::size_t n = 0; n < nodes[i].inputs.size(); ++n)
      sized.inputs[i][n].data = sized.args[static_cast<std::size_t>(nodes[i].inputs[n])].data;
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
