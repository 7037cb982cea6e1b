// SPDX-License-Identifier: Apache-2.0
#include "io/onnx/unroll.h"

#include <fmt/format.h>

#include <string>
#include <utility>
#include <vector>

#include "io/onnx/inline_functions.h"
#include "io/onnx/renaming.h"

namespace lowbit::onnx_import {
namespace {

constexpr std::int64_t kMostSteps = 1024;

using Names = std::vector<std::string>;

ConstantPtr integers(std::vector<std::int64_t> dims, std::vector<std::int64_t> values) {
  return std::make_shared<const Constant>(Constant{std::move(dims), true, {}, std::move(values)});
}

ConstantPtr boolean(bool value) {
  Constant constant{{}, true, {}, {value ? 1 : 0}};
  constant.element = ElementType::boolean;
  return std::make_shared<const Constant>(std::move(constant));
}

/// What the names of the steps begin with.
std::string path_of(const onnx::NodeProto& node) {
  const std::string name = first_output(node);
  return (name.empty() ? node.name() : name) + "/";
}

class Unroller {
 public:
  Unroller(Importer& importer, NodeContext& node)
      : importer_(importer), node_(node), body_(body()), path_(path_of(node.proto())) {}

  void loop() {
    const int carried = node_.proto().input_size() < 2 ? 0 : node_.proto().input_size() - 2;
    const int scanned = body_.output_size() - 1 - carried;
    require_counts(body_.input_size() == carried + 2 && scanned >= 0, carried + scanned);
    const std::int64_t most = trip_count();
    bool goes_on = !is_given(1) || boolean_of(*importer_.find(node_.proto().input(1)));
    Names state = inputs(2, carried);
    std::vector<Names> scans(static_cast<std::size_t>(scanned));
    std::int64_t step = 0;
    for (; goes_on && step < most; ++step) {
      require_few(step + 1);
      const std::string prefix = fmt::format("{}{}/", path_, step);
      importer_.define(prefix + "step", integers({}, {step}));
      importer_.define(prefix + "goes_on", boolean(true));
      Names in{prefix + "step", prefix + "goes_on"};
      in.insert(in.end(), state.begin(), state.end());
      const Names out = run_body(prefix, in);
      goes_on = boolean_of(entry(out[0]));
      state.assign(out.begin() + 1, out.begin() + 1 + carried);
      for (int i = 0; i < scanned; ++i)
        scans[static_cast<std::size_t>(i)].push_back(out[static_cast<std::size_t>(1 + carried + i)]);
    }
    for (int i = 0; i < node_.proto().output_size(); ++i)
      if (i < carried)
        give(i, state[static_cast<std::size_t>(i)]);
      else
        give_joined(i, scans[static_cast<std::size_t>(i - carried)], 0);
  }

  void scan() {
    const bool in_batches = importer_.opset() < 9;
    const int first = in_batches ? 1 : 0, given = node_.proto().input_size() - first;
    const std::int64_t sources = node_.int_attribute("num_scan_inputs", 0);
    if (in_batches && is_given(0)) node_.refuse("has a number of steps for each element of a batch");
    if (sources < 1 || sources > given)
      node_.reject(fmt::format("scans {} of its {} inputs", sources, given));
    scanned_ = static_cast<int>(sources), carried_ = given - scanned_;
    require_counts(body_.input_size() == given && body_.output_size() >= carried_, body_.output_size());
    const Names state = inputs(first, carried_), from = inputs(first + carried_, scanned_);
    if (in_batches) return scan_batch(state, from);
    const Names results = scan_once(
        path_, state, from, list("scan_input_axes", scanned_), list("scan_input_directions", scanned_),
        list("scan_output_axes", results_count()), list("scan_output_directions", results_count()));
    for (int i = 0; i < node_.proto().output_size(); ++i) give(i, results[static_cast<std::size_t>(i)]);
  }

 private:
  const onnx::GraphProto& body() const {
    const auto* attribute = node_.find_attribute("body");
    if (!attribute || !attribute->has_g()) node_.reject("has no body");
    return attribute->g();
  }

  bool is_given(int i) const { return i < node_.proto().input_size() && !node_.proto().input(i).empty(); }
  int results_count() const { return body_.output_size() - carried_; }

  void require_counts(bool fits, int results) const {
    if (!fits || node_.proto().output_size() > results)
      node_.reject(fmt::format("has a body of {} inputs and {} outputs, which do not go with its own",
                               body_.input_size(), body_.output_size()));
  }

