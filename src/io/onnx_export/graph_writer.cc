// SPDX-License-Identifier: Apache-2.0
#include "io/onnx_export/graph_writer.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

#include "io/onnx/operator_forms.h"
#include "io/onnx_export/write_ops.h"
#include "io/onnx_export/written_weights.h"
#include "lowbit/core/error.h"
#include "lowbit/version.h"

namespace lowbit::onnx_export {
namespace {

onnx::TensorProto::DataType data_type(ElementType element) {
  switch (element) {
    case ElementType::f32:
      return onnx::TensorProto::FLOAT;
    case ElementType::i32:
      return onnx::TensorProto::INT32;
    case ElementType::i64:
      return onnx::TensorProto::INT64;
    case ElementType::boolean:
      return onnx::TensorProto::BOOL;
    case ElementType::f16:
      return onnx::TensorProto::FLOAT16;
    case ElementType::u8:
      return onnx::TensorProto::UINT8;
    case ElementType::i8:
      return onnx::TensorProto::INT8;
    default:
      throw Error(ErrorCode::unsupported,
                  fmt::format("elements of the type {} are not exported", element_name(element)));
  }
}

void describe(onnx::ValueInfoProto& info, const std::string& name, ElementType element, const Shape& shape,
              bool has_batch) {
  info.set_name(name);
  auto* type = info.mutable_type()->mutable_tensor_type();
  type->set_elem_type(data_type(element));
  auto* dims = type->mutable_shape();
  if (has_batch) dims->add_dim()->set_dim_param("batch");
  for (const std::int64_t d : shape.dims()) dims->add_dim()->set_dim_value(d);
}

void set_attribute(onnx::NodeProto& node, const Attribute& attribute) {
  onnx::AttributeProto& a = *node.add_attribute();
  a.set_name(attribute.name);
  struct Setter {
    onnx::AttributeProto& a;
    void operator()(std::int64_t v) const { a.set_type(onnx::AttributeProto::INT), a.set_i(v); }
    void operator()(float v) const { a.set_type(onnx::AttributeProto::FLOAT), a.set_f(v); }
    void operator()(const std::string& v) const { a.set_type(onnx::AttributeProto::STRING), a.set_s(v); }
    void operator()(const Integers& v) const {
      a.set_type(onnx::AttributeProto::INTS);
      for (const std::int64_t i : v) a.add_ints(i);
    }
    void operator()(const Floats& v) const {
      a.set_type(onnx::AttributeProto::FLOATS);
      for (const float f : v) a.add_floats(f);
    }
  };
  std::visit(Setter{a}, attribute.value);
}

template <class T>
std::string raw_bytes(std::span<const T> values) {
  static_assert(std::endian::native == std::endian::little, "raw data of ONNX is little endian");
  return {reinterpret_cast<const char*>(values.data()), values.size_bytes()};
}

/// Whether limiting changes no code: what lies beyond them has the code of the limit.
bool keeps_codes(const ops::Activation& limits, const ValueType& type) {
  const double scale = type.qparams.scale, half = 0.5 * scale;
  const double lowest = scale * (type.codes().qmin - type.qparams.zero_point),
               highest = scale * (type.codes().qmax - type.qparams.zero_point);
  return limits.lo <= lowest + half * 0.999 && limits.hi >= highest - half * 0.999;
}

}  // namespace

GraphWriter::GraphWriter(const Model& model, const OnnxExportOptions& options)
    : model_(model), options_(options), values_(model.graph().values.size()) {}

void GraphWriter::refuse(const std::string& what) const {
  throw Error(ErrorCode::unsupported, fmt::format("'{}' cannot be written as ONNX: {}", current_, what));
}

Integers GraphWriter::tensor_dims(const Shape& sample) const {
  Integers dims(sample.dims().begin(), sample.dims().end());
  if (graph().has_batch) dims.insert(dims.begin(), -1);
  return dims;
}

bool GraphWriter::is_coded(ValueId id) const {
  return with_codes() && model_.type(id).dtype == DType::u8;
}

/// Operators that are as a file had them are of its set; everything else is written for that.
void GraphWriter::choose_opset() {
  std::int64_t least = 13;
  for (std::size_t i = 0; i < graph().nodes.size(); ++i) {
    if (weights_need_blocks(*this, static_cast<int>(i))) least = kOpsetOfBlocks;
    const auto* array = std::get_if<ops::ArrayOp>(&graph().nodes[i].op);
    if (array) least = std::max(least, array->opset);
  }
  opset_ = std::max(opset_, least);
  for (const Graph::Node& node : graph().nodes) {
    const auto* array = std::get_if<ops::ArrayOp>(&node.op);
    if (!array || onnx_import::is_same_form(array->function, array->opset, opset_)) continue;
    current_ = node.name;
    refuse(
        fmt::format("{} of operator set {} is another one in set {}", array->function, array->opset, opset_));
  }
}

onnx::ModelProto GraphWriter::write() {
  if (!graph().open.empty())
    throw Error(ErrorCode::unsupported,
                fmt::format("a model with open dimensions ('{}') is not written as ONNX: import it with "
                            "that dimension fixed",
                            graph().open[0].name));
  choose_opset();
  proto_.mutable_graph()->set_name(model_.data().source.empty() ? "lowbit" : model_.data().source);
  for (const ValueId id : graph().inputs) add_input(id);
  // Outputs have the names that users know; what else has one gets another.
  for (const ValueId id : graph().outputs) names_.insert(graph().values[static_cast<std::size_t>(id)].name);
  int number = 0;
  for (const Graph::Node& node : graph().nodes) {
    current_ = node.name;
    write_node(*this, node, number++);
  }
  for (std::size_t i = 0; i < graph().outputs.size(); ++i) add_output(graph().outputs[i], i);
  proto_.set_ir_version(opset_ >= 21 ? 10 : 8);
  proto_.set_producer_name("lowbit");
  proto_.set_producer_version(LOWBIT_VERSION_STRING);
  auto* opset = proto_.add_opset_import();
  opset->set_domain("");
  opset->set_version(opset_);
  for (const onnx::NodeProto& node : proto_.graph().node()) {
    if (node.domain().empty()) continue;
    auto* other = proto_.add_opset_import();
    other->set_domain(node.domain());
    other->set_version(1);
    break;
  }
  return std::move(proto_);
}

void GraphWriter::add_input(ValueId id) {
  const Graph::Value& value = graph().values[static_cast<std::size_t>(id)];
  current_ = value.name;
  if (model_.type(id).dtype == DType::rows) refuse("its elements are rows in codes");
  names_.insert(value.name);
  describe(*proto_.mutable_graph()->add_input(), value.name, value.element, value.shape, graph().has_batch);
  store(id, value.name);
}

void GraphWriter::add_output(ValueId id, std::size_t number) {
  const Graph::Value& value = graph().values[static_cast<std::size_t>(id)];
  current_ = value.name;
  std::string name = value.name;
  for (std::size_t i = 0; i < number; ++i)
    if (graph().outputs[i] == id) name = unique(name);
  std::string result = read(id);
  if (result != name) rename_result(result, name);
  describe(*proto_.mutable_graph()->add_output(), name, value.element, value.shape, graph().has_batch);
}

std::string GraphWriter::unique(std::string hint) {
  if (hint.empty()) hint = "value";
  std::string name = hint;
  for (int i = 1; !names_.insert(name).second; ++i) name = fmt::format("{}_{}", hint, i);
  return name;
}

/// `to` becomes the name of a tensor that only this result has; where others read it already, of a copy.
void GraphWriter::rename_result(std::string& from, const std::string& to) {
  auto& nodes = *proto_.mutable_graph()->mutable_node();
  const bool is_new = !nodes.empty() && nodes[nodes.size() - 1].output(0) == from;
  if (is_new) {
    nodes[nodes.size() - 1].set_output(0, to);
  } else {
    onnx::NodeProto& copy = *proto_.mutable_graph()->add_node();
    copy.set_op_type("Identity");
    copy.set_name(unique(to + "_copy"));
    copy.add_input(from);
    copy.add_output(to);
  }
  from = to;
}

std::vector<std::string> GraphWriter::op_of(std::string_view type, const std::vector<std::string>& inputs,
                                            const std::vector<Attribute>& attributes, int outputs,
                                            std::string_view domain) {
  onnx::NodeProto& node = *proto_.mutable_graph()->add_node();
  node.set_op_type(std::string(type));
  node.set_domain(std::string(domain));
  const std::string hint = fmt::format("{}/{}", current_, type);
  node.set_name(unique(hint));
  for (const std::string& input : inputs) node.add_input(input);
  for (const Attribute& a : attributes) set_attribute(node, a);
  std::vector<std::string> names;
  for (int i = 0; i < outputs; ++i) node.add_output(names.emplace_back(unique(hint)));
  return names;
}

std::string GraphWriter::op(std::string_view type, const std::vector<std::string>& inputs,
                            const std::vector<Attribute>& attributes, std::string_view domain) {
  return op_of(type, inputs, attributes, 1, domain)[0];
}

std::string GraphWriter::constant(std::int32_t type, std::string_view raw, const Integers& dims) {
  onnx::TensorProto& tensor = *proto_.mutable_graph()->add_initializer();
  tensor.set_name(unique(current_ + "/constant"));
  tensor.set_data_type(type);
  for (const std::int64_t d : dims) tensor.add_dims(d);
  tensor.set_raw_data(std::string(raw));
  return tensor.name();
}

std::string GraphWriter::floats(std::span<const float> values, const Integers& dims) {
  return constant(onnx::TensorProto::FLOAT, raw_bytes(values), dims);
}

std::string GraphWriter::integers(const Integers& values) {
  return constant(onnx::TensorProto::INT64, raw_bytes(std::span<const std::int64_t>(values)),
                  {static_cast<std::int64_t>(values.size())});
}

std::string GraphWriter::array(const arrays::Array& array) {
  const Integers dims(array.type.shape.dims().begin(), array.type.shape.dims().end());
  if (array.type.element == ElementType::f32) return floats(array.floats, dims);
  const auto all = std::span<const std::int64_t>(array.integers);
  switch (array.type.element) {
    case ElementType::i64:
      return constant(onnx::TensorProto::INT64, raw_bytes(all), dims);
    case ElementType::i32: {
      const std::vector<std::int32_t> narrow(all.begin(), all.end());
      return constant(onnx::TensorProto::INT32, raw_bytes(std::span<const std::int32_t>(narrow)), dims);
    }
    case ElementType::boolean: {
      const std::vector<std::uint8_t> bytes(all.begin(), all.end());
      return constant(onnx::TensorProto::BOOL, raw_bytes(std::span<const std::uint8_t>(bytes)), dims);
    }
    default:
      refuse(fmt::format("a constant of {}", element_name(array.type.element)));
  }
}

std::string GraphWriter::parameters(const QParams& qparams, std::string& zero_point) {
  for (const auto& [known, names] : parameters_)
    if (known == qparams) {
      zero_point = names.second;
      return names.first;
    }
  const auto zero = static_cast<std::uint8_t>(qparams.zero_point);
  std::string scale = scalar(qparams.scale);
  zero_point = constant(onnx::TensorProto::UINT8, raw_bytes(std::span(&zero, 1)), {});
  parameters_.emplace_back(qparams, std::pair(scale, zero_point));
  return scale;
}

std::string GraphWriter::read(ValueId id) {
  const Value& value = values_[static_cast<std::size_t>(id)];
  return value.codes.empty() ? value.floats : dequantized(value.codes, id);
}

std::string GraphWriter::dequantized(const std::string& codes, ValueId id) {
  std::string zero_point;
  const std::string scale = parameters(model_.type(id).qparams, zero_point);
  return op("DequantizeLinear", {codes, scale, zero_point});
}

std::string GraphWriter::read_reshaped(ValueId id, const Integers& dims) {
  const Value& value = values_[static_cast<std::size_t>(id)];
  if (value.codes.empty()) return op("Reshape", {value.floats, integers(dims)});
  return dequantized(op("Reshape", {value.codes, integers(dims)}), id);
}

Integers GraphWriter::image_dims(ValueId id) const {
  Integers dims = tensor_dims(shape(id));
  if (!graph().has_batch) dims.insert(dims.begin(), 1);
  return dims;
}

std::string GraphWriter::read_images(ValueId id) {
  return graph().has_batch ? read(id) : read_reshaped(id, image_dims(id));
}

Codes GraphWriter::read_image_codes(ValueId id) {
  Codes codes = read_codes(id);
  if (!graph().has_batch) codes.name = op("Reshape", {codes.name, integers(image_dims(id))});
  return codes;
}

Codes GraphWriter::read_codes(ValueId id) {
  Codes codes;
  codes.name = values_[static_cast<std::size_t>(id)].codes;
  codes.scale = parameters(model_.type(id).qparams, codes.zero_point);
  return codes;
}

Codes GraphWriter::read_codes_reshaped(ValueId id, const Integers& dims) {
  Codes codes = read_codes(id);
  codes.name = op("Reshape", {codes.name, integers(dims)});
  return codes;
}

Codes GraphWriter::codes_to_give(const QParams& qparams) {
  Codes codes;
  codes.scale = parameters(qparams, codes.zero_point);
  return codes;
}

Codes GraphWriter::quantized_when_run(const std::string& floats_in) {
  const std::vector<std::string> results = op_of("DynamicQuantizeLinear", {floats_in}, {}, 3);
  return {results[0], results[1], results[2]};
}

std::string GraphWriter::limited(std::string result, const ops::Activation& limits, ValueId id) {
  if (limits.is_identity()) return result;
  const ValueType& type = model_.type(id);
  if (is_coded(id) && type.bits == 8 && keeps_codes(limits, type)) return result;
  if (limits.lo == 0.0f && limits.hi == std::numeric_limits<float>::infinity()) return op("Relu", {result});
  return op("Clip", {result, std::isinf(limits.lo) ? "" : scalar(limits.lo),
                     std::isinf(limits.hi) ? "" : scalar(limits.hi)});
}

/// Rounding keeps order: limits may be rounded themselves, and limit codes.
std::string GraphWriter::limited_codes(std::string codes, const ops::Activation& limits, ValueId id) {
  const ValueType& type = model_.type(id);
  if (type.bits == 8 && (limits.is_identity() || keeps_codes(limits, type))) return codes;
  const auto bound = [&](float real) {
    const double code =
        std::nearbyint(static_cast<double>(real) / type.qparams.scale) + type.qparams.zero_point;
    const auto stored =
        static_cast<std::uint8_t>(std::clamp<double>(code, type.codes().qmin, type.codes().qmax));
    return constant(onnx::TensorProto::UINT8, raw_bytes(std::span(&stored, 1)), {});
  };
  const std::string lowest = bound(limits.lo);
  return op("Clip", {codes, lowest, bound(limits.hi)});
}

void GraphWriter::store(ValueId id, std::string result) {
  const Graph::Value& graph_value = graph().values[static_cast<std::size_t>(id)];
  const ValueType& type = model_.type(id);
  Value& value = values_[static_cast<std::size_t>(id)];
  if (type.dtype == DType::rows) refuse("it gives rows in codes");
  if (!is_coded(id)) {
    value.floats = std::move(result);
    return;
  }
  if (type.bits < 8) {
    // A runtime has no type of so few levels between operators.
    const double scale = type.qparams.scale;
    result = op("Clip", {result, scalar(static_cast<float>(scale * -type.qparams.zero_point)),
                         scalar(static_cast<float>(scale * (type.codes().qmax - type.qparams.zero_point)))});
  }
  std::string zero_point;
  const std::string scale = parameters(type.qparams, zero_point);
  value.codes = op("QuantizeLinear", {result, scale, zero_point});
  rename_result(value.codes, unique(graph_value.name + "_quantized"));
}

void GraphWriter::give(const Graph::Node& node, std::string result, const ops::Activation& limits) {
  result = limited(std::move(result), limits, node.output);
  if (!is_coded(node.output)) {
    const std::string& name = graph().values[static_cast<std::size_t>(node.output)].name;
    rename_result(result, graph().is_output(node.output) ? name : unique(name));
  }
  store(node.output, std::move(result));
}

void GraphWriter::give_images(const Graph::Node& node, std::string result, const ops::Activation& limits) {
  if (graph().has_batch) return give(node, std::move(result), limits);
  result = limited(std::move(result), limits, node.output);
  const std::string dims = integers(tensor_dims(shape(node.output)));
  if (!is_coded(node.output)) return give(node, op("Reshape", {result, dims}));
  store(node.output, std::move(result));
  std::string& codes = values_[static_cast<std::size_t>(node.output)].codes;
  codes = op("Reshape", {codes, dims});
}

void GraphWriter::give_codes(const Graph::Node& node, std::string codes, const ops::Activation& limits) {
  codes = limited_codes(std::move(codes), limits, node.output);
  const std::string& name = graph().values[static_cast<std::size_t>(node.output)].name;
  rename_result(codes, unique(name + "_quantized"));
  values_[static_cast<std::size_t>(node.output)].codes = std::move(codes);
}

void GraphWriter::give_image_codes(const Graph::Node& node, std::string codes,
                                   const ops::Activation& limits) {
  give_codes(node, std::move(codes), limits);
  if (graph().has_batch) return;
  std::string& stored = values_[static_cast<std::size_t>(node.output)].codes;
  stored = op("Reshape", {stored, integers(tensor_dims(shape(node.output)))});
}

std::string GraphWriter::through_codes(const std::string& floats_in, const QParams& qparams) {
  std::string zero_point;
  const std::string scale = parameters(qparams, zero_point);
  return op("DequantizeLinear", {op("QuantizeLinear", {floats_in, scale, zero_point}), scale, zero_point});
}

}  // namespace lowbit::onnx_export
