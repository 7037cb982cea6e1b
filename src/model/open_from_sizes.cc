// SPDX-License-Identifier: Apache-2.0
#include "model/open_from_sizes.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <optional>
#include <utility>

#include "lowbit/core/error.h"
#include "model/constant_part.h"
#include "model/op_fields.h"
#include "model/open_graph.h"
#include "model/open_places.h"

namespace lowbit::detail {
namespace {

using Numbers = std::vector<std::int64_t>;

std::size_t at_place(std::int64_t i) {
  return static_cast<std::size_t>(i);
}

/// What a field holds.
struct Content {
  Numbers numbers{};
  Shape shape{};
  std::vector<float> floats{};
  Numbers integers{};

  Content() = default;
  explicit Content(const OpField& field) : numbers(field.numbers.begin(), field.numbers.end()) {
    if (field.shape) shape = *field.shape;
    if (field.floats) floats = *field.floats;
    if (field.integers) integers = *field.integers;
  }
};

/// The network at other sizes: shapes, and what differs from the highest sizes.
struct Point {
  Numbers sizes;
  std::vector<Shape> shapes{};                                   ///< one a value
  std::map<std::pair<std::size_t, std::size_t>, Content> own{};  ///< by node and field
};

class Fit {
 public:
  /// `others`: one a dimension, as OpenPlaces has them.
  Fit(Graph highest, std::vector<OpenDimension> dimensions, Numbers others)
      : graph_(std::move(highest)), dimensions_(std::move(dimensions)), others_(std::move(others)) {
    graph_.open = dimensions_;
    highest_.sizes = highest_sizes(graph_.open);
    // One may lie above.
    for (std::size_t d = 0; d < others_.size(); ++d)
      graph_.open[d].highest = std::max(graph_.open[d].highest, others_[d]);
    for (const Graph::Value& value : graph_.values) highest_.shapes.push_back(value.shape);
  }

  void look_at(const Numbers& sizes, Graph other) {
    Point& point = points_.emplace_back();
    point.sizes = sizes;
    require_same_structure(point, other);
    for (const Graph::Value& value : other.values) point.shapes.push_back(value.shape);
    for (std::size_t i = 0; i < graph_.nodes.size(); ++i) {
      const std::vector<OpField> ours = fields_of(graph_.nodes[i].op), theirs = fields_of(other.nodes[i].op);
      if (ours.size() != theirs.size()) refuse_node(point, i, "is built in another way");
      for (std::size_t f = 0; f < ours.size(); ++f)
        if (!same_field(ours[f], theirs[f])) note(point, i, f, ours[f], theirs[f]);
    }
  }

  Graph run() {
    for (std::size_t i = 0; i < graph_.inputs.size(); ++i) {
      const auto id = at_place(graph_.inputs[i]);
      std::vector<SizeRule>& rules = graph_.input_rules.emplace_back();
      for (int axis = 0; axis < highest_.shapes[id].rank(); ++axis) {
        const auto rule = by_sizes([&](const Point& p) { return p.shapes[id][axis]; });
        if (!rule) refuse_input(id);
        rules.push_back(*rule);
      }
    }
    for (const auto& [place, fields] : differing()) fit_node(place, fields);
    check_rules(graph_);
    for (const Point& point : points_) check(point);
    graph_.open = dimensions_;
    return std::move(graph_);
  }

 private:
  /// The dimensions in which a point is not the highest.
  std::string names(const Point& point) const {
    std::vector<std::string> names;
    for (std::size_t d = 0; d < graph_.open.size(); ++d)
      if (point.sizes[d] != highest_.sizes[d])
        names.push_back(
            fmt::format("'{}' ({} instead of {})", graph_.open[d].name, point.sizes[d], highest_.sizes[d]));
    return fmt::format("{}", fmt::join(names, " and "));
  }
  [[noreturn]] void refuse_node(const Point& point, std::size_t node, const std::string& what) const {
    throw Error(
        ErrorCode::unsupported,
        fmt::format("node '{}' ({}) {} at another size of {}; import the file with narrower limits, or with "
                    "that dimension fixed",
                    graph_.nodes[node].name, ops::shown_name(graph_.nodes[node].op), what, names(point)));
  }
  [[noreturn]] void refuse_input(std::size_t value) const {
    throw Error(ErrorCode::unsupported,
                fmt::format("the shape of the input '{}' does not follow from open dimensions",
                            graph_.values[value].name));
  }

