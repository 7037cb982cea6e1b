// SPDX-License-Identifier: Apache-2.0
#include "io/onnx/rewrite_quantized.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "lowbit/core/error.h"

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
    for (const Node& node : graph_.node()) find_dynamic(node), find_static(node);
    for (const Node& node : graph_.node()) {
      const auto at = dynamic_.find(&node);
      if (dropped_.contains(&node)) continue;
      if (at != dynamic_.end())
        write_dynamic(at->second, node, nodes);
      else if (const auto sums = static_.find(&node); sums != static_.end())
        write_static(sums->second, node, nodes);
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

  /// All but the codes of what is multiplied are initializers; the weights of a convolution are, too.
  bool can_rewrite(const Node& node, int inputs) const {
    if (node.input_size() < inputs || node.output_size() != 1) return false;
    for (int i = 1; i < node.input_size(); ++i)
      if ((i != 3 || node.op_type() == "QLinearConv") && !node.input(i).empty() &&
          !is_initializer(node.input(i)))
        return false;
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

  double number(const std::string& name) const {
    const Constant constant = read_tensor(*initializers_.at(name), files_);
    if (constant.size() == 0)
      throw Error(ErrorCode::corrupt_file, fmt::format("{}: '{}' has no elements", files_.name, name));
    return constant.is_integer ? static_cast<double>(constant.integers[0]) : constant.doubles()[0];
  }

  /// Codes of the bias stand for multiples of both scales.
  std::string bias(const Node& node, std::vector<Node>& nodes) {
    const double x_scale = number(node.input(1));
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
    std::string reals = unique(node.output(0));
    product.clear_output();
    product.add_output(reals);
    product.set_name(node.name().empty() ? node.output(0) : node.name());
    nodes.push_back(std::move(product));
    const Node* clip = only_reader(node.output(0));
    if (clip && !is_clip_of_codes(*clip, node.output(0))) clip = nullptr;
    if (clip) {
      const std::string limited = unique(clip->output(0));
      nodes.push_back(
          make("Clip", {reals, limit(node, clip->input(1)), limit(node, clip->input(2))}, limited));
      reals = limited;
      dropped_.insert(clip);
    }
    nodes.push_back(
        make("QuantizeLinear", {reals, node.input(6), node.input(7)}, (clip ? clip : &node)->output(0)));
  }

  bool is_clip_of_codes(const Node& clip, const std::string& codes) const {
    return clip.op_type() == "Clip" && clip.input_size() == 3 && clip.input(0) == codes &&
           is_initializer(clip.input(1)) && is_initializer(clip.input(2));
  }
  /// What a code that a product gives stands for, as an initializer.
  std::string limit(const Node& product, const std::string& code) {
    onnx::TensorProto real;
    real.set_name(unique(code));
    real.set_data_type(onnx::TensorProto::FLOAT);
    const double zero = product.input(7).empty() ? 0.0 : number(product.input(7));
    real.add_float_data(static_cast<float>((number(code) - zero) * number(product.input(6))));
    made_.push_back(real);
    return real.name();
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
    const std::int64_t axis = is_initializer(node.input(3)) ? 1 : -1;
    product.add_input(dequantized({node.input(3), node.input(4), node.input(5)}, axis, nodes));
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

  /// Sums of codes whose scale the file has, times both scales: MatMulInteger or ConvInteger, Cast, and a Mul
  /// with the product of two initializers.
  struct Static {
    const Node* sums;
    std::string x_scale, scale;
  };

  /// The scale of codes: that of who made them, behind what moves them.
  std::string scale_of_codes(std::string name) const {
    static const std::set<std::string> kMoves{"Flatten", "MaxPool",   "Reshape",  "Slice",
                                              "Squeeze", "Transpose", "Unsqueeze"};
    for (const Node* node = producer(name); node; node = producer(name)) {
      const std::string& type = node->op_type();
      if (type == "QuantizeLinear" && node->input_size() > 1) return node->input(1);
      if ((type == "QLinearConv" || type == "QLinearMatMul") && node->input_size() > 6) return node->input(6);
      if (type == "Clip" ? !is_clip_of_codes(*node, node->input(0)) : !kMoves.contains(type)) break;
      if (node->input_size() == 0) break;
      name = node->input(0);
    }
    return {};
  }

  void find_static(const Node& node) {
    const bool is_conv = node.op_type() == "ConvInteger";
    if ((!is_conv && node.op_type() != "MatMulInteger") || node.input_size() < 3 || node.output_size() != 1)
      return;
    for (int i = 1; i < node.input_size(); ++i)
      if (!is_initializer(node.input(i))) return;
    const std::string x_scale = scale_of_codes(node.input(0));
    const Node* cast = only_reader(node.output(0));
    if (!is_initializer(x_scale) || !cast || cast->op_type() != "Cast" || cast->output_size() != 1) return;
    const Node* scaled = only_reader(cast->output(0));
    if (!scaled || scaled->op_type() != "Mul" || scaled->input_size() != 2) return;
    const Node* factor = producer(scaled->input(scaled->input(0) == cast->output(0) ? 1 : 0));
    if (!factor || factor->op_type() != "Mul" || factor->input_size() != 2) return;
    const int side = factor->input(0) == x_scale ? 1 : 0;
    const std::string& scale = factor->input(side);
    if (factor->input(1 - side) != x_scale || !is_initializer(scale)) return;
    // One scale, or one for each channel.
    const onnx::TensorProto& tensor = *initializers_.at(scale);
    const onnx::TensorProto& weights = *initializers_.at(node.input(1));
    const int rank = weights.dims_size();
    if (rank < 2 || (!is_conv && rank != 2)) return;
    const std::int64_t channels = weights.dims(is_conv ? 0 : 1);
    bool fits = tensor.dims_size() == (is_conv ? rank - 1 : 1);
    for (int i = 0; i < tensor.dims_size(); ++i) fits = fits && tensor.dims(i) == (i == 0 ? channels : 1);
    if (!fits && tensor.dims_size() != 0) return;
    static_[scaled] = Static{&node, x_scale, scale};
    dropped_.insert(&node);
    dropped_.insert(cast);
  }

  void write_static(const Static& s, const Node& last, std::vector<Node>& nodes) {
    const Node& sums = *s.sums;
    const bool is_conv = sums.op_type() == "ConvInteger";
    onnx::TensorProto scale = *initializers_.at(s.scale);
    const bool by_channel = scale.dims_size() > 0;
    if (by_channel) {
      const std::int64_t channels = scale.dims(0);
      scale.clear_dims();
      scale.add_dims(channels);
    }
    scale.set_name(unique(s.scale));
    Node product = sums;
    product.set_op_type(is_conv ? "Conv" : "MatMul");
    product.clear_input();
    product.clear_output();
    product.add_output(last.output(0));
    if (product.name().empty()) product.set_name(last.output(0));
    std::vector<std::string> weights{sums.input(1), scale.name()};
    if (sums.input_size() > 3 && !sums.input(3).empty()) weights.push_back(sums.input(3));
    made_.push_back(std::move(scale));
    product.add_input(dequantized({sums.input(0), s.x_scale, sums.input(2)}, -1, nodes));
    product.add_input(dequantized(weights, by_channel ? (is_conv ? 0 : 1) : -1, nodes));
    nodes.push_back(std::move(product));
  }

  /// Quantizing at run time, and factors of it, that nobody reads any more.
  void drop_unread(std::vector<Node>& nodes) const {
    if (dynamic_.empty() && static_.empty()) return;
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
  std::map<const Node*, Static> static_;
  std::set<const Node*> dropped_;
  std::set<std::string> returned_, products_;
  std::vector<onnx::TensorProto> made_;
  int made_names_ = 0;
};

}  // namespace

std::set<std::string> rewrite_quantized(onnx::ModelProto& model, const TensorFiles& files) {
  static const std::set<std::string> kOperators{"QLinearConv", "QLinearMatMul", "MatMulInteger",
                                                "ConvInteger"};
  const onnx::GraphProto& graph = model.graph();
  const auto is_one = [](const Node& node) { return kOperators.contains(node.op_type()); };
  if (std::ranges::none_of(graph.node(), is_one) || std::ranges::any_of(graph.input(), is_codes) ||
      std::ranges::any_of(graph.output(), is_codes))
    return {};
  return Rewriter(model, files).rewrite();
}

}  // namespace lowbit::onnx_import
