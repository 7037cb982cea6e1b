// SPDX-License-Identifier: Apache-2.0
#include "lowbit/io/onnx/describe.h"

#include <map>

#include "core/byte_source.h"
#include "io/onnx/array_node.h"
#include "io/onnx/convert_whole.h"
#include "io/onnx/model_proto.h"
#include "io/onnx/paths.h"
#include "io/onnx/registry.h"

namespace lowbit {
namespace {

OnnxTensor describe(const onnx::ValueInfoProto& info) {
  OnnxTensor tensor{info.name(), {}, {}, info.type().denotation()};
  if (!info.type().has_tensor_type()) return tensor;
  const auto& type = info.type().tensor_type();
  tensor.element = onnx_import::type_name(type.elem_type());
  for (const auto& dim : type.shape().dim())
    tensor.dims.push_back(dim.has_dim_value()       ? std::to_string(dim.dim_value())
                          : dim.dim_param().empty() ? "?"
                                                    : dim.dim_param());
  return tensor;
}

void count_operators(const onnx::GraphProto& graph, std::map<std::string, int>& counts) {
  for (const auto& node : graph.node()) {
    ++counts[onnx_import::is_known_domain(node) ? node.op_type() : node.domain() + "." + node.op_type()];
    for (const auto& attribute : node.attribute())
      if (attribute.has_g()) count_operators(attribute.g(), counts);
  }
}

}  // namespace

OnnxSummary describe_onnx(const std::string& path) {
  const ByteSource source(path);
  const onnx_import::ModelFile file = onnx_import::read_model(source, onnx_import::name_of(path));
  const onnx::ModelProto& model = file.model;
  OnnxSummary summary;
  for (const auto& opset : model.opset_import())
    if (onnx_import::is_onnx_domain(opset.domain())) summary.opset = opset.version();
  summary.producer = model.producer_name();
  if (!model.producer_version().empty()) summary.producer += " " + model.producer_version();
  for (const auto& property : model.metadata_props())
    summary.metadata.emplace_back(property.key(), property.value());
  std::map<std::string, int> counts;
  for (const auto& tensor : model.graph().initializer()) counts[tensor.name()];
  for (const auto& input : model.graph().input())
    if (!counts.contains(input.name())) summary.inputs.push_back(describe(input));
  for (const auto& output : model.graph().output()) summary.outputs.push_back(describe(output));
  counts.clear();
  count_operators(model.graph(), counts);
  for (const auto& [op, count] : counts) {
    summary.operators.emplace_back(op, count);
    if (!onnx_import::find_converter(op) && !onnx_import::has_whole_converter(op))
      summary.missing.push_back(op);
  }
  return summary;
}

}  // namespace lowbit
