// SPDX-License-Identifier: Apache-2.0
#include "model/same_results.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "core/random.h"
#include "lowbit/core/error.h"
#include "model/open_graph.h"

namespace lowbit::detail {
namespace {

using arrays::Array;

/// Of the largest element. Other sums of the same numbers are nearer, another network is not.
constexpr float kRounding = 1e-3f;

/// Floats on both sides of 0; integers that any table has, mostly 1: most masks let that pass.
std::vector<Array> made_up_inputs(const Graph& graph, const std::vector<Shape>& shapes) {
  std::vector<Array> inputs;
  Random random(1);
  for (std::size_t i = 0; i < shapes.size(); ++i) {
    const Graph::Value& value = graph.values[static_cast<std::size_t>(graph.inputs[i])];
    Array& input = inputs.emplace_back(arrays::ArrayType{value.element, shapes[i]});
    for (float& v : input.floats) v = random.uniform();
    for (std::size_t e = 0; e < input.integers.size(); ++e) input.integers[e] = e % 3 == 1 ? 0 : 1;
  }
  return inputs;
}

std::vector<Array> results(const Model& model, const std::vector<Array>& inputs,
                           const WorkspaceOptions& room) {
  std::vector<Shape> shapes;
  std::vector<arrays::ArrayView> in;
  for (const Array& input : inputs) shapes.push_back(input.type.shape), in.push_back(input.view());
  std::vector<Array> outputs;
  const std::vector<Shape> output_shapes = model.output_shapes(shapes);
  for (std::size_t i = 0; i < output_shapes.size(); ++i) {
    const Graph& graph = model.graph();
    outputs.emplace_back(arrays::ArrayType{graph.values[static_cast<std::size_t>(graph.outputs[i])].element,
                                           output_shapes[i]});
  }
  std::vector<arrays::MutableArrayView> out;
  for (Array& output : outputs) out.push_back(output.mutable_view());
  Workspace workspace(model, room);
  run(model, std::span<const arrays::ArrayView>(in), std::span<const arrays::MutableArrayView>(out),
      workspace);
  return outputs;
}

bool are_close(const Array& a, const Array& b) {
  if (!(a.type == b.type) || a.integers != b.integers) return false;
  float largest = 0;
  for (const float v : a.floats)
    if (std::isfinite(v)) largest = std::max(largest, std::fabs(v));
  for (std::size_t i = 0; i < a.floats.size(); ++i) {
    const float x = a.floats[i], y = b.floats[i];
    if (x != y && !(std::isnan(x) && std::isnan(y)) && !(std::fabs(x - y) <= kRounding * largest))
      return false;
  }
  return true;
}

std::string names_of(const Graph& graph, std::span<const std::int64_t> sizes) {
  std::vector<std::string> names;
  for (std::size_t d = 0; d < sizes.size(); ++d)
    names.push_back(fmt::format("'{}' {}", graph.open[d].name, sizes[d]));
  return fmt::format("{}", fmt::join(names, ", "));
}

}  // namespace

void require_same_results(const Model& open, std::span<const std::int64_t> sizes, const Model& fixed) {
  const Graph& graph = open.graph();
  const auto refuse = [&](const std::string& why) {
    throw Error(
        ErrorCode::unsupported,
        fmt::format("at {} it is another network than at larger sizes{}; import the file with narrower "
                    "limits, or with that dimension fixed",
                    names_of(graph, sizes), why));
  };
  if (open.output_count() != fixed.output_count() || open.input_count() != fixed.input_count()) refuse("");
  const std::vector<Array> inputs = made_up_inputs(graph, input_shapes_at(graph, sizes));
  WorkspaceOptions room;
  for (std::size_t d = 0; d < sizes.size(); ++d) room.sizes.emplace_back(graph.open[d].name, sizes[d]);
  std::vector<Array> ours;
  try {
    ours = results(open, inputs, room);
  } catch (const Error& e) {
    refuse(fmt::format(" ({})", e.what()));
  }
  const std::vector<Array> theirs = results(fixed, inputs, {});
  for (std::size_t i = 0; i < ours.size(); ++i)
    if (!are_close(theirs[i], ours[i]))
      refuse(fmt::format(" ('{}' differs)", graph.values[static_cast<std::size_t>(graph.outputs[i])].name));
}

}  // namespace lowbit::detail
