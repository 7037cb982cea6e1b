// SPDX-License-Identifier: Apache-2.0
#include "arrays/onnx_types.h"

#include <fmt/format.h>

#include <string_view>

namespace lowbit::arrays {
namespace {

struct OnnxType {
  std::string_view name;
  std::optional<ElementType> element;
};

constexpr OnnxType kOnnxTypes[] = {
    {"UNDEFINED", {}},
    {"FLOAT", ElementType::f32},
    {"UINT8", ElementType::u8},
    {"INT8", ElementType::i8},
    {"UINT16", ElementType::u16},
    {"INT16", ElementType::i16},
    {"INT32", ElementType::i32},
    {"INT64", ElementType::i64},
    {"STRING", {}},
    {"BOOL", ElementType::boolean},
    {"FLOAT16", ElementType::f16},
    {"DOUBLE", {}},
    {"UINT32", ElementType::u32},
    {"UINT64", ElementType::u64},
    {"COMPLEX64", {}},
    {"COMPLEX128", {}},
    {"BFLOAT16", ElementType::bf16},
    {"FLOAT8E4M3FN", ElementType::f8e4m3fn},
    {"FLOAT8E4M3FNUZ", ElementType::f8e4m3fnuz},
    {"FLOAT8E5M2", ElementType::f8e5m2},
    {"FLOAT8E5M2FNUZ", ElementType::f8e5m2fnuz},
    {"UINT4", ElementType::u4},
    {"INT4", ElementType::i4},
    {"FLOAT4E2M1", ElementType::f4e2m1},
    {"FLOAT8E8M0", ElementType::f8e8m0},
    {"UINT2", ElementType::u2},
    {"INT2", ElementType::i2},
};

bool has_name(std::int64_t number) {
  return number >= 0 && number < static_cast<std::int64_t>(std::size(kOnnxTypes));
}

}  // namespace

std::optional<ElementType> element_of_onnx(std::int64_t number) {
  return has_name(number) ? kOnnxTypes[number].element : std::nullopt;
}

std::string onnx_type_name(std::int64_t number) {
  return has_name(number) ? std::string(kOnnxTypes[number].name) : fmt::format("type {}", number);
}

}  // namespace lowbit::arrays
