// SPDX-License-Identifier: Apache-2.0
#include "model/open_graph.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <optional>
#include <utility>

#include "core/refuse.h"
#include "lowbit/core/error.h"
#include "model/constant_part.h"
#include "model/op_fields.h"

namespace lowbit {
namespace detail {
namespace {

constexpr std::int64_t kMostElements = std::int64_t{1} << 31;
constexpr std::int64_t kLargestFactor = std::int64_t{1} << 31, kLargestConstant = std::int64_t{1} << 40;

std::size_t place_of(ValueId id) {
  return static_cast<std::size_t>(id);
}

/// Numbers at given sizes, while values are computed one after the other.
class Resolver {
 public:
  Resolver(const Graph& graph, std::span<const std::int64_t> sizes) : graph_(graph), sizes_(sizes) {
    result_.shapes.resize(graph.values.size());
    result_.ops.resize(graph.nodes.size());
  }

  GraphAtSizes run() {
    const std::vector<Shape> inputs = input_shapes_at(graph_, sizes_);
    for (std::size_t i = 0; i < inputs.size(); ++i) result_.shapes[place_of(graph_.inputs[i])] = inputs[i];
    for (std::size_t i = 0; i < graph_.nodes.size(); ++i) {
      const Graph::Node& node = graph_.nodes[i];
      try {
        run_node(node, result_.ops[i]);
      } catch (const Error& e) {
        throw Error(e.code(), fmt::format("node '{}' ({}): {}", node.name, ops::op_name(node.op), e.what()));
      }
    }
    return std::move(result_);
  }

 private:
  void run_node(const Graph::Node& node, std::unique_ptr<const ops::Op>& own) {
    std::vector<Shape> inputs;
    for (const ValueId id : node.inputs) inputs.push_back(result_.shapes[place_of(id)]);
    if (!graph_.open.empty() && !node.rules.empty()) {
      auto op = std::make_unique<ops::Op>(node.op);
      std::vector<OpField> fields = fields_of(*op);
      for (const FieldRule& rule : node.rules)
        set(fields[static_cast<std::size_t>(rule.field)], rule, inputs);
      own = std::move(op);
    }
    const Shape shape = ops::infer_shape(own ? *own : node.op, inputs);
    if (shape.elements() > kMostElements)
      throw Error(ErrorCode::shape_mismatch, "it would give more than 2^31 elements");
    result_.shapes[place_of(node.output)] = shape;
  }

  std::vector<std::int64_t> numbers(std::span<const SizeRule> rules) const {
    std::vector<std::int64_t> all;
    for (const SizeRule& rule : rules) all.push_back(rule.of == SizeRule::Of::rest ? 1 : number(rule));
    return all;
  }

  std::int64_t number(const SizeRule& rule) const {
    if (rule.of != SizeRule::Of::value) return sum_at(rule, sizes_);
    const Shape& shape = result_.shapes[place_of(rule.value)];
    const std::int64_t size = rule.axis < shape.rank() ? std::min(shape[rule.axis], kHighestSize) : 0;
    return sum_at(rule, std::span(&size, 1));
  }
  void set(const OpField& field, const FieldRule& rule, std::span<const Shape> inputs) const {
    std::vector<std::int64_t> now = numbers(rule.numbers);
    for (std::size_t i = 0; i < now.size(); ++i)
      if (rule.numbers[i].of == SizeRule::Of::rest) {
        const std::int64_t others = Shape(now).elements(), all = inputs[0].elements();
        now[i] = others == 0 ? 0 : all / others;
      }
    if (!rule.starts.empty()) return cut(field, Shape(now), numbers(rule.starts));
    for (const std::int64_t n : now)
      if (n < field.least || n > field.most)
        throw Error(ErrorCode::shape_mismatch, fmt::format("'{}' cannot be {}", field.name, n));
    std::copy(
        now.begin(), now.end(),
        field.kind == OpField::Kind::numbers ? field.numbers.begin() : std::span(*field.integers).begin());
  }

  static void cut(const OpField& field, const Shape& part, const std::vector<std::int64_t>& starts) {
    const Shape whole = *field.shape;
    if (static_cast<std::int64_t>(field.floats ? field.floats->size() : field.integers->size()) !=
        whole.elements())
      throw Error(ErrorCode::shape_mismatch,
                  fmt::format("'{}' has not the elements of its shape", field.name));
    for (int axis = 0; axis < whole.rank(); ++axis) {
      const std::int64_t start = starts[static_cast<std::size_t>(axis)];
      if (start < 0 || start > whole[axis] || part[axis] > whole[axis] - start)
        throw Error(ErrorCode::shape_mismatch, fmt::format("a constant of shape {} has no part of shape {}",
                                                           whole.to_string(), part.to_string()));
    }
    if (field.floats) *field.floats = part_of(*field.floats, whole, part, starts);
    if (field.integers) *field.integers = part_of(*field.integers, whole, part, starts);
    *field.shape = part;
  }