  void require_few(std::int64_t steps) const {
    if (steps > kMostSteps) node_.refuse(fmt::format("has a number of steps above {}", kMostSteps));
  }

  Names inputs(int first, int count) const {
    Names names;
    for (int i = first; i < first + count; ++i) {
      if (!is_given(i)) node_.reject(fmt::format("leaves out its input {}, which it must have", i));
      names.push_back(node_.proto().input(i));
    }
    return names;
  }

  std::vector<std::int64_t> list(std::string_view name, int count) const {
    std::vector<std::int64_t> values = node_.ints_attribute(name, {});
    if (values.empty()) values.assign(static_cast<std::size_t>(count), 0);
    if (values.size() != static_cast<std::size_t>(count))
      node_.reject(fmt::format("has {} elements in {} instead of {}", values.size(), name, count));
    return values;
  }

  const Importer::Entry& entry(const std::string& name) const {
    const Importer::Entry* found = name.empty() ? nullptr : importer_.find(name);
    if (!found) node_.reject(fmt::format("has a body that does not compute '{}'", name));
    return *found;
  }

  std::int64_t trip_count() const {
    if (!is_given(0)) return kMostSteps + 1;
    const auto* constant = std::get_if<ConstantPtr>(importer_.find(node_.proto().input(0)));
    if (!constant) node_.refuse("has a number of steps that is computed from inputs");
    if ((*constant)->integers.size() != 1) node_.reject("has a number of steps that is not one integer");
    return (*constant)->integers[0];
  }

  bool boolean_of(const Importer::Entry& value) const {
    const auto* constant = std::get_if<ConstantPtr>(&value);
    if (!constant) node_.refuse("has a number of steps that a computed condition decides");
    if ((*constant)->integers.size() != 1) node_.reject("has a condition that is not one boolean");
    return (*constant)->integers[0] != 0;
  }

  /// One step on what `in` names outside; the names of its results outside.
  Names run_body(const std::string& prefix, const Names& in) {
    Renaming renaming(prefix, Renaming::Others::stay);
    renaming.define_all(body_);
    for (int i = 0; i < body_.input_size(); ++i)
      renaming.set(body_.input(i).name(), in[static_cast<std::size_t>(i)]);
    onnx::GraphProto step = body_;
    renaming.rename(step);
    Names out;
    for (const auto& output : step.output()) out.push_back(output.name());
    importer_.import_in_place(step);
    return out;
  }

  /// A node between the steps, of which `output` is the result.
  void add(const char* op, const Names& in, const std::string& output, std::int64_t axis) {
    onnx::GraphProto graph;
    onnx::NodeProto& node = *graph.add_node();
    node.set_op_type(op);
    for (const std::string& name : in) node.add_input(name);
    node.add_output(output);
    const bool is_list = node.op_type() == "Unsqueeze";
    if (is_list && importer_.opset() >= 13) {
      importer_.define(output + "/axes", integers({1}, {axis}));
      node.add_input(output + "/axes");
    } else {
      onnx::AttributeProto& attribute = *node.add_attribute();
      attribute.set_name(is_list ? "axes" : "axis");
      attribute.set_type(is_list ? onnx::AttributeProto::INTS : onnx::AttributeProto::INT);
      is_list ? attribute.add_ints(axis) : attribute.set_i(axis);
    }
    graph.add_output()->set_name(output);
    importer_.import_in_place(graph);
  }

  /// The parts along a new axis.
  void join(const Names& parts, std::int64_t axis, const std::string& output) {
    if (parts.empty()) node_.refuse("has a number of steps of 0, of which it makes a tensor");
    Names lines;
    for (std::size_t i = 0; i < parts.size(); ++i) {
      lines.push_back(fmt::format("{}{}/part{}", path_, output, i));
      add("Unsqueeze", {parts[i]}, lines.back(), axis);
    }
    add("Concat", lines, output, axis);
  }

  bool is_wanted(int output) const {
    const std::string& name = node_.proto().output(output);
    return !name.empty() && importer_.is_used(name);
  }

  void give(int output, const std::string& name) {
    if (is_wanted(output)) importer_.define(node_.proto().output(output), entry(name));
  }

  void give_joined(int output, const Names& parts, std::int64_t axis) {
    if (is_wanted(output)) join(parts, axis, node_.proto().output(output));
  }

