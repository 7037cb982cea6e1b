// SPDX-License-Identifier: Apache-2.0
// Between ONNX's messages and arrays: attributes, constants, and applying an operator whose inputs are known.
#pragma once

#include <onnx/onnx_pb.h>

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "io/onnx/constant.h"
#include "lowbit/core/array.h"
#include "lowbit/core/array_attribute.h"
#include "lowbit/layers/array_op.h"

namespace lowbit::onnx_import {

/// The element type of a TensorProto::DataType; nothing for one that arrays have not (DOUBLE, STRING, 8-bit
/// floats, ...).
std::optional<ElementType> element_type(int onnx_type);
/// "FLOAT"; "number 99" where there is no such type.
std::string type_name(int onnx_type);

using TensorReader = std::function<arrays::Array(const onnx::TensorProto&)>;

/// Integers, numbers, texts and lists of them. A tensor of one element becomes that element, and its type the
/// text; graphs are left out. Throws Error(unsupported) for larger tensors.
std::vector<ArrayAttribute> array_attributes(const onnx::NodeProto& node, const TensorReader& read);

/// Null where the operator has no such attribute.
const ArrayAttribute* find_attribute(const ops::ArrayOp& op, std::string_view name);
std::int64_t integer(const ops::ArrayOp& op, std::string_view name, std::int64_t otherwise);
/// Input i of the ONNX operator where it is a constant; else null.
const arrays::Array* constant_input(const ops::ArrayOp& op, std::size_t i);

arrays::Array to_array(const Constant& constant);
Constant to_constant(arrays::Array array);

/// The outputs of an operator on known inputs (null: left out). Throws Error(unsupported) for an operator
/// that arrays have not; what() does not name the node.
std::vector<arrays::Array> apply(const onnx::NodeProto& node, std::int64_t opset,
                                 std::span<const arrays::Array* const> inputs, const TensorReader& read);

}  // namespace lowbit::onnx_import
