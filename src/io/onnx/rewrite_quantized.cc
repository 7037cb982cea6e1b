// SPDX-License-Identifier: Apache-2.0
#include "io/onnx/rewrite_quantized.h"

#include <algorithm>
#include <map>
#include <optional>
#include <utility>
#include <vector>

namespace lowbit::onnx_import {
namespace {

using Node = onnx::NodeProto;

bool is_codes(const onnx::ValueInfoProto& info) {
  const auto type = info.type().tensor_type().elem_type();
  return type == onnx::TensorProto::INT8 || type == onnx::TensorProto::UINT8;
}

class Rewriter {
 public:
  Rewriter(onnx::ModelProto& model, const TensorFiles& files)
      : graph_(*model.mutable_graph()), files_(files) {
    for (const auto& tensor : graph_.initializer()) initializers_[tensor.name()] = &tensor;
    for (const Node& node : graph_.node()) {
      for (const auto& name : node.output()) producers_[name] = &node;
      for (const auto& name : node.input()) readers_[name].push_back(&node);
    }
    for (const auto& output : graph_.output()) returned_.insert(output.name());
  }

  std::set<std::string> rewrite() {
    std::vector<Node> nodes;
    for (const Node& node : graph_.node()) find_dynamic(node);
    for (const Node& node : graph_.node()) {
      const auto at = dynamic_.find(&node);
      if (dropped_.contains(&node)) continue;
      if (at != dynamic_.end())
        write_dynamic(at->second, node, nodes);
      else if (node.op_type() == "QLinearConv" && can_rewrite(node, 8))
        write_conv(node, nodes);
      else if (node.op_type() == "QLinearMatMul" && can_rewrite(node, 8))
        write_matmul(node, nodes);
      else
        nodes.push_back(node);
    }
    drop_unread(nodes);
    graph_.clear_node();
    for (Node& node : nodes) *graph_.add_node() = std::move(node);
    for (onnx::TensorProto& tensor : made_) *graph_.add_initializer() = std::move(tensor);
    return std::move(products_);
  }

 private:
  const Node* producer(const std::string& name) const {
    const auto at = producers_.find(name);
    return at == producers_.end() ? nullptr : at->second;
  }
  /// The only reader of a name that the graph does not return.
  const Node* only_reader(const std::string& name) const {
    const auto at = readers_.find(name);
    return at == readers_.end() || at->second.size() != 1 || returned_.contains(name) ? nullptr
                                                                                      : at->second[0];
  }
  bool is_initializer(const std::string& name) const { return initializers_.contains(name); }

  /// All but the first input of a product, and but the second one's codes, are initializers.
  bool can_rewrite(const Node& node, int inputs) const {
    if (node.input_size() < inputs || node.output_size() != 1) return false;
    for (int i = 1; i < node.input_size(); ++i)
      if (!node.input(i).empty() && !is_initializer(node.input(i))) return false;
    return true;
  }

  std::string unique(const std::string& base) { return base + "/float" + std::to_string(made_names_++); }

  static Node make(const std::string& op, const std::vector<std::string>& inputs, const std::string& output) {
    Node node;
    node.set_op_type(op);
    node.set_name(output);
    for (const auto& name : inputs) node.add_input(name);
    node.add_output(output);
    return node;
  }
  static void set_axis(Node& node, std::int64_t axis) {
    auto* a = node.add_attribute();
    a->set_name("axis");
    a->set_type(onnx::AttributeProto::INT);
    a->set_i(axis);
  }
  std::string dequantized(const std::vector<std::string>& inputs, std::int64_t axis,
                          std::vector<Node>& nodes) {
    std::string name = unique(inputs[0]);
    Node node = make("DequantizeLinear", inputs, name);
    if (axis >= 0) set_axis(node, axis);
    nodes.push_back(std::move(node));
    return name;
  }

  std::vector<double> floats(const std::string& name) const {
    return read_tensor(*initializers_.at(name), files_).doubles();
  }

  /// Codes of the bias stand for multiples of both scales.
  std::string bias(const Node& node, std::vector<Node>& nodes) {
    const double x_scale = floats(node.input(1)).at(0);
    onnx::TensorProto scale;
    scale.set_name(unique(node.input(8) + "/scale"));
    scale.set_data_type(onnx::TensorProto::FLOAT);
    const std::vector<double> scales = floats(node.input(4));
    if (scales.size() > 1) scale.add_dims(static_cast<std::int64_t>(scales.size()));
    for (const double s : scales) scale.add_float_data(static_cast<float>(x_scale * s));
    made_.push_back(scale);
    return dequantized({node.input(8), scale.name()}, scales.size() > 1 ? 0 : -1, nodes);
  }

  void write_product(Node product, const Node& node, std::vector<Node>& nodes) {
    const std::string reals = unique(node.output(0));
    product.clear_output();
    product.add_output(reals);
    product.set_name(node.name().empty() ? node.output(0) : node.name());
    nodes.push_back(std::move(product));
    nodes.push_back(make("QuantizeLinear", {reals, node.input(6), node.input(7)}, node.output(0)));
  }

