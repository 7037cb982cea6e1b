// SPDX-License-Identifier: Apache-2.0
// safetensors files and the quantized layers in them: what is read is read again when it is written.
#include <cstdlib>

#include "fuzz.h"
#include "lowbit/core/error.h"
#include "lowbit/io/safetensors/compressed_tensors.h"
#include "lowbit/quant/affine.h"
#include "lowbit/quant/block_float.h"

namespace lowbit::fuzz {

void try_input(std::span<const std::byte> input) {
  constexpr std::int64_t kMostElements = 1 << 16;
  const SafetensorsFile file(input);
  SafetensorsWriter writer(file);
  const Bytes written = writer.bytes();
  if (written.size() != input.size() || !std::equal(written.begin(), written.end(), input.begin()))
    std::abort();
  for (const SafetensorsTensor& tensor : file.tensors()) {
    if (tensor.elements() > kMostElements) return;
    try {
      static_cast<void>(file.floats(tensor));
    } catch (const Error&) {
    }
  }
  std::optional<CompressedConfig> config;
  try {
    config = find_compressed_config(file);
  } catch (const Error&) {
  }
  for (const std::string& layer : compressed_layers(file)) {
    try {
      const CompressedWeights weights = read_compressed(file, layer, config ? &*config : nullptr);
      weights.matrix.validate();
      add_compressed(writer, layer, weights);
    } catch (const Error&) {
    }
  }
  SafetensorsFile(writer.bytes());
}

std::vector<Bytes> seeds() {
  std::vector<float> values(8 * 32);
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(i % 23) - 11;
  const MatrixView view(values.data(), 8, 32);
  const auto groups = per_group(16);
  std::vector<Bytes> all;
  SafetensorsWriter plain;
  plain.set_metadata("quantization_config",
                     R"({"config_groups":{"g":{"targets":["re:.*a"],"weights":{"num_bits":8}}}})");
  plain.add("x", SafetensorsType::bf16, {8, 32}, values);
  all.push_back(plain.bytes());
  const QuantizedMatrix q4 = quantize(view, Affine<4>{.granularity = groups, .mapping = Mapping::asymmetric});
  for (const CompressedWeights& weights :
       {CompressedWeights{.matrix = q4}, CompressedWeights{.matrix = quantize(view, Affine<8>{}), .bits = 8},
        CompressedWeights{.format = CompressedFormat::int_quantized, .matrix = quantize(view, Affine<8>{})},
        CompressedWeights{.format = CompressedFormat::mxfp4_pack_quantized,
        .matrix = quantize(view, MxFp{})}}) {
    SafetensorsWriter writer = plain;
    writer.remove("x");
    add_compressed(writer, "a", weights);
    all.push_back(writer.bytes());
  }
  SafetensorsWriter fp8;
  fp8.add("a.weight", SafetensorsType::f8_e4m3, {8, 32}, values);
  fp8.add("a.weight_scale", SafetensorsType::f32, {1}, std::span(values).first(1));
  all.push_back(fp8.bytes());
  SafetensorsWriter nvfp4;
  nvfp4.add("a.weight_packed", SafetensorsType::u8, {8, 16}, Bytes(128, std::byte{0x2b}));
  nvfp4.add("a.weight_scale", SafetensorsType::f8_e4m3, {8, 2}, std::span(values).first(16));
  nvfp4.add("a.weight_global_scale", SafetensorsType::f32, {1}, std::span(values).last(1));
  all.push_back(nvfp4.bytes());
  return all;
}

}  // namespace lowbit::fuzz
