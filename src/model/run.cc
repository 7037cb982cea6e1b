// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstring>

#include "lowbit/core/error.h"
#include "lowbit/runtime/detail/float_env.h"
#include "model/compiled_model.h"
#include "model/copy_samples.h"
#include "model/open_graph.h"
#include "model/workspace.h"

namespace lowbit {
namespace {

/// Padding taps of a convolution read the pixel behind each sample.
void fill_zero_pixels(const ops::TensorArg& value, std::int64_t count) noexcept {
  const SampleLayout layout = value.type->layout();
  for (std::int64_t b = 0; b < count; ++b) {
    if (value.type->dtype == DType::f32)
      std::fill_n(value.sample<float>(b) + layout.zero_pixel(), layout.pixel_stride, 0.0f);
    else
      std::memset(value.sample<std::uint8_t>(b) + layout.zero_pixel(), value.type->qparams.zero_point,
                  static_cast<std::size_t>(layout.pixel_stride));
  }
}

const Shape& shape_of(const TensorView& view) {
  return view.shape;
}
const Shape& shape_of(const MutableTensorView& view) {
  return view.shape;
}
template <class View>
const Shape& shape_of(const View& view) {
  return view.type.shape;
}

/// Throws Error(unsupported) for integers where the model has floats, or the other way round, and for rows
/// in codes where it has none; Error(invalid_argument) where the model has codes, which no caller has.
template <class View>
void require_element([[maybe_unused]] const View& view, const ValueType& type, const std::string& name) {
  if (type.dtype == DType::u8)
    throw Error(
        ErrorCode::invalid_argument,
        fmt::format("'{}' has codes, where a caller has floats: a Quantize or Dequantize is missing", name));
  if constexpr (requires { view.integers; }) {
    // An empty cache is nowhere.
    const bool is_there = view.is_present() || (type.dtype == DType::rows && view.size() == 0);
    const bool fits = is_there && (view.integers != nullptr) == (type.dtype == DType::i64) &&
                      (!view.rows || (type.dtype == DType::rows && !view.floats));
    const char* wanted = type.dtype == DType::i64    ? "integers"
                         : type.dtype == DType::rows ? "rows in codes, or floats"
                                                     : "floats";
    if (!fits) throw Error(ErrorCode::unsupported, fmt::format("'{}' takes {}", name, wanted));
  }
}

/// Samples in tensors of the values `ids`, of which sample_of(i) is the shape of a sample of the i-th; the
/// others of the batch (`count`; -1: there are none) must have as many.
template <class View, class SampleOf>
std::int64_t check_views(const Model& model, std::span<const View> views, const std::vector<ValueId>& ids,
                         const SampleOf& sample_of, std::int64_t count) {
  for (std::size_t i = 0; i < views.size(); ++i) {
    const std::string& name = model.graph().values[static_cast<std::size_t>(ids[i])].name;
    require_element(views[i], model.type(ids[i]), name);
    const Shape &shape = shape_of(views[i]), &sample = sample_of(i);
    const std::int64_t batch = shape == sample ? 1 : check_batch(shape, sample, name);
    if (count >= 0 && batch != count)
      throw Error(ErrorCode::shape_mismatch,
                  fmt::format("'{}' has a batch of {}, others {}", name, batch, count));
    count = batch;
  }
  return count;
}

/// Gets the workspace ready for the sizes that the inputs say. Returns the number of samples.
template <class In, class Out>
std::int64_t check(const Model& model, std::span<const In> in, std::span<const Out> out,
                   Workspace::State& state) {
  if (&state.model.compiled() != &model.compiled())
    throw Error(ErrorCode::invalid_argument, "the workspace was made for another model");
  if (in.size() != model.input_count() || out.size() != model.output_count())
    throw Error(ErrorCode::shape_mismatch,
                fmt::format("the model has {} inputs and {} outputs, not {} and {}", model.input_count(),
                            model.output_count(), in.size(), out.size()));
  const Graph& graph = model.graph();
  if (!graph.open.empty()) {
    detail::SizeReader reader(graph);
    for (std::size_t i = 0; i < in.size(); ++i) reader.add(i, shape_of(in[i]));
    state.use(reader.sizes());
  }
  const auto samples_of = [&](const std::vector<ValueId>& ids) {
    return
        [&](std::size_t i) -> const Shape& { return state.types()[static_cast<std::size_t>(ids[i])].shape; };
  };
  const std::int64_t samples = check_views(model, in, graph.inputs, samples_of(graph.inputs), -1);
  const std::int64_t count = check_views(model, out, graph.outputs, samples_of(graph.outputs), samples);
  if (count > state.batch)
    throw Error(
        ErrorCode::invalid_argument,
        fmt::format("a batch of {} does not fit the workspace, which was made for {}", count, state.batch));
  return count;
}

}  // namespace

void check_one_input(const Model& model) {
  if (model.input_count() != 1)
    throw Error(
        ErrorCode::shape_mismatch,
        fmt::format("the model has {} inputs; a batch must be an array for each", model.input_count()));
}

std::int64_t check_inputs(const Model& model, std::span<const arrays::ArrayView> batch) {
  if (batch.size() != model.input_count())
    throw Error(ErrorCode::shape_mismatch,
                fmt::format("the model has {} inputs, not {}", model.input_count(), batch.size()));
  const std::vector<Shape> samples = sample_shapes(model, batch);
  const auto sample_of = [&](std::size_t i) -> const Shape& { return samples[i]; };
  return check_views(model, batch, model.graph().inputs, sample_of, -1);
}

void run_steps(Workspace::State& state, std::int64_t count, std::size_t nodes) noexcept {
  const detail::CompiledSteps& compiled = *state.now->steps;
  const std::vector<ops::TensorArg>& args = state.args();
  const Graph& graph = state.model.graph();
  for (const ValueId id : graph.inputs)
    if (compiled.zero_pixel[static_cast<std::size_t>(id)])
      fill_zero_pixels(args[static_cast<std::size_t>(id)], count);
  using Clock = std::chrono::steady_clock;
  Clock::time_point start = state.node_ns ? Clock::now() : Clock::time_point{};
  for (std::size_t i = 0; i < std::min(nodes, graph.nodes.size()); ++i) {
    const auto output = static_cast<std::size_t>(graph.nodes[i].output);
    const ops::StridedFloats* outside =
        i < state.outside.size() && state.outside[i].data ? &state.outside[i] : nullptr;
    compiled.steps[i]->run({.batch = count,
                            .inputs = state.now->inputs[i],
                            .output = args[output],
                            .scratch = state.scratch.get(),
                            .executor = state.executor.get(),
                            .outside = outside});
    if (outside) state.outside[i].data = nullptr;
    if (compiled.zero_pixel[output]) fill_zero_pixels(args[output], count);
    if (state.node_ns) {
      const Clock::time_point end = Clock::now();
      state.node_ns[i] = static_cast<std::uint64_t>(
          std::chrono::duration_cast<std::chrono::nanoseconds>(end - start).count());
      start = end;
    }
  }
}

namespace {

/// Whether the node that quantizes input i of the graph reads it at the caller's, so that it need not be
/// copied.
template <class In>
bool is_read_outside(const In& in, std::size_t i, Workspace::State& state) {
  if (state.keeps_all()) return false;
  const detail::CompiledSteps& compiled = *state.now->steps;
  for (std::size_t n = 0; n < compiled.quantized_inputs.size(); ++n) {
    if (compiled.quantized_inputs[n] != i) continue;
    const ValueId id = state.model.graph().inputs[i];
    const ops::StridedFloats floats = floats_of(in, state.types()[static_cast<std::size_t>(id)]);
    if (!floats.data || !compiled.steps[n]->reads_outside(floats)) return false;
    state.outside[n] = floats;
    return true;
  }
  return false;
}

template <class In, class Out>
void run_on(const Model& model, std::span<const In> in, std::span<const Out> out, Workspace& workspace) {
  Workspace::State& state = workspace.state();
  const std::int64_t count = check(model, in, out, state);
  const FloatEnvironmentGuard defaults;
  const Graph& graph = model.graph();
  for (std::size_t i = 0; i < in.size(); ++i)
    if (!is_read_outside(in[i], i, state))
      copy_in(in[i], state.args()[static_cast<std::size_t>(graph.inputs[i])], count);
  run_steps(state, count);
  for (std::size_t i = 0; i < out.size(); ++i)
    copy_out(state.args()[static_cast<std::size_t>(graph.outputs[i])], out[i], count);
}

}  // namespace

void run(const Model& model, std::span<const TensorView> in, std::span<const MutableTensorView> out,
         Workspace& workspace) {
  run_on(model, in, out, workspace);
}

void run(const Model& model, std::span<const arrays::ArrayView> in,
         std::span<const arrays::MutableArrayView> out, Workspace& workspace) {
  run_on(model, in, out, workspace);
}

void run(const Model& model, std::span<const arrays::ArrayView> in, std::span<const MutableTensorView> out,
         Workspace& workspace) {
  run_on(model, in, out, workspace);
}

void run(const Model& model, const TensorView& in, const MutableTensorView& out, Workspace& workspace) {
  run(model, std::span(&in, 1), std::span(&out, 1), workspace);
}

}  // namespace lowbit
