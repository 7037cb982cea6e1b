// SPDX-License-Identifier: Apache-2.0
#include "io/onnx/open_networks.h"

#include <algorithm>
#include <functional>
#include <map>

namespace lowbit::testing {
namespace {

/// Adds nodes and names their outputs.
class Nodes {
 public:
  explicit Nodes(OnnxBuilder& file) : file_(file) {}

  std::string add(const std::string& op, const std::vector<std::string>& inputs) {
    const std::string name = op + std::to_string(count_++);
    file_.node(op, inputs, name).name(name);
    return name;
  }
  template <class T>
  std::string add(const std::string& op, const std::vector<std::string>& inputs, const std::string& key,
                  T v) {
    const std::string name = op + std::to_string(count_++);
    file_.node(op, inputs, name).name(name).with(key, v);
    return name;
  }
  std::string weights(const std::vector<std::int64_t>& dims) {
    const std::string name = "w" + std::to_string(count_++);
    file_.random(name, dims);
    return name;
  }
  std::string list(const std::vector<std::int64_t>& values) {
    const std::string name = "i" + std::to_string(count_++);
    file_.integers(name, values);
    return name;
  }
  std::string integer(std::int64_t value) {
    const std::string name = "n" + std::to_string(count_++);
    file_.tensor(name, {}, onnx::TensorProto::INT64).add_int64_data(value);
    return name;
  }
  /// Of one element each.
  std::string dim(const std::string& x, std::int64_t axis) {
    return add("Gather", {add("Shape", {x}), list({axis})});
  }
  std::string shape(const std::vector<std::string>& dims) { return add("Concat", dims, "axis", 0); }
  std::string linear(const std::string& x, std::int64_t from, std::int64_t to) {
    return add("Add", {add("MatMul", {x, weights({from, to})}), weights({to})});
  }
  std::string heads(const std::string& x, std::int64_t heads, std::int64_t size) {
    const std::string split = add("Reshape", {x, shape({dim(x, 0), dim(x, 1), list({heads}), list({size})})});
    return add("Transpose", {split}, "perm", std::vector<std::int64_t>{0, 2, 1, 3});
  }
  std::string attention(const std::string& q, const std::string& k, const std::string& v,
                        const std::string& mask) {
    std::string scores =
        add("MatMul", {q, add("Transpose", {k}, "perm", std::vector<std::int64_t>{0, 1, 3, 2})});
    if (!mask.empty()) scores = add("Add", {scores, mask});
    return add("MatMul", {add("Softmax", {scores}, "axis", -1), v});
  }
  std::string joined(const std::string& x, std::int64_t width) {
    const std::string rows = add("Transpose", {x}, "perm", std::vector<std::int64_t>{0, 2, 1, 3});
    return add("Reshape", {rows, shape({dim(rows, 0), dim(rows, 1), list({width})})});
  }
  std::string norm(const std::string& x, std::int64_t width) {
    return add("LayerNormalization", {x, weights({width}), weights({width})});
  }
  void output(const std::string& x, const std::string& name) {
    file_.node("Identity", {x}, name);
    file_.output(name);
  }

