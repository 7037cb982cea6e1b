// SPDX-License-Identifier: Apache-2.0
// The numbers that ONNX has for element types (TensorProto.DataType), for attributes that name one.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "lowbit/core/element_type.h"

namespace lowbit::arrays {

/// Nothing for a type that arrays have not: doubles, strings, complex numbers.
std::optional<ElementType> element_of_onnx(std::int64_t number);

/// "DOUBLE", "FLOAT8E4M3FN", ...; "type 99" for a number that has no name.
std::string onnx_type_name(std::int64_t number);

}  // namespace lowbit::arrays