  /// Element `index` of an axis of `name`.
  std::string element(const std::string& name, std::int64_t axis, std::int64_t index,
                      const std::string& output) {
    importer_.define(output + "/index", integers({}, {index}));
    add("Gather", {name, output + "/index"}, output, axis);
    return output;
  }

  std::int64_t size_along(const std::string& name, std::int64_t axis) const {
    const Importer::Entry& found = entry(name);
    const auto* id = std::get_if<ValueId>(&found);
    const Shape shape = id ? node_.shape_of(*id) : Shape(std::get<ConstantPtr>(found)->dims);
    return shape[static_cast<int>(normalized_axis(node_, axis, shape.rank()))];
  }

  std::int64_t common_size(const Names& names, const std::vector<std::int64_t>& axes) const {
    const std::int64_t size = size_along(names[0], axes[0]);
    for (std::size_t i = 1; i < names.size(); ++i)
      if (size_along(names[i], axes[i]) != size) node_.reject("scans inputs of different lengths");
    return size;
  }

  /// The last state, and what the steps give besides, joined.
  Names scan_once(const std::string& path, Names state, const Names& from,
                  const std::vector<std::int64_t>& axes, const std::vector<std::int64_t>& directions,
                  const std::vector<std::int64_t>& out_axes,
                  const std::vector<std::int64_t>& out_directions) {
    const std::int64_t steps = common_size(from, axes);
    require_few(steps);
    std::vector<Names> scans(static_cast<std::size_t>(results_count()));
    for (std::int64_t step = 0; step < steps; ++step) {
      const std::string prefix = fmt::format("{}{}/", path, step);
      Names in = state;
      for (std::size_t i = 0; i < from.size(); ++i)
        in.push_back(element(from[i], axes[i], directions[i] ? steps - 1 - step : step,
                             fmt::format("{}in{}", prefix, i)));
      const Names out = run_body(prefix, in);
      state.assign(out.begin(), out.begin() + carried_);
      for (std::size_t i = 0; i < scans.size(); ++i)
        scans[i].insert(out_directions[i] ? scans[i].begin() : scans[i].end(),
                        out[static_cast<std::size_t>(carried_) + i]);
    }
    for (std::size_t i = 0; i < scans.size(); ++i) {
      state.push_back(fmt::format("{}out{}", path, i));
      if (is_wanted_of_scan(carried_ + static_cast<int>(i))) join(scans[i], out_axes[i], state.back());
    }
    return state;
  }

  bool is_wanted_of_scan(int output) const {
    return output < node_.proto().output_size() && is_wanted(output);
  }

  /// Before the operator set 9: the batch is the first axis of everything.
  void scan_batch(const Names& state, const Names& from) {
    const std::vector<std::int64_t> first(from.size(), 0), directions = list("directions", scanned_),
                                                           none(static_cast<std::size_t>(results_count()), 0);
    Names all = state;
    all.insert(all.end(), from.begin(), from.end());
    const std::int64_t batch = common_size(all, std::vector<std::int64_t>(all.size(), 0));
    require_few(batch);
    std::vector<Names> results(static_cast<std::size_t>(body_.output_size()));
    for (std::int64_t b = 0; b < batch; ++b) {
      const std::string path = fmt::format("{}sample{}/", path_, b);
      Names one;
      for (std::size_t i = 0; i < all.size(); ++i)
        one.push_back(element(all[i], 0, b, fmt::format("{}of{}", path, i)));
      const auto middle = one.begin() + carried_;
      const Names out =
          scan_once(path, {one.begin(), middle}, {middle, one.end()}, first, directions, none, none);
      for (std::size_t i = 0; i < results.size(); ++i) results[i].push_back(out[i]);
    }
    for (int i = 0; i < node_.proto().output_size(); ++i)
      give_joined(i, results[static_cast<std::size_t>(i)], 0);
  }

  Importer& importer_;
  NodeContext& node_;
  const onnx::GraphProto& body_;
  std::string path_;
  int carried_ = 0, scanned_ = 0;  ///< of a Scan: states, and inputs that are scanned
};

}  // namespace

void unroll_loop(Importer& importer, NodeContext& node) {
  Unroller(importer, node).loop();
}

void unroll_scan(Importer& importer, NodeContext& node) {
  Unroller(importer, node).scan();
}

}  // namespace lowbit::onnx_import
