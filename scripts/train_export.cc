// SPDX-License-Identifier: Apache-2.0
// Writes the demo network as an ONNX file, through the protobuf classes of the ONNX package.
#include <onnx/onnx_pb.h>

#include <fstream>
#include <initializer_list>
#include <string>

#include "train_network.h"

namespace lowbit::train {
namespace {

class Exporter {
 public:
  explicit Exporter(onnx::GraphProto& graph) : graph_(graph) {}

  onnx::NodeProto& node(const std::string& type, const std::string& name,
                        std::initializer_list<std::string> inputs) {
    onnx::NodeProto& n = *graph_.add_node();
    n.set_op_type(type);
    n.set_name(name);
    for (const std::string& input : inputs) n.add_input(input);
    n.add_output(name);
    return n;
  }
  static void integer(onnx::NodeProto& n, const std::string& name, std::int64_t value) {
    onnx::AttributeProto& a = *n.add_attribute();
    a.set_name(name);
    a.set_type(onnx::AttributeProto::INT);
    a.set_i(value);
  }
  static void integers(onnx::NodeProto& n, const std::string& name,
                       std::initializer_list<std::int64_t> values) {
    onnx::AttributeProto& a = *n.add_attribute();
    a.set_name(name);
    a.set_type(onnx::AttributeProto::INTS);
    for (const std::int64_t v : values) a.add_ints(v);
  }
  /// Row-major values, little-endian like the file.
  std::string constant(const std::string& name, std::initializer_list<std::int64_t> dims,
                       const std::vector<float>& values) {
    onnx::TensorProto& t = *graph_.add_initializer();
    t.set_name(name);
    t.set_data_type(onnx::TensorProto::FLOAT);
    for (const std::int64_t d : dims) t.add_dims(d);
    t.set_raw_data(values.data(), values.size() * sizeof(float));
    return name;
  }
  std::string vector(const std::string& name, const Eigen::VectorXf& v) {
    return constant(name, {v.size()}, {v.data(), v.data() + v.size()});
  }
  std::string conv_norm(const std::string& name, const std::string& input, const ConvNorm& layer) {
    const Conv3x3& c = layer.conv;
    std::vector<float> weights;  // out, in, tap: ours are out, tap, in
    for (int o = 0; o < c.out; ++o)
      for (int i = 0; i < c.in; ++i)
        for (int tap = 0; tap < 9; ++tap) weights.push_back(c.weight.value(o, tap * c.in + i));
    onnx::NodeProto& conv =
        node("Conv", name + ".conv", {input, constant(name + ".conv.weight", {c.out, c.in, 3, 3}, weights)});
    integers(conv, "kernel_shape", {3, 3});
    integers(conv, "pads", {1, 1, 1, 1});
    integers(conv, "strides", {c.stride, c.stride});
    const BatchNorm& n = layer.norm;
    onnx::NodeProto& norm =
        node("BatchNormalization", name + ".norm",
             {name + ".conv", vector(name + ".norm.scale", n.gamma.value),
              vector(name + ".norm.bias", n.beta.value), vector(name + ".norm.mean", n.running_mean),
              vector(name + ".norm.var", n.running_variance)});
    onnx::AttributeProto& epsilon = *norm.add_attribute();
    epsilon.set_name("epsilon");
    epsilon.set_type(onnx::AttributeProto::FLOAT);
    epsilon.set_f(BatchNorm::kEpsilon);
    return name + ".norm";
  }
  std::string relu(const std::string& name, const std::string& input) {
    node("Relu", name + ".relu", {input});
    return name + ".relu";
  }

 private:
  onnx::GraphProto& graph_;
};

void value_info(onnx::ValueInfoProto& info, const std::string& name,
                std::initializer_list<std::int64_t> dims) {
  info.set_name(name);
  onnx::TypeProto::Tensor& type = *info.mutable_type()->mutable_tensor_type();
  type.set_elem_type(onnx::TensorProto::FLOAT);
  type.mutable_shape()->add_dim()->set_dim_param("N");
  for (const std::int64_t d : dims) type.mutable_shape()->add_dim()->set_dim_value(d);
}

void build_graph(const Network& net, onnx::GraphProto& graph) {
  graph.set_name("glyphs-cnn");
  value_info(*graph.add_input(), "image", {1, 28, 28});
  value_info(*graph.add_output(), "logits", {10});
  Exporter e(graph);
  std::string at = e.relu("stem", e.conv_norm("stem", "image", net.stem));
  onnx::NodeProto& pool = e.node("MaxPool", "pool", {at});
  e.integers(pool, "kernel_shape", {2, 2});
  e.integers(pool, "strides", {2, 2});
  const std::string skip = e.relu("widen", e.conv_norm("widen", "pool", net.widen));
  at = e.relu("block1", e.conv_norm("block1", skip, net.block1));
  at = e.conv_norm("block2", at, net.block2);
  e.node("Add", "block.add", {at, skip});
  at = e.relu("block", "block.add");
  at = e.relu("down", e.conv_norm("down", at, net.down));
  e.node("GlobalAveragePool", "average", {at});
  e.integer(e.node("Flatten", "flatten", {"average"}), "axis", 1);
  std::vector<float> weights;
  for (Eigen::Index r = 0; r < net.head.weight.value.rows(); ++r)
    for (Eigen::Index c = 0; c < net.head.weight.value.cols(); ++c)
      weights.push_back(net.head.weight.value(r, c));
  onnx::NodeProto& gemm = e.node(
      "Gemm", "logits",
      {"flatten", e.constant("head.weight", {10, 64}, weights), e.vector("head.bias", net.head.bias.value)});
  e.integer(gemm, "transB", 1);
}

}  // namespace

bool export_onnx(const Network& network, const std::string& path) {
  onnx::ModelProto model;
  model.set_ir_version(7);  // the IR that goes with opset 13
  model.set_producer_name("lowbit");
  model.add_opset_import()->set_version(13);
  build_graph(network, *model.mutable_graph());
  std::ofstream file(path, std::ios::binary);
  return file && model.SerializeToOstream(&file) && file.flush();
}

}  // namespace lowbit::train
