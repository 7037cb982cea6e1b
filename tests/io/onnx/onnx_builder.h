// SPDX-License-Identifier: Apache-2.0
// Builds small ONNX files in memory for tests of the importer.
#pragma once

#include <onnx/onnx_pb.h>

#include <span>
#include <string>
#include <utility>
#include <vector>

#include "io/onnx/importer.h"
#include "support/random.h"

namespace lowbit::testing {

/// A node under construction: attributes are chained.
class NodeBuilder {
 public:
  explicit NodeBuilder(onnx::NodeProto* node) : node_(node) {}
  NodeBuilder& name(const std::string& n) { return node_->set_name(n), *this; }
  NodeBuilder& domain(const std::string& d) { return node_->set_domain(d), *this; }
  NodeBuilder& output(const std::string& o) { return node_->add_output(o), *this; }
  NodeBuilder& with(const std::string& key, std::int64_t v) {
    return add(key, onnx::AttributeProto::INT)->set_i(v), *this;
  }
  NodeBuilder& with(const std::string& key, int v) { return with(key, std::int64_t{v}); }
  NodeBuilder& with(const std::string& key, float v) {
    return add(key, onnx::AttributeProto::FLOAT)->set_f(v), *this;
  }
  NodeBuilder& with(const std::string& key, const char* v) {
    return add(key, onnx::AttributeProto::STRING)->set_s(v), *this;
  }
  NodeBuilder& with(const std::string& key, const std::vector<std::int64_t>& v) {
    auto* a = add(key, onnx::AttributeProto::INTS);
    for (const std::int64_t i : v) a->add_ints(i);
    return *this;
  }

 private:
  onnx::AttributeProto* add(const std::string& key, onnx::AttributeProto::AttributeType type) {
    auto* a = node_->add_attribute();
    a->set_name(key);
    a->set_type(type);
    return a;
  }
  onnx::NodeProto* node_;
};

class OnnxBuilder {
 public:
  explicit OnnxBuilder(int opset = 13) {
    model_.set_ir_version(8);
    model_.add_opset_import()->set_version(opset);
  }
  onnx::ModelProto& model() { return model_; }
  onnx::GraphProto& graph() { return *model_.mutable_graph(); }

  /// A dimension of 0 is an open one, called "N".
  OnnxBuilder& input(const std::string& name, const std::vector<std::int64_t>& dims) {
    return describe(graph().add_input(), name, dims), *this;
  }
  OnnxBuilder& output(const std::string& name) { return graph().add_output()->set_name(name), *this; }
  NodeBuilder node(const std::string& op, const std::vector<std::string>& inputs, const std::string& output) {
    auto* n = graph().add_node();
    n->set_op_type(op);
    for (const auto& i : inputs) n->add_input(i);
    n->add_output(output);
    return NodeBuilder(n);
  }
  onnx::TensorProto& floats(const std::string& name, const std::vector<std::int64_t>& dims,
                            const std::vector<float>& values) {
    auto& t = tensor(name, dims, onnx::TensorProto::FLOAT);
    for (const float v : values) t.add_float_data(v);
    return t;
  }
  /// Random values in [-1, 1).
  onnx::TensorProto& random(const std::string& name, const std::vector<std::int64_t>& dims) {
    std::int64_t n = 1;
    for (const std::int64_t d : dims) n *= d;
    std::vector<float> values;
    for (std::int64_t i = 0; i < n; ++i) values.push_back(random_.uniform());
    return floats(name, dims, values);
  }
  onnx::TensorProto& integers(const std::string& name, const std::vector<std::int64_t>& values) {
    auto& t = tensor(name, {static_cast<std::int64_t>(values.size())}, onnx::TensorProto::INT64);
    for (const std::int64_t v : values) t.add_int64_data(v);
    return t;
  }
  onnx::TensorProto& tensor(const std::string& name, const std::vector<std::int64_t>& dims, int type) {
    auto& t = *graph().add_initializer();
    t.set_name(name);
    t.set_data_type(type);
    for (const std::int64_t d : dims) t.add_dims(d);
    return t;
  }

  std::string bytes() const { return model_.SerializeAsString(); }
  Graph import(const std::string& folder = {}, const OnnxOptions& options = {}) const {
    return import_bytes(bytes(), folder, options);
  }
  static Graph import_bytes(const std::string& bytes, const std::string& folder = {},
                            const OnnxOptions& options = {}) {
    return onnx_import::import_model(ByteSource(std::as_bytes(std::span(bytes))), "net.onnx", folder, options)
        .graph;
  }

  static void describe(onnx::ValueInfoProto* info, const std::string& name,
                       const std::vector<std::int64_t>& dims) {
    info->set_name(name);
    auto* type = info->mutable_type()->mutable_tensor_type();
    type->set_elem_type(onnx::TensorProto::FLOAT);
    for (const std::int64_t d : dims) {
      auto* dim = type->mutable_shape()->add_dim();
      d == 0 ? dim->set_dim_param("N") : dim->set_dim_value(d);
    }
  }

 private:
  onnx::ModelProto model_;
  Random random_{7};
};

}  // namespace lowbit::testing