  void require_same_structure(const Point& point, const Graph& other) const {
    const std::size_t common = std::min(graph_.nodes.size(), other.nodes.size());
    for (std::size_t i = 0; i < common; ++i) {
      const Graph::Node &a = graph_.nodes[i], &b = other.nodes[i];
      if (a.op.index() != b.op.index())
        refuse_node(point, i, fmt::format("becomes '{}' ({})", b.name, ops::shown_name(b.op)));
      if (a.inputs != b.inputs || a.output != b.output) refuse_node(point, i, "reads other values");
    }
    if (graph_.nodes.size() != other.nodes.size() || graph_.values.size() != other.values.size() ||
        graph_.inputs != other.inputs || graph_.outputs != other.outputs ||
        graph_.has_batch != other.has_batch)
      refuse_node(point, common - 1, "is followed by other nodes");
    for (std::size_t v = 0; v < graph_.values.size(); ++v)
      if (graph_.values[v].shape.rank() != other.values[v].shape.rank() ||
          graph_.values[v].element != other.values[v].element)
        throw Error(ErrorCode::unsupported,
                    fmt::format("'{}' has another number of dimensions at another size of {}",
                                graph_.values[v].name, names(point)));
  }

  void note(Point& point, std::size_t node, std::size_t field, const OpField& ours, const OpField& theirs) {
    bool fits = ours.kind == theirs.kind && ours.kind != OpField::Kind::opaque &&
                ours.numbers.size() == theirs.numbers.size();
    if (ours.kind == OpField::Kind::block)
      fits = fits && ours.shape->rank() == theirs.shape->rank() && !ours.floats == !theirs.floats;
    if (!fits) refuse_field(point, node, ours);
    point.own.emplace(std::pair(node, field), Content(theirs));
  }
  [[noreturn]] void refuse_field(const Point& point, std::size_t node, const OpField& field) const {
    refuse_node(point, node,
                fmt::format("has another '{}', which follows no rule that lowbit knows,", field.name));
  }

  std::map<std::size_t, std::vector<std::size_t>> differing() const {
    std::map<std::size_t, std::vector<std::size_t>> all;
    for (const Point& point : points_)
      for (const auto& [place, content] : point.own) {
        std::vector<std::size_t>& fields = all[place.first];
        if (std::find(fields.begin(), fields.end(), place.second) == fields.end())
          fields.push_back(place.second);
      }
    for (auto& [node, fields] : all) std::sort(fields.begin(), fields.end());
    return all;
  }

  /// constant + the sum of factors times sizes, where the number is that everywhere. `number` is asked for
  /// the highest sizes too.
  template <class Number>
  std::optional<SizeRule> by_sizes(Number&& number) const {
    SizeRule rule;
    rule.constant = number(highest_);
    for (std::size_t d = 0; d < graph_.open.size(); ++d) {
      const std::int64_t range = highest_.sizes[d] - others_[d];
      std::int64_t factor = 0;
      if (range != 0) {
        Numbers sizes = highest_.sizes;
        sizes[d] = others_[d];
        const auto at =
            std::find_if(points_.begin(), points_.end(), [&](const Point& p) { return p.sizes == sizes; });
        const std::int64_t change = number(highest_) - number(*at);
        if (change % range != 0) return std::nullopt;
        factor = change / range;
      }
      rule.factors.push_back(factor);
      rule.constant -= factor * highest_.sizes[d];
    }
    for (const Point& point : points_)
      if (sum_at(rule, point.sizes) != number(point)) return std::nullopt;
    return rule;
  }