  const Graph& graph_;
  std::span<const std::int64_t> sizes_;
  GraphAtSizes result_;
};

void check_rule(const SizeRule& rule, std::size_t dimensions, std::size_t values, const std::string& where) {
  const bool is_value = rule.of == SizeRule::Of::value;
  bool fits = rule.of <= SizeRule::Of::rest && std::abs(rule.constant) <= kLargestConstant;
  for (const std::int64_t factor : rule.factors) fits = fits && std::abs(factor) <= kLargestFactor;
  if (is_value)
    fits = fits && rule.factors.size() == 1 && rule.value >= 0 && place_of(rule.value) < values &&
           rule.axis >= 0 && rule.axis < Shape::kMaxRank;
  else
    fits = fits && rule.factors.size() <= dimensions;
  if (!fits) refuse(fmt::format("{} has a rule of sizes that cannot be", where));
}

void check_node_rule(const Graph& graph, const Graph::Node& node, const FieldRule& rule,
                     std::span<const OpField> fields) {
  const std::string where = fmt::format("node '{}'", node.name);
  const bool is_reshape = std::holds_alternative<ops::ReshapeOp>(node.op);
  int rests = 0;
  bool fits = rule.field >= 0 && static_cast<std::size_t>(rule.field) < fields.size();
  if (fits) {
    const OpField& field = fields[static_cast<std::size_t>(rule.field)];
    const std::size_t rank = field.shape ? static_cast<std::size_t>(field.shape->rank()) : 0;
    if (field.kind == OpField::Kind::numbers)
      fits = rule.starts.empty() && rule.numbers.size() == field.numbers.size();
    else if (rule.starts.empty())
      fits = field.integers && rule.numbers.size() == field.integers->size();
    else
      fits = field.kind == OpField::Kind::block && rule.starts.size() == rank && rule.numbers.size() == rank;
  }
  for (const SizeRule& number : rule.numbers) {
    check_rule(number, graph.open.size(), graph.values.size(), where);
    rests += number.of == SizeRule::Of::rest;
  }
  for (const SizeRule& number : rule.starts) {
    check_rule(number, graph.open.size(), graph.values.size(), where);
    fits = fits && number.of != SizeRule::Of::rest;
  }
  if (!fits || rests > (is_reshape && node.inputs.size() == 1 ? 1 : 0))
    refuse(fmt::format("{} has a rule of sizes that cannot be", where));
}

/// The dimension that a rule says as it is; none where it is computed.
std::optional<std::size_t> dimension_of(const SizeRule& rule) {
  if (rule.of != SizeRule::Of::sizes || rule.constant != 0) return std::nullopt;
  std::optional<std::size_t> found;
  for (std::size_t d = 0; d < rule.factors.size(); ++d) {
    if (rule.factors[d] == 0) continue;
    if (rule.factors[d] != 1 || found) return std::nullopt;
    found = d;
  }
  return found;
}

}  // namespace

GraphAtSizes at_sizes(const Graph& graph, std::span<const std::int64_t> sizes) {
  require_sizes(graph, sizes);
  return Resolver(graph, sizes).run();
}

std::vector<std::int64_t> highest_sizes(std::span<const OpenDimension> dimensions) {
  std::vector<std::int64_t> sizes;
  for (const OpenDimension& dimension : dimensions) sizes.push_back(dimension.highest);
  return sizes;
}

std::int64_t sum_at(const SizeRule& rule, std::span<const std::int64_t> sizes) {
  std::int64_t sum = rule.constant;
  for (std::size_t d = 0; d < rule.factors.size(); ++d) sum += rule.factors[d] * sizes[d];
  return sum;
}

void require_sizes(const Graph& graph, std::span<const std::int64_t> sizes) {
  if (sizes.size() != graph.open.size())
    throw Error(ErrorCode::shape_mismatch, fmt::format("sizes of {} dimensions for a model with {} open ones",
                                                       sizes.size(), graph.open.size()));
  for (std::size_t d = 0; d < sizes.size(); ++d)
    if (const OpenDimension& dimension = graph.open[d];
        sizes[d] < dimension.lowest || sizes[d] > dimension.highest)
      throw Error(ErrorCode::shape_mismatch,
                  fmt::format("'{}' is {}; the model takes {} to {}", dimension.name, sizes[d],
                              dimension.lowest, dimension.highest));
}

std::vector<Shape> input_shapes_at(const Graph& graph, std::span<const std::int64_t> sizes) {
  std::vector<Shape> shapes;
  for (const ValueId id : graph.inputs) shapes.push_back(graph.values[place_of(id)].shape);
  if (graph.open.empty()) return shapes;
  for (std::size_t i = 0; i < shapes.size(); ++i) {
    std::vector<std::int64_t> dims;
    for (const SizeRule& rule : graph.input_rules[i]) dims.push_back(sum_at(rule, sizes));
    shapes[i] = Shape(dims);
  }
  return shapes;
}

void SizeReader::add(std::size_t input, const Shape& shape) {
  if (graph_.open.empty()) return;
  const std::vector<SizeRule>& rules = graph_.input_rules[input];
  const int rank = static_cast<int>(rules.size()), batch = shape.rank() - rank;
  const auto name = [&](std::size_t i) -> const std::string& {
    return graph_.values[place_of(graph_.inputs[i])].name;
  };
  if (batch != 0 && batch != 1)
    throw Error(ErrorCode::shape_mismatch,
                fmt::format("'{}' has samples of {} dimensions, which a batch of shape {} does not fit",
                            name(input), rank, shape.to_string()));
  for (int axis = 0; axis < rank; ++axis) {
    const std::optional<std::size_t> d = dimension_of(rules[static_cast<std::size_t>(axis)]);
    if (!d) continue;
    const std::int64_t size = shape[axis + batch];
    if (from_[*d] > 0 && sizes_[*d] != size)
      throw Error(ErrorCode::shape_mismatch,
                  fmt::format("'{}' is {} in '{}' and {} in '{}'", graph_.open[*d].name, sizes_[*d],
                              name(from_[*d] - 1), size, name(input)));
    sizes_[*d] = size;
    from_[*d] = input + 1;
  }
}

std::span<const std::int64_t> SizeReader::sizes() const {
  const std::span<const std::int64_t> said(sizes_.data(), graph_.open.size());
  require_sizes(graph_, said);
  return said;
}

void check_dimensions(std::span<const OpenDimension> dimensions) {
  if (dimensions.size() > kMostOpenDimensions)
    refuse(fmt::format("{} dimensions are open; at most {} are supported", dimensions.size(),
                       kMostOpenDimensions));
  for (const OpenDimension& d : dimensions)
    if (d.lowest < 0 || d.highest < 1 || d.highest < d.lowest || d.highest > kHighestSize)
      refuse(fmt::format("'{}' goes from {} to {}; sizes lie between 0 and {}", d.name, d.lowest, d.highest,
                         kHighestSize));
}

void check_rules(const Graph& graph) {
  check_dimensions(graph.open);
  if (graph.open.empty()) return;
  if (graph.input_rules.size() != graph.inputs.size()) refuse("not every input has rules for its shape");
  std::vector<bool> said(graph.open.size(), false);
  for (std::size_t i = 0; i < graph.inputs.size(); ++i) {
    const Graph::Value& value = graph.values[place_of(graph.inputs[i])];
    if (static_cast<int>(graph.input_rules[i].size()) != value.shape.rank())
      refuse(fmt::format("not every dimension of '{}' has a rule", value.name));
    for (const SizeRule& rule : graph.input_rules[i]) {
      check_rule(rule, graph.open.size(), 0, fmt::format("'{}'", value.name));
      if (rule.of != SizeRule::Of::sizes)
        refuse(fmt::format("'{}' has a rule of sizes that cannot be", value.name));
      if (const auto d = dimension_of(rule)) said[*d] = true;
    }
  }
  for (std::size_t d = 0; d < said.size(); ++d)
    if (!said[d]) refuse(fmt::format("no input says how large '{}' is", graph.open[d].name));
  std::vector<bool> computed(graph.values.size(), false);
  for (const ValueId id : graph.inputs) computed[place_of(id)] = true;
  for (const Graph::Node& node : graph.nodes) {
    if (!node.rules.empty()) {
      ops::Op op = node.op;
      const std::vector<OpField> fields = fields_of(op);
      for (const FieldRule& rule : node.rules) {
        check_node_rule(graph, node, rule, fields);
        for (const auto* list : {&rule.numbers, &rule.starts})
          for (const SizeRule& number : *list)
            if (number.of == SizeRule::Of::value && !computed[place_of(number.value)])
              refuse(fmt::format("node '{}' follows the size of a value that is computed later", node.name));
      }
    }
    computed[place_of(node.output)] = true;
  }
}

}  // namespace detail

Graph graph_at(const Graph& graph, std::span<const std::int64_t> sizes) {
  detail::GraphAtSizes now = detail::at_sizes(graph, sizes);
  Graph fixed = graph;
  fixed.open.clear();
  fixed.input_rules.clear();
  for (std::size_t v = 0; v < fixed.values.size(); ++v) fixed.values[v].shape = now.shapes[v];
  for (std::size_t i = 0; i < fixed.nodes.size(); ++i) {
    fixed.nodes[i].rules.clear();
    if (now.ops[i]) fixed.nodes[i].op = *now.ops[i];
  }
  return fixed;
}

}  // namespace lowbit
