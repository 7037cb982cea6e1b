// SPDX-License-Identifier: Apache-2.0
#include "io/gguf/ggml_blocks.h"

#include "io/gguf/block_layouts.h"

namespace lowbit::detail::ggml {
namespace {

template <class Layout>
constexpr BlockType written(BlockType type) {
  type.unpack = Layout::unpack, type.pack = Layout::pack;
  return type;
}
template <class Layout>
constexpr BlockType only_read(BlockType type) {
  type.unpack = Layout::unpack;
  return type;
}

constexpr BlockType kTypes[] = {
    {GgmlType::f32, "F32", 1, 4},
    {GgmlType::f16, "F16", 1, 2},
    written<Halves<4, false>>({GgmlType::q4_0, "Q4_0", 32, 18, 32, 4, 8}),
    written<Halves<4, true>>({GgmlType::q4_1, "Q4_1", 32, 20, 32, 4, 0, true}),
    written<Halves<5, false>>({GgmlType::q5_0, "Q5_0", 32, 22, 32, 5, 16}),
    written<Halves<5, true>>({GgmlType::q5_1, "Q5_1", 32, 24, 32, 5, 0, true}),
    written<Q8>({GgmlType::q8_0, "Q8_0", 32, 34, 32, 8, 128}),
    {GgmlType::q8_1, "Q8_1", 32, 36},
    only_read<Q2K>({GgmlType::q2_k, "Q2_K", 256, 84, 16, 2, 0, true}),
    only_read<Q3K>({GgmlType::q3_k, "Q3_K", 256, 110, 16, 3, 4, false, true}),
    only_read<Q4K>({GgmlType::q4_k, "Q4_K", 256, 144, 32, 4, 0, true}),
    only_read<Q5K>({GgmlType::q5_k, "Q5_K", 256, 176, 32, 5, 0, true}),
    only_read<Q6K>({GgmlType::q6_k, "Q6_K", 256, 210, 16, 6, 32, false, true}),
    {GgmlType::q8_k, "Q8_K", 256, 292},
    {GgmlType::iq2_xxs, "IQ2_XXS", 256, 66},
    {GgmlType::iq2_xs, "IQ2_XS", 256, 74},
    {GgmlType::iq3_xxs, "IQ3_XXS", 256, 98},
    {GgmlType::iq1_s, "IQ1_S", 256, 50},
    written<Halves<4, false>>({GgmlType::iq4_nl, "IQ4_NL", 32, 18, 32, 4, 0, false, false, kIq4Levels}),
    {GgmlType::iq3_s, "IQ3_S", 256, 110},
    {GgmlType::iq2_s, "IQ2_S", 256, 82},
    {GgmlType::iq4_xs, "IQ4_XS", 256, 136},
    {GgmlType::i8, "I8", 1, 1},
    {GgmlType::i16, "I16", 1, 2},
    {GgmlType::i32, "I32", 1, 4},
    {GgmlType::i64, "I64", 1, 8},
    {GgmlType::f64, "F64", 1, 8},
    {GgmlType::iq1_m, "IQ1_M", 256, 56},
    {GgmlType::bf16, "BF16", 1, 2},
    written<Tq1>({GgmlType::tq1_0, "TQ1_0", 256, 54, 256, 2, 1}),
    written<Tq2>({GgmlType::tq2_0, "TQ2_0", 256, 66, 256, 2, 1}),
    written<MxFp4>({GgmlType::mxfp4, "MXFP4", 32, 17, 32, 4, 0, false, false, kDoubledFp4}),
    {GgmlType::nvfp4, "NVFP4", 64, 36},
};

}  // namespace

const BlockType* find_block_type(GgmlType type) noexcept {
  for (const BlockType& t : kTypes)
    if (t.type == type) return &t;
  return nullptr;
}

}  // namespace lowbit::detail::ggml

namespace lowbit {

std::string_view ggml_type_name(GgmlType type) noexcept {
  const auto* t = detail::ggml::find_block_type(type);
  return t ? std::string_view(t->name) : std::string_view();
}

std::int64_t ggml_block_elements(GgmlType type) noexcept {
  const auto* t = detail::ggml::find_block_type(type);
  return t ? t->elements : 0;
}

std::size_t ggml_block_bytes(GgmlType type) noexcept {
  const auto* t = detail::ggml::find_block_type(type);
  return t ? t->bytes : 0;
}

bool ggml_has_floats(GgmlType type) noexcept {
  const auto* t = detail::ggml::find_block_type(type);
  return t && (t->elements == 1 || t->unpack);
}

bool ggml_has_matrix(GgmlType type) noexcept {
  const auto* t = detail::ggml::find_block_type(type);
  return t && t->unpack;
}

bool ggml_is_written(GgmlType type) noexcept {
  const auto* t = detail::ggml::find_block_type(type);
  return t && t->pack;
}

}  // namespace lowbit
