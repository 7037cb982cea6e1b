// SPDX-License-Identifier: Apache-2.0
// What blocks and numbers of GGUF files stand for, in float.
#include <fmt/format.h>

#include <cstring>

#include "io/gguf/ggml_blocks.h"
#include "lowbit/core/cast.h"
#include "lowbit/core/error.h"
#include "lowbit/runtime/detail/float_env.h"

namespace lowbit {
namespace {

ElementType number_element(GgmlType type) {
  switch (type) {
    case GgmlType::f16:
      return ElementType::f16;
    case GgmlType::bf16:
      return ElementType::bf16;
    case GgmlType::f64:
      return ElementType::f64;
    case GgmlType::i8:
      return ElementType::i8;
    case GgmlType::i16:
      return ElementType::i16;
    case GgmlType::i32:
      return ElementType::i32;
    case GgmlType::i64:
      return ElementType::i64;
    default:
      return ElementType::f32;
  }
}

}  // namespace

void ggml_floats(GgmlType type, std::span<const std::byte> blocks, std::span<float> out) {
  const detail::ggml::BlockType* t = detail::ggml::find_block_type(type);
  if (!t || !ggml_has_floats(type))
    throw Error(ErrorCode::unsupported,
                fmt::format("tensors of type {} are not taken apart by lowbit",
                            t ? t->name : fmt::format("{}", static_cast<std::uint32_t>(type)).c_str()));
  const std::size_t count = blocks.size() / t->bytes;
  if (blocks.size() % t->bytes != 0 || out.size() % t->elements != 0 || out.size() / t->elements != count)
    throw Error(ErrorCode::shape_mismatch,
                fmt::format("{} bytes of {} cannot be {} floats", blocks.size(), t->name, out.size()));
  if (!t->unpack) {
    if (type == GgmlType::f32) {  // with the bits of every NaN
      if (!out.empty()) std::memcpy(out.data(), blocks.data(), blocks.size());
    } else {
      cast(number_element(type), blocks, ElementType::f32, std::as_writable_bytes(out), out.size());
    }
    return;
  }
  const FloatEnvironmentGuard defaults;  // products may be subnormal
  const auto* p = reinterpret_cast<const std::uint8_t*>(blocks.data());
  float* y = out.data();
  detail::ggml::Block block;
  for (std::size_t b = 0; b < count; ++b, p += t->bytes, y += t->elements) {
    t->unpack(p, block);
    for (std::size_t i = 0; i < t->elements; ++i) {
      const int code = t->levels ? t->levels[block.q[i]] : block.q[i] - t->zero;
      const float scaled = block.scales[i / t->group] * static_cast<float>(code);
      y[i] = t->has_offsets ? scaled + block.offsets[i / t->group] : scaled;
    }
  }
}

}  // namespace lowbit
