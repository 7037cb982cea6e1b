// SPDX-License-Identifier: Apache-2.0
#include "io/onnx/with_codes.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "lowbit/core/error.h"
#include "lowbit/model/layer_weights.h"
#include "lowbit/quant/given_codes.h"
#include "lowbit/quant/quantized_matrix.h"
#include "model/quantize_nodes.h"

namespace lowbit::onnx_import {
namespace {

std::size_t index(ValueId id) {
  return static_cast<std::size_t>(id);
}

/// What is known of each value. Operators that move codes keep what is known, both ways.
class KnownValues {
 public:
  KnownValues(const Graph& graph, const FileCodes& codes) : known_(graph.values.size()) {
    for (std::size_t i = 0; i < known_.size(); ++i) {
      const auto at = codes.values.find(graph.values[i].name);
      if (at != codes.values.end() && !codes.ambiguous.contains(at->first)) known_[i] = at->second;
    }
    for (bool changed = true; changed;) {
      changed = false;
      for (const Graph::Node& node : graph.nodes)
        if (ops::op_arithmetic(node.op) == ops::Arithmetic::movement && node.inputs.size() == 1)
          changed = share(node.inputs[0], node.output) || share(node.output, node.inputs[0]) || changed;
    }
  }
  const std::optional<QParams>& operator[](ValueId id) const { return known_[index(id)]; }
  std::map<std::string, QParams> by_name(const Graph& graph) const {
    std::map<std::string, QParams> names;
    for (std::size_t i = 0; i < known_.size(); ++i)
      if (known_[i]) names.emplace(graph.values[i].name, *known_[i]);
    return names;
  }

 private:
  bool share(ValueId from, ValueId to) {
    if (!known_[index(from)] || known_[index(to)]) return false;
    known_[index(to)] = known_[index(from)];
    return true;
  }

  std::vector<std::optional<QParams>> known_;
};

/// The codes of weights that are exactly multiples of their scales; nothing where fusing has changed them.
std::optional<QuantizedMatrix> exact_codes(const MatrixView& weights, const WeightCodes& given) {
  const std::int64_t rows = weights.rows, cols = weights.cols;
  const std::int64_t groups = given.group_size > 0 ? (cols + given.group_size - 1) / given.group_size : 1;
  const auto scales = static_cast<std::int64_t>(given.scales.size());
  if (scales != 1 && scales != rows * groups) return std::nullopt;
  const std::int32_t middle = 1 << (given.bits - 1);
  std::vector<std::int8_t> codes(static_cast<std::size_t>(rows * cols));
  for (std::int64_t r = 0; r < rows; ++r)
    for (std::int64_t c = 0; c < cols; ++c) {
      const std::int64_t group = given.group_size > 0 ? c / given.group_size : 0;
      const auto i = static_cast<std::size_t>(scales == 1 ? 0 : r * groups + group);
      const std::int32_t zero = given.zero_points.empty() ? 0 : given.zero_points[i];
      const double code = std::nearbyint(static_cast<double>(weights(r, c)) / given.scales[i]) + zero;
      const int lowest = given.is_signed ? -middle : 0;
      if (!(code >= lowest && code <= lowest + 2 * middle - 1)) return std::nullopt;
      const int whole = static_cast<int>(code);
      if (static_cast<float>(whole - zero) * given.scales[i] != weights(r, c)) return std::nullopt;
      codes[static_cast<std::size_t>(r * cols + c)] =
          static_cast<std::int8_t>(given.is_signed ? whole : whole - middle);
    }
  std::vector<std::int32_t> zeros = given.zero_points;
  if (!given.is_signed)
    for (std::int32_t& zero : zeros) zero -= middle;
  if (!given.is_signed && zeros.empty()) zeros.assign(given.scales.size(), -middle);
  if (std::ranges::all_of(zeros, [](std::int32_t z) { return z == 0; })) zeros.clear();
  AffineCodes affine;
  affine.bits = given.bits;
  affine.codes = CodesView(codes.data(), rows, cols);
  affine.granularity = given.group_size > 0 ? per_group(given.group_size)
                       : scales == 1        ? per_tensor()
                                            : per_channel();
  affine.scales = given.scales;
  affine.zero_points = zeros;
  try {
    return matrix_from_codes(affine);
  } catch (const Error&) {  // groups of a size that has no kernels
    return std::nullopt;
  }
}

enum class Inputs { codes, codes_at_run_time, floats };

Scheme scheme_of(const WeightCodes& given, Inputs inputs) {
  Scheme scheme(given.bits == 4 ? "int4" : "int8");
  if (given.group_size > 0)
    scheme.granularity = per_group(given.group_size);
  else if (given.scales.size() == 1)
    scheme.granularity = per_tensor();
  const std::int32_t middle = given.is_signed ? 0 : 1 << (given.bits - 1);
  const bool is_symmetric =
      (given.is_signed || !given.zero_points.empty()) &&
      std::ranges::all_of(given.zero_points, [&](std::int32_t z) { return z == middle; });
  if (!is_symmetric) scheme.mapping = Mapping::asymmetric;
  if (inputs == Inputs::floats) scheme.activation_bits = 0;
  scheme.dynamic = inputs == Inputs::codes_at_run_time;
  return scheme;
}

Scheme scheme_of(const Graph::Node& node, const FileCodes& codes, const KnownValues& known) {
  bool all = !node.inputs.empty();
  for (std::size_t i = 0; i < node.inputs.size(); ++i)
    all = all && (known[node.inputs[i]] || ops::reads_reals(node.op, i));
  if (ops::has_weights(node.op)) {
    const auto at = codes.weights.find(node.name);
    if (at == codes.weights.end()) return "fp32";
    const Inputs inputs = codes.dynamic.contains(node.name) ? Inputs::codes_at_run_time
                          : all                             ? Inputs::codes
                                                            : Inputs::floats;
    for (const Inputs tried : {inputs, Inputs::floats}) {
      const Scheme scheme = scheme_of(at->second, tried);
      if (why_not_built(scheme).empty()) return scheme;
    }
    return "fp32";
  }
  if (std::holds_alternative<ops::EmbeddingOp>(node.op)) return "fp32";
  const bool moves = ops::op_arithmetic(node.op) == ops::Arithmetic::movement;
  return all && (moves || known[node.output]) ? "int8" : "fp32";
}

}  // namespace

Model with_codes(Model fp32, const FileCodes& codes) {
  if (codes.empty()) return fp32;
  const Graph& graph = fp32.graph();
  const KnownValues known(graph, codes);
  std::vector<Scheme> schemes;
  for (const Graph::Node& node : graph.nodes) schemes.push_back(scheme_of(node, codes, known));
  NodePolicies policies;
  policies.qparams = [by_name = known.by_name(graph)](const std::string& name) { return by_name.at(name); };
  policies.weights = [&](const LayerContext& layer) {
    LayerWeights weights;
    weights.codes = exact_codes(layer.weights, codes.weights.at(layer.name));
    if (!weights.codes) return weights;
    weights.label = "of the file";
    // A runtime scales integer sums with and without a bias alike.
    const Graph::Node& node = graph.nodes[static_cast<std::size_t>(layer.node)];
    const bool has_bias = std::visit(
        [](const auto& op) {
          if constexpr (requires { op.bias; }) return !op.bias.empty();
          return false;
        },
        node.op);
    if (!has_bias && known[node.output]) weights.bias.assign(static_cast<std::size_t>(layer.weights.rows), 0);
    return weights;
  };
  return quantize_nodes(fp32, nullptr, schemes, kSchemeOfFile, policies);
}

}  // namespace lowbit::onnx_import
