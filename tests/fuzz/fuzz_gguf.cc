// SPDX-License-Identifier: Apache-2.0
// GGUF files: what is read is read again when it is written.
#include <cstdlib>

#include "fuzz.h"
#include "lowbit/core/error.h"
#include "lowbit/io/gguf/gguf_writer.h"

namespace lowbit::fuzz {

void try_input(std::span<const std::byte> input) {
  constexpr std::int64_t kMostElements = 1 << 16;
  const GgufFile file(input);
  for (const GgufEntry& entry : file.metadata()) static_cast<void>(entry.value.to_string());
  for (const GgufTensor& tensor : file.tensors()) {
    if (tensor.elements() > kMostElements) continue;
    if (ggml_has_floats(tensor.type)) static_cast<void>(file.floats(tensor));
    if (!ggml_has_matrix(tensor.type)) continue;
    try {
      const QuantizedMatrix q = file.matrix(tensor);
      if (ggml_is_written(tensor.type)) static_cast<void>(ggml_from_matrix(tensor.type, q));
    } catch (const Error&) {
    }
  }
  GgufWriter writer(file);
  const Bytes written = writer.bytes();
  const GgufFile again(written);
  if (again.tensors().size() != file.tensors().size() || GgufWriter(again).bytes() != written) std::abort();
}

std::vector<Bytes> seeds() {
  GgufWriter writer;
  writer.set("general.architecture", "fuzz");
  writer.set("flag", true);
  writer.set("number", 0.5);
  const GgufValue words[] = {"a", "bc"};
  const GgufValue lists[] = {GgufValue::array(GgufValueType::string, words)};
  writer.set("lists", GgufValue::array(GgufValueType::array, lists));
  std::vector<Bytes> all{writer.bytes()};
  const std::vector<float> floats(6, 0.5f);
  writer.add("floats", {2, 3}, floats, GgmlType::bf16);
  for (std::uint32_t i = 0; i < 40; ++i) {
    const auto type = static_cast<GgmlType>(i);
    if (ggml_has_matrix(type))
      writer.add(std::string(ggml_type_name(type)), {1, ggml_block_elements(type)}, type,
                 Bytes(ggml_block_bytes(type), static_cast<std::byte>(0x31)));
  }
  all.push_back(writer.bytes());
  writer.set("general.alignment", 8u);
  all.push_back(writer.bytes());
  return all;
}

}  // namespace lowbit::fuzz
