// SPDX-License-Identifier: Apache-2.0
#include "io/onnx/array_node.h"

#include <fmt/format.h>

#include <utility>

#include "arrays/onnx_types.h"
#include "arrays/registry.h"
#include "lowbit/core/aligned_bytes.h"
#include "lowbit/core/error.h"

namespace lowbit::onnx_import {
namespace {

/// A tensor of one element as that element, and its type.
void read_single(const arrays::Array& tensor, ArrayAttribute& attribute) {
  if (tensor.type.shape.elements() != 1)
    throw Error(ErrorCode::unsupported, fmt::format("the attribute '{}' is a tensor of {} elements",
                                                    attribute.name, tensor.type.shape.elements()));
  attribute.text = std::string(element_name(tensor.type.element));
  attribute.floats = tensor.floats;
  attribute.integers = tensor.integers;
}

}  // namespace

std::optional<ElementType> element_type(int onnx_type) {
  return arrays::element_of_onnx(onnx_type);
}

std::string type_name(int onnx_type) {
  return onnx::TensorProto::DataType_IsValid(onnx_type)
             ? onnx::TensorProto::DataType_Name(static_cast<onnx::TensorProto::DataType>(onnx_type))
             : fmt::format("number {}", onnx_type);
}

std::vector<ArrayAttribute> array_attributes(const onnx::NodeProto& node, const TensorReader& read) {
  std::vector<ArrayAttribute> attributes;
  for (const auto& a : node.attribute()) {
    ArrayAttribute& attribute = attributes.emplace_back();
    attribute.name = a.name();
    switch (a.type()) {
      case onnx::AttributeProto::INT:
        attribute.integers = {a.i()};
        break;
      case onnx::AttributeProto::INTS:
        attribute.integers = {a.ints().begin(), a.ints().end()};
        break;
      case onnx::AttributeProto::FLOAT:
        attribute.floats = {a.f()};
        break;
      case onnx::AttributeProto::FLOATS:
        attribute.floats = {a.floats().begin(), a.floats().end()};
        break;
      case onnx::AttributeProto::STRING:
        attribute.text = a.s();
        break;
      case onnx::AttributeProto::STRINGS:
        // Activations of recurrent layers: names without spaces.
        for (const auto& text : a.strings()) attribute.text += (attribute.text.empty() ? "" : " ") + text;
        break;
      case onnx::AttributeProto::TENSOR:
        read_single(read(a.t()), attribute);
        break;
      default:
        attributes.pop_back();
    }
  }
  return attributes;
}

const ArrayAttribute* find_attribute(const ops::ArrayOp& op, std::string_view name) {
  for (const ArrayAttribute& attribute : op.attributes)
    if (attribute.name == name) return &attribute;
  return nullptr;
}

std::int64_t integer(const ops::ArrayOp& op, std::string_view name, std::int64_t otherwise) {
  const ArrayAttribute* a = find_attribute(op, name);
  return a && a->integers.size() == 1 ? a->integers[0] : otherwise;
}

arrays::Array to_array(const Constant& constant) {
  arrays::Array array;
  array.type = {constant.element_type(), Shape(constant.dims)};
  if (constant.is_integer) {
    array.integers = constant.integers;
  } else {
    array.floats.resize(constant.size());
    constant.read(0, std::span(array.floats));
  }
  return array;
}

Constant to_constant(arrays::Array array) {
  Constant constant;
  constant.dims.assign(array.type.shape.dims().begin(), array.type.shape.dims().end());
  constant.is_integer = !is_float(array.type.element);
  constant.element = array.type.element;
  constant.floats.assign(array.floats.begin(), array.floats.end());
  constant.integers = std::move(array.integers);
  return constant;
}

std::vector<arrays::Array> apply(const onnx::NodeProto& node, std::int64_t opset,
                                 std::span<const arrays::Array* const> inputs, const TensorReader& read) {
  const arrays::Prepare function = arrays::find_function(node.op_type());
  if (!function) throw Error(ErrorCode::unsupported, fmt::format("{} is not supported", node.op_type()));
  const std::vector<ArrayAttribute> attributes = array_attributes(node, read);
  std::vector<arrays::Call::Input> known;
  std::vector<arrays::ArrayView> in;
  for (const arrays::Array* input : inputs) {
    known.push_back(input ? arrays::Call::Input{input->type, input} : arrays::Call::Input{});
    in.push_back(input ? input->view() : arrays::ArrayView{});
  }
  const arrays::Prepared prepared = arrays::prepare(
      function, arrays::Call(node.op_type(), opset, attributes, std::move(known), node.output_size()));
  std::vector<arrays::Array> results;
  for (const arrays::ArrayType& type : prepared.outputs) results.emplace_back(type);
  std::vector<arrays::MutableArrayView> out;
  for (arrays::Array& array : results) out.push_back(array.mutable_view());
  const AlignedBytes scratch = aligned_bytes(prepared.scratch_bytes + 64);
  prepared.work()({in, out, scratch.get()});
  return results;
}

const arrays::Array* constant_input(const ops::ArrayOp& op, std::size_t i) {
  if (i >= op.sources.size() || op.sources[i] < 0) return nullptr;
  return &op.constants[static_cast<std::size_t>(op.sources[i])];
}

}  // namespace lowbit::onnx_import