  /// The size of an earlier value along one of its axes, where the number is that everywhere: for what
  /// convolutions have rounded down.
  template <class Number>
  std::optional<SizeRule> by_value(std::size_t node, Number&& number) const {
    std::vector<ValueId> earlier = graph_.nodes[node].inputs;
    for (std::size_t i = node; i-- > 0;) earlier.push_back(graph_.nodes[i].output);
    earlier.insert(earlier.end(), graph_.inputs.begin(), graph_.inputs.end());
    for (const ValueId id : earlier)
      for (int axis = 0; axis < highest_.shapes[at_place(id)].rank(); ++axis) {
        const auto same = [&](const Point& p) { return p.shapes[at_place(id)][axis] == number(p); };
        if (!same(highest_) || !std::all_of(points_.begin(), points_.end(), same)) continue;
        return SizeRule{SizeRule::Of::value, 0, {1}, id, axis};
      }
    return std::nullopt;
  }

  template <class Number>
  std::optional<SizeRule> by_any(std::size_t node, Number&& number) const {
    if (auto rule = by_sizes(number)) return rule;
    return by_value(node, number);
  }

  /// What a field is at a point.
  struct Field {
    std::size_t node, field;
    Content highest;
    const Content& at(const Point& point) const {
      const auto found = point.own.find({node, field});
      return found == point.own.end() ? highest : found->second;
    }
  };

  void fit_node(std::size_t node, const std::vector<std::size_t>& fields) {
    const std::vector<OpField> all = fields_of(graph_.nodes[node].op);
    std::vector<FieldRule> rules;
    for (const std::size_t f : fields) {
      const Field field{node, f, Content(all[f])};
      std::optional<FieldRule> rule;
      if (all[f].kind == OpField::Kind::numbers)
        rule = fit_numbers(field, &Content::numbers);
      else
        rule = fit_block(field);
      if (!rule) refuse_field(first_difference(field), node, all[f]);
      rule->field = static_cast<std::int32_t>(f);
      rules.push_back(std::move(*rule));
    }
    graph_.nodes[node].rules = std::move(rules);
  }

  const Point& first_difference(const Field& field) const {
    return *std::find_if(points_.begin(), points_.end(), [&](const Point& p) {
      return p.own.contains({field.node, field.field});
    });
  }

  std::optional<FieldRule> fit_numbers(const Field& field, Numbers Content::*list) const {
    FieldRule rule;
    bool has_rest = !std::holds_alternative<ops::ReshapeOp>(graph_.nodes[field.node].op);
    for (std::size_t i = 0; i < (field.highest.*list).size(); ++i) {
      auto found = by_any(field.node, [&](const Point& p) { return (field.at(p).*list)[i]; });
      if (!found && has_rest) return std::nullopt;
      if (!found) found = SizeRule{.of = SizeRule::Of::rest}, has_rest = true;
      rule.numbers.push_back(*found);
    }
    return rule;
  }

  std::optional<FieldRule> fit_block(const Field& field) const {
    const auto same_shape = [&](const Point& p) { return field.at(p).shape == field.highest.shape; };
    if (std::all_of(points_.begin(), points_.end(), same_shape)) {
      if (field.highest.integers.empty() || field.highest.integers.size() > kMostNumbers) return std::nullopt;
      return fit_numbers(field, &Content::integers);
    }
    FieldRule rule;
    std::vector<std::vector<SizeRule>> starts;  // those that are possible, for each axis
    for (int axis = 0; axis < field.highest.shape.rank(); ++axis) {
      const auto size = [&](const Point& p) { return field.at(p).shape[axis]; };
      const auto found = by_any(field.node, size);
      if (!found) return std::nullopt;
      rule.numbers.push_back(*found);
      starts.push_back(possible_starts(size));
    }
    return choose_starts(field, starts, rule) ? std::optional(rule) : std::nullopt;
  }