  void write_conv(const Node& node, std::vector<Node>& nodes) {
    Node conv = node;
    conv.set_op_type("Conv");
    conv.clear_input();
    conv.add_input(dequantized({node.input(0), node.input(1), node.input(2)}, -1, nodes));
    conv.add_input(dequantized({node.input(3), node.input(4), node.input(5)}, 0, nodes));
    if (node.input_size() > 8 && !node.input(8).empty()) conv.add_input(bias(node, nodes));
    write_product(std::move(conv), node, nodes);
  }

  void write_matmul(const Node& node, std::vector<Node>& nodes) {
    Node product =
        make("MatMul", {dequantized({node.input(0), node.input(1), node.input(2)}, -1, nodes)}, "");
    product.add_input(dequantized({node.input(3), node.input(4), node.input(5)}, 1, nodes));
    write_product(std::move(product), node, nodes);
  }

  /// The parts of a product whose input is quantized at run time, by its last node.
  struct Dynamic {
    std::string x, weights, scale, zero;
    std::vector<const Node*> inner;
  };

  void find_dynamic(const Node& node) {
    if (node.op_type() != "MatMulInteger" || node.input_size() < 3 || !is_initializer(node.input(1)) ||
        initializers_.at(node.input(1))->dims_size() != 2)
      return;
    const Node* quantize = producer(node.input(0));
    if (!quantize || quantize->op_type() != "DynamicQuantizeLinear" || quantize->output_size() != 3 ||
        node.input(0) != quantize->output(0) || node.input(2) != quantize->output(2))
      return;
    const std::string zero = node.input_size() > 3 ? node.input(3) : "";
    if (!zero.empty() && !is_initializer(zero)) return;
    const Node* cast = only_reader(node.output(0));
    if (!cast || cast->op_type() != "Cast") return;
    const Node* scaled = only_reader(cast->output(0));
    if (!scaled || scaled->op_type() != "Mul") return;
    const std::string& factor = scaled->input(scaled->input(0) == cast->output(0) ? 1 : 0);
    const Node* product = producer(factor);
    if (!product || product->op_type() != "Mul") return;
    for (const int side : {0, 1})
      if (product->input(side) == quantize->output(1) && is_initializer(product->input(1 - side))) {
        dynamic_[scaled] =
            Dynamic{quantize->input(0), node.input(1), product->input(1 - side), zero, {&node, cast}};
        dropped_.insert(&node);
        dropped_.insert(cast);
      }
  }

  void write_dynamic(const Dynamic& d, const Node& last, std::vector<Node>& nodes) {
    std::vector<std::string> weights{d.weights, d.scale};
    if (!d.zero.empty()) weights.push_back(d.zero);
    Node product = make("MatMul", {d.x, dequantized(weights, 1, nodes)}, last.output(0));
    product.set_name(d.inner[0]->name().empty() ? last.output(0) : d.inner[0]->name());
    products_.insert(product.name());
    nodes.push_back(std::move(product));
  }

  /// Quantizing at run time, and factors of it, that nobody reads any more.
  void drop_unread(std::vector<Node>& nodes) const {
    if (dynamic_.empty()) return;
    for (bool changed = true; changed;) {
      std::set<std::string> read = returned_;
      for (const Node& node : nodes) read.insert(node.input().begin(), node.input().end());
      const auto is_unread = [&](const Node& node) {
        return (node.op_type() == "Mul" || node.op_type() == "DynamicQuantizeLinear") &&
               std::ranges::none_of(node.output(),
                                    [&](const std::string& name) { return read.contains(name); });
      };
      changed = std::erase_if(nodes, is_unread) > 0;
    }
  }

  onnx::GraphProto& graph_;
  const TensorFiles& files_;
  std::map<std::string, const onnx::TensorProto*> initializers_;
  std::map<std::string, const Node*> producers_;
  std::map<std::string, std::vector<const Node*>> readers_;
  std::map<const Node*, Dynamic> dynamic_;
  std::set<const Node*> dropped_;
  std::set<std::string> returned_, products_;
  std::vector<onnx::TensorProto> made_;
  int made_names_ = 0;
};

}  // namespace

std::set<std::string> rewrite_quantized(onnx::ModelProto& model, const TensorFiles& files) {
  static const std::set<std::string> kOperators{"QLinearConv", "QLinearMatMul", "MatMulInteger"};
  const onnx::GraphProto& graph = model.graph();
  const auto is_one = [](const Node& node) { return kOperators.contains(node.op_type()); };
  if (std::ranges::none_of(graph.node(), is_one) || std::ranges::any_of(graph.input(), is_codes) ||
      std::ranges::any_of(graph.output(), is_codes))
    return {};
  return Rewriter(model, files).rewrite();
}

}  // namespace lowbit::onnx_import