 private:
  OnnxBuilder& file_;
  int count_ = 0;
};

/// Tokens with a table of positions, of which as many are taken as there are tokens.
void make_encoder(OpenNetwork& n) {
  n.open = {{"batch", 1, 3}, {"sequence", 2, 20}};
  n.sizes = {{1, 2}, {1, 20}, {3, 20}, {2, 7}, {1, 11}, {3, 2}};
  n.add_input("tokens", {"batch", "sequence"}, lowbit::ElementType::i64);
  Nodes b(n.file);
  const std::string length = b.dim("tokens", 1);
  const std::string places = b.add("Slice", {b.weights({1, 32, 8}), b.list({0}), length, b.list({1})});
  std::string x = b.add("Add", {b.add("Gather", {b.weights({10, 8}), "tokens"}), places});
  const std::string q = b.heads(b.linear(x, 8, 8), 2, 4), k = b.heads(b.linear(x, 8, 8), 2, 4),
                    v = b.heads(b.linear(x, 8, 8), 2, 4);
  const std::string y = b.linear(b.joined(b.attention(q, k, v, ""), 8), 8, 8);
  x = b.norm(b.add("Add", {x, y}), 8);
  x = b.norm(b.add("Add", {x, b.linear(b.add("Relu", {b.linear(x, 8, 24)}), 24, 8)}), 8);
  b.output(x, "hidden");
  b.output(b.add("Tanh", {b.linear(b.add("Gather", {x, b.integer(0)}, "axis", 1), 8, 8)}), "pooled");
}

void add_cache(OpenNetwork& n, const std::string& sequence) {
  n.add_input("x", {"1", sequence, "8"});
  n.add_input("past_keys", {"1", "2", "past", "4"});
  n.add_input("past_values", {"1", "2", "past", "4"});
  n.add_input("mask", {"1", "past + " + sequence});
  Nodes b(n.file);
  const auto scalar = [&](const std::string& x) { return b.add("Squeeze", {x}); };
  const std::string first = scalar(b.dim("past_keys", 2)), all = scalar(b.dim("mask", 1));
  const std::string columns = b.add("Range", {b.integer(0), all, b.integer(1)});
  const std::string rows = b.add("Reshape", {b.add("Range", {first, all, b.integer(1)}), b.list({-1, 1})});
  const std::string later = b.add("Cast", {b.add("Greater", {columns, rows})}, "to", 1);
  n.file.floats("low", {1}, {-1e9f});
  const std::string causal = b.add("Add", {b.add("Mul", {later, "low"}), "mask"});
  const std::string q = b.heads(b.linear("x", 8, 8), 2, 4);
  const std::string k = b.add("Concat", {"past_keys", b.heads(b.linear("x", 8, 8), 2, 4)}, "axis", 2);
  const std::string v = b.add("Concat", {"past_values", b.heads(b.linear("x", 8, 8), 2, 4)}, "axis", 2);
  b.output(b.linear(b.joined(b.attention(q, k, v, causal), 8), 8, 8), "y");
  b.output(k, "keys");
  b.output(v, "values");
}

/// New tokens behind others, of which keys and values come in and go out; a causal mask from ranges.
void make_cache(OpenNetwork& n) {
  n.open = {{"sequence", 2, 9}, {"past", 1, 20}};
  n.sizes = {{2, 1}, {9, 20}, {2, 20}, {9, 1}, {4, 6}, {5, 13}};
  add_cache(n, "sequence");
}

/// One token at a time: at that size the mask is another node.
void make_decoder(OpenNetwork& n) {
  n.open = {{"past", 1, 20}};
  n.sizes = {{1}, {20}, {7}, {12}};
  add_cache(n, "1");
}

/// Convolutions that round an open width down, dense, depthwise and grouped.
void make_image(OpenNetwork& n) {
  n.has_batch = true;
  n.open = {{"width", 9, 40}};
  n.sizes = {{1, 9}, {2, 40}, {3, 21}, {1, 16}, {2, 10}, {1, 39}};
  n.add_input("x", {"N", "3", "12", "width"});
  Nodes b(n.file);
  const auto conv = [&](const std::string& x, const std::vector<std::int64_t>& dims, int stride, int groups) {
    const std::string name = x + "c";
    n.file.node("Conv", {x, b.weights(dims), b.weights({dims[0]})}, name)
        .with("pads", std::vector<std::int64_t>{1, 1, 1, 1})
        .with("strides", std::vector<std::int64_t>{stride, stride})
        .with("group", groups);
    return name;
  };
  std::string x = b.add("Relu", {conv("x", {8, 3, 3, 3}, 2, 1)});
  x = b.add("Relu", {b.add("Add", {conv(x, {8, 1, 3, 3}, 1, 8), x})});
  const std::string y =
      b.add("MaxPool", {conv(x, {8, 4, 3, 3}, 1, 2)}, "kernel_shape", std::vector<std::int64_t>{2, 2});
  b.output(y, "map");
  b.output(b.add("Flatten", {b.add("GlobalAveragePool", {y})}), "mean");
}

/// The same kind of network, read out column by column: whole tensors, with shapes that follow from widths
/// which convolutions have rounded.
void make_reader(OpenNetwork& n) {
  n.has_batch = true;
  n.open = {{"width", 9, 40}};
  n.sizes = {{1, 9}, {2, 40}, {3, 21}, {1, 10}, {2, 39}};
  n.add_input("x", {"N", "1", "4", "width"});
  Nodes b(n.file);
  n.file.node("Conv", {"x", b.weights({6, 1, 3, 3}), b.weights({6})}, "c")
      .with("pads", std::vector<std::int64_t>{1, 1, 1, 1})
      .with("strides", std::vector<std::int64_t>{4, 2});
  const std::string rows = b.add("Squeeze", {b.add("Relu", {"c"}), b.list({2})});
  const std::string columns = b.add("Transpose", {rows}, "perm", std::vector<std::int64_t>{0, 2, 1});
  const std::string q = b.heads(b.linear(columns, 6, 8), 2, 4), k = b.heads(b.linear(columns, 6, 8), 2, 4);
  const std::string y = b.joined(b.attention(q, k, k, ""), 8);
  b.output(b.add("Softmax", {b.linear(y, 8, 5)}, "axis", -1), "letters");
}

void make_recurrent(OpenNetwork& n) {
  n.open = {{"steps", 1, 12}, {"batch", 1, 3}};
  n.sizes = {{1, 1}, {12, 3}, {5, 2}, {12, 1}, {7, 3}};
  n.add_input("x", {"steps", "batch", "5"});
  Nodes b(n.file);
  n.file.node("LSTM", {"x", b.weights({1, 28, 5}), b.weights({1, 28, 7}), b.weights({1, 56})}, "y")
      .output("h")
      .with("hidden_size", 7);
  n.file.output("y").output("h");
}

/// Large weights.
void make_wide(OpenNetwork& n) {
  n.has_batch = true;
  n.open = {{"sequence", 1, 16}};
  n.sizes = {{1, 1}, {2, 16}, {3, 5}, {2, 1}};
  n.add_input("x", {"N", "sequence", "256"});
  Nodes b(n.file);
  b.output(b.linear(b.add("Relu", {b.linear("x", 256, 256)}), 256, 256), "y");
}

/// Tokens one by one or many, behind none or some.
void make_first_token(OpenNetwork& n) {
  n.open = {{"sequence", 1, 9}, {"past", 0, 20}};
  n.sizes = {{1, 0}, {9, 0}, {1, 1}, {1, 20}, {2, 0}, {4, 1}, {1, 7}};
  add_cache(n, "sequence");
}

/// Factors for each image and row, which are one number at a batch of 1, and convolutions in between that no
/// batch reaches.
void make_images(OpenNetwork& n) {
  n.open = {{"batch", 1, 2}};
  n.sizes = {{1}};
  n.add_input("x", {"batch", "2", "6", "6"});
  n.add_input("rows", {"batch", "6"}, lowbit::ElementType::i64);
  Nodes b(n.file);
  n.file.node("Conv", {"x", b.weights({4, 2, 3, 3}), b.weights({4})}, "c")
      .with("pads", std::vector<std::int64_t>{1, 1, 1, 1});
  const std::string factors =
      b.add("Unsqueeze", {b.add("Gather", {b.weights({10, 1}), "rows"}), b.list({1})});
  const std::string y = b.add("Mul", {b.add("Relu", {"c"}), factors});
  b.output(b.add("Reshape", {y, b.shape({b.dim(y, 0), b.list({-1})})}), "y");
}

using Make = std::function<void(OpenNetwork&)>;
const std::map<std::string, Make> kNetworks{{"encoder", make_encoder}, {"cache", make_cache},
                                            {"decoder", make_decoder}, {"image", make_image},
                                            {"reader", make_reader},   {"recurrent", make_recurrent},
                                            {"wide", make_wide}};
const std::map<std::string, Make> kSmall{{"first_token", make_first_token}, {"images", make_images}};

}  // namespace

Shape OpenNetwork::Input::at(const std::vector<OpenDimension>& dimensions, const Sizes& at_sizes) const {
  const std::size_t names = at_sizes.size() - dimensions.size();  // 1 where the batch is none of them
  const auto size_of = [&](const std::string& text) {
    for (std::size_t d = 0; d < dimensions.size(); ++d)
      if (dimensions[d].name == text) return at_sizes[d + names];
    return text == "N" ? at_sizes[0] : static_cast<std::int64_t>(std::stoll(text));
  };
  std::vector<std::int64_t> shape;
  for (const std::string& text : dims) {
    const std::size_t plus = text.find(" + ");
    shape.push_back(plus == std::string::npos
                        ? size_of(text)
                        : size_of(text.substr(0, plus)) + size_of(text.substr(plus + 3)));
  }
  return Shape(shape);
}

void OpenNetwork::add_input(const std::string& name, const std::vector<std::string>& dims,
                            lowbit::ElementType element) {
  auto* info = file.graph().add_input();
  info->set_name(name);
  auto* type = info->mutable_type()->mutable_tensor_type();
  type->set_elem_type(element == lowbit::ElementType::i64 ? onnx::TensorProto::INT64
                                                          : onnx::TensorProto::FLOAT);
  for (const std::string& text : dims) {
    auto* dim = type->mutable_shape()->add_dim();
    if (text.find_first_not_of("0123456789") == std::string::npos)
      dim->set_dim_value(std::stoll(text));
    else
      dim->set_dim_param(text);
  }
  inputs.push_back({name, dims, element});
}

std::vector<std::string> open_network_names() {
  std::vector<std::string> names;
  for (const auto& [name, make] : kNetworks) names.push_back(name);
  return names;
}

OpenNetwork open_network(const std::string& name) {
  OpenNetwork network;
  kNetworks.at(name)(network);
  return network;
}

std::vector<std::string> small_network_names() {
  std::vector<std::string> names;
  for (const auto& [name, make] : kSmall) names.push_back(name);
  return names;
}

OpenNetwork small_network(const std::string& name) {
  OpenNetwork network;
  kSmall.at(name)(network);
  return network;
}

OpenNetwork refused_network(const std::string& name) {
  OpenNetwork n;
  n.open = {{"sequence", name == "short branch" ? 1 : 2, 16}};
  n.add_input("x", {"1", "sequence", "8"});
  Nodes b(n.file);
  const std::string length = b.dim("x", 1);
  if (name == "root") {
    b.output(b.add("Div", {"x", b.add("Sqrt", {b.add("Cast", {length}, "to", 1)})}), "y");
  } else if (name == "product") {
    const std::string square = b.shape({b.list({1}), b.add("Mul", {length, length}), b.list({8})});
    b.output(b.add("Expand", {b.add("ReduceMean", {"x"}, "axes", std::vector<std::int64_t>{1}), square}),
             "y");
  } else {
    // A branch that is chosen by the length.
    const std::string is_long =
        b.add("Squeeze", {b.add("Greater", {length, b.list({name == "short branch" ? 1 : 9})})});
    auto* node = n.file.graph().add_node();
    node->set_op_type("If");
    node->add_input(is_long);
    node->add_output("y");
    for (const char* branch : {"then_branch", "else_branch"}) {
      auto* attribute = node->add_attribute();
      attribute->set_name(branch);
      attribute->set_type(onnx::AttributeProto::GRAPH);
      auto* inner = attribute->mutable_g()->add_node();
      inner->set_op_type(branch[0] == 't' ? "Relu" : "Tanh");
      inner->add_input("x");
      inner->add_output(branch);
      attribute->mutable_g()->add_output()->set_name(branch);
    }
    n.file.output("y");
  }
  return n;
}

}  // namespace lowbit::testing