  /// At the front, or moved on as some of the dimensions shrink.
  template <class Size>
  std::vector<SizeRule> possible_starts(Size&& size) const {
    const bool varies = std::any_of(points_.begin(), points_.end(),
                                    [&](const Point& p) { return size(p) != size(highest_); });
    std::vector<SizeRule> all;
    const std::size_t subsets = varies ? std::size_t{1} << graph_.open.size() : 1;
    for (std::size_t subset = 0; subset < subsets; ++subset) {
      SizeRule& rule = all.emplace_back();
      for (std::size_t d = 0; d < graph_.open.size(); ++d) {
        const bool moves = (subset >> d & 1) != 0;
        rule.factors.push_back(moves ? -1 : 0);
        if (moves) rule.constant += highest_.sizes[d];
      }
    }
    return all;
  }

  bool choose_starts(const Field& field, const std::vector<std::vector<SizeRule>>& starts,
                     FieldRule& rule) const {
    if (rule.starts.size() == starts.size())
      return std::all_of(points_.begin(), points_.end(),
                         [&](const Point& p) { return is_part(field, p, rule.starts); });
    for (const SizeRule& start : starts[rule.starts.size()]) {
      rule.starts.push_back(start);
      if (choose_starts(field, starts, rule)) return true;
      rule.starts.pop_back();
    }
    return false;
  }

  static bool is_part(const Field& field, const Point& point, const std::vector<SizeRule>& rules) {
    const Content& part = field.at(point);
    Numbers starts;
    for (std::size_t axis = 0; axis < rules.size(); ++axis) {
      const std::int64_t start = sum_at(rules[axis], point.sizes);
      const int a = static_cast<int>(axis);
      if (start < 0 || start + part.shape[a] > field.highest.shape[a]) return false;
      starts.push_back(start);
    }
    const Shape& whole = field.highest.shape;
    const auto same = [&](const auto& all, const auto& some) {
      if (all.empty()) return some.empty();
      const auto taken = part_of(all, whole, part.shape, starts);
      return taken.size() == some.size() &&
             std::equal(std::as_bytes(std::span(taken)).begin(), std::as_bytes(std::span(taken)).end(),
                        std::as_bytes(std::span(some)).begin());
    };
    return same(field.highest.floats, part.floats) && same(field.highest.integers, part.integers);
  }

  /// What the rules make of the sizes must be what was seen there, to the last number.
  void check(const Point& point) {
    const GraphAtSizes now = at_sizes(graph_, point.sizes);
    for (std::size_t i = 0; i < graph_.nodes.size(); ++i) {
      if (now.shapes[at_place(graph_.nodes[i].output)] != point.shapes[at_place(graph_.nodes[i].output)])
        refuse_node(point, i, "gives another shape");
      if (!now.ops[i]) continue;
      ops::Op op = *now.ops[i];
      const std::vector<OpField> fields = fields_of(op);
      for (const FieldRule& rule : graph_.nodes[i].rules) {
        const OpField& field = fields[at_place(rule.field)];
        const auto seen = point.own.find({i, at_place(rule.field)});
        if (!holds(field, seen != point.own.end()
                              ? seen->second
                              : Content(fields_of(graph_.nodes[i].op)[at_place(rule.field)])))
          refuse_field(point, i, field);
      }
    }
  }

  static bool holds(const OpField& field, const Content& seen) {
    const Content now(field);
    return now.numbers == seen.numbers && now.shape == seen.shape && now.integers == seen.integers &&
           now.floats.size() == seen.floats.size();
  }

  static constexpr std::size_t kMostNumbers = 64;

  Graph graph_;
  std::vector<OpenDimension> dimensions_;
  Numbers others_;
  Point highest_;
  std::vector<Point> points_;
};

}  // namespace

Graph open_from_sizes(Graph highest, std::vector<OpenDimension> dimensions,
                      const std::function<Graph(std::span<const std::int64_t>)>& graph_at) {
  const OpenPlaces places = places_to_look(dimensions);
  Fit fit(std::move(highest), std::move(dimensions), places.others);
  for (const Numbers& sizes : places.same) fit.look_at(sizes, graph_at(sizes));
  return fit.run();
}

}  // namespace lowbit::detail
