// SPDX-License-Identifier: Apache-2.0
#include "io/onnx/quantized_pairs.h"

#include <algorithm>
#include <map>
#include <vector>

namespace lowbit::onnx_import {
namespace {

/// Of an initializer or a Constant node, by name: what decides whether two are the same. Others have none.
std::map<std::string, std::string> texts_of_constants(const onnx::GraphProto& graph) {
  std::map<std::string, std::string> texts;
  const auto add = [&](const std::string& name, onnx::TensorProto tensor) {
    tensor.clear_name();
    tensor.clear_doc_string();
    if (tensor.ByteSizeLong() < 256) texts[name] = tensor.SerializeAsString();
  };
  for (const auto& tensor : graph.initializer()) add(tensor.name(), tensor);
  for (const auto& node : graph.node())
    if (node.op_type() == "Constant" && node.output_size() == 1 && node.attribute_size() == 1 &&
        node.attribute(0).has_t())
      add(node.output(0), node.attribute(0).t());
  return texts;
}

/// Give codes for codes, of their first input: exchanging and quantizing commute.
bool moves(const std::string& op_type) {
  static const std::set<std::string> kOperators{"Flatten", "MaxPool",   "Reshape",  "Slice",
                                                "Squeeze", "Transpose", "Unsqueeze"};
  return kOperators.contains(op_type);
}

class Codes {
 public:
  explicit Codes(const onnx::GraphProto& graph) : texts_(texts_of_constants(graph)) {
    for (const auto& node : graph.node())
      for (const auto& name : node.input()) readers_[name].push_back(&node);
    for (const auto& output : graph.output()) returned_.insert(output.name());
  }

  /// Whether codes that `quantize` gives end in nothing but the like of it; adds all their names.
  bool follow(const onnx::NodeProto& quantize, const std::string& name, std::set<std::string>& names) const {
    const auto at = readers_.find(name);
    if (returned_.contains(name) || at == readers_.end()) return false;
    names.insert(name);
    for (const onnx::NodeProto* reader : at->second) {
      for (int i = 1; i < reader->input_size(); ++i)
        if (reader->input(i) == name) return false;
      if (reader->op_type() == "DequantizeLinear") {
        if (reader->input_size() < 2 || !is_same(quantize, *reader, 1) || !is_same(quantize, *reader, 2))
          return false;
      } else if (!moves(reader->op_type()) || reader->output_size() != 1 ||
                 !follow(quantize, reader->output(0), names)) {
        return false;
      }
    }
    return true;
  }

 private:
  bool is_same(const onnx::NodeProto& a, const onnx::NodeProto& b, int i) const {
    const std::string x = i < a.input_size() ? a.input(i) : "", y = i < b.input_size() ? b.input(i) : "";
    if (x == y) return true;
    const auto at_x = texts_.find(x), at_y = texts_.find(y);
    return at_x != texts_.end() && at_y != texts_.end() && at_x->second == at_y->second;
  }

  std::map<std::string, std::string> texts_;
  std::map<std::string, std::vector<const onnx::NodeProto*>> readers_;
  std::set<std::string> returned_;
};

}  // namespace

std::set<std::string> find_quantized_pairs(const onnx::GraphProto& graph) {
  if (std::ranges::none_of(graph.node(), [](const auto& node) { return node.op_type() == "QuantizeLinear"; }))
    return {};
  const Codes codes(graph);
  std::set<std::string> pairs;
  for (const auto& node : graph.node()) {
    if (node.op_type() != "QuantizeLinear" || node.output_size() != 1 || node.input_size() < 2) continue;
    std::set<std::string> names;
    if (codes.follow(node, node.output(0), names)) pairs.merge(names);
  }
  return pairs;
}

}  // namespace lowbit::onnx_import
