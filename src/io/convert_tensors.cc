// SPDX-License-Identifier: Apache-2.0
#include "io/convert_tensors.h"

#include <fmt/format.h>

#include <array>
#include <cstring>
#include <optional>
#include <set>
#include <string_view>
#include <utility>

#include "lowbit/core/error.h"
#include "lowbit/core/half.h"
#include "lowbit/io/safetensors/compressed_tensors.h"

namespace lowbit::io {
namespace {

constexpr std::string_view kWeight = ".weight";
/// Of metadata in a safetensors file.
constexpr const char* kConfig = "quantization_config";

/// Numbers that both formats have.
constexpr std::array<std::pair<GgmlType, SafetensorsType>, 8> kSameTypes{{
    {GgmlType::f32, SafetensorsType::f32},
    {GgmlType::f16, SafetensorsType::f16},
    {GgmlType::bf16, SafetensorsType::bf16},
    {GgmlType::f64, SafetensorsType::f64},
    {GgmlType::i8, SafetensorsType::i8},
    {GgmlType::i16, SafetensorsType::i16},
    {GgmlType::i32, SafetensorsType::i32},
    {GgmlType::i64, SafetensorsType::i64},
}};

std::vector<std::byte> copied(std::span<const std::byte> bytes) {
  return {bytes.begin(), bytes.end()};
}

/// The layer of compressed-tensors that says the same; nothing where none does.
std::optional<CompressedWeights> layer_of(GgmlType type, QuantizedMatrix matrix) {
  CompressedWeights weights;
  switch (type) {
    case GgmlType::q4_0:
      weights.bits = 4;
      break;
    case GgmlType::q5_0:
      weights.bits = 5;
      break;
    case GgmlType::q6_k:
      weights.bits = 6;
      break;
    case GgmlType::q3_k:
      weights.bits = 3;
      break;
    case GgmlType::tq1_0:
    case GgmlType::tq2_0:
      weights.bits = 2;
      break;
    case GgmlType::q8_0:
      weights.bits = 8;
      weights.format = CompressedFormat::int_quantized;
      break;
    case GgmlType::mxfp4:
      weights.format = CompressedFormat::mxfp4_pack_quantized;
      break;
    default:
      return std::nullopt;
  }
  bool halves = true;
  for (const float scale : matrix.scales) halves = halves && float16::round(scale) == scale;
  if (halves) weights.scale_type = SafetensorsType::f16;
  weights.matrix = std::move(matrix);
  return weights;
}

/// False where the format has no number for it, which add_compressed() refuses.
bool add_layer(SafetensorsWriter& writer, const std::string& layer, const CompressedWeights& weights) {
  try {
    add_compressed(writer, layer, weights);
    return true;
  } catch (const Error& e) {
    if (e.code() != ErrorCode::unsupported && e.code() != ErrorCode::shape_mismatch) throw;
    return false;
  }
}

CompressedGroup group_of(const std::string& layer, const CompressedWeights& weights, std::size_t number) {
  CompressedGroup group;
  group.name = fmt::format("group_{}", number);
  group.targets = {layer};
  group.format = weights.format;
  group.bits = weights.format == CompressedFormat::mxfp4_pack_quantized ? 4 : weights.bits;
  group.is_float = weights.format == CompressedFormat::mxfp4_pack_quantized;
  group.strategy = "group";
  group.group_size = weights.matrix.granularity.group_size;
  return group;
}

/// Groups of `size` columns, each with the scale of the larger group that it lies in.
std::optional<QuantizedMatrix> regrouped(const QuantizedMatrix& q, std::int64_t size) {
  const std::int64_t groups = q.groups(),
                     old = groups == 1 ? q.cols : static_cast<std::int64_t>(q.granularity.group_size);
  if (q.cols % size != 0 || old % size != 0 || !q.zero_points.empty() || !q.offsets.empty())
    return std::nullopt;
  QuantizedMatrix result = q;
  result.granularity = per_group(static_cast<int>(size));
  result.scales.clear();
  const bool one = q.scales.size() == 1;
  for (std::int64_t r = 0; r < q.rows; ++r)
    for (std::int64_t g = 0; g < q.cols / size; ++g)
      result.scales.push_back(q.scales[one ? 0 : static_cast<std::size_t>(r * groups + g * size / old)]);
  return result;
}

/// Blocks that say exactly the same; nothing where no type of GGUF does.
std::optional<std::pair<GgmlType, std::vector<std::byte>>> blocks_of(const QuantizedMatrix& q) {
  constexpr std::array kTypes{GgmlType::q4_0,  GgmlType::q8_0, GgmlType::mxfp4, GgmlType::q5_0,
                              GgmlType::tq2_0, GgmlType::q4_1, GgmlType::iq4_nl};
  for (const GgmlType type : kTypes)
    for (const bool as_is : {true, false}) {
      const std::optional<QuantizedMatrix> matrix = as_is ? q : regrouped(q, ggml_block_elements(type));
      if (!matrix) continue;
      try {
        return std::pair(type, ggml_from_matrix(type, *matrix));
      } catch (const Error& e) {
        if (e.code() != ErrorCode::unsupported && e.code() != ErrorCode::shape_mismatch) throw;
      }
    }
  return std::nullopt;
}

}  // namespace

TensorConversion to_safetensors(const GgufFile& from, SafetensorsWriter& to) {
  TensorConversion result;
  for (const GgufEntry& entry : from.metadata()) {
    if (entry.value.type() == GgufValueType::array)
      result.left_out.push_back(entry.key);
    else
      to.set_metadata(entry.key, entry.value.type() == GgufValueType::string ? std::string(entry.value.text())
                                                                             : entry.value.to_string());
  }
  CompressedConfig config;
  for (const GgufTensor& tensor : from.tensors()) {
    bool is_written = false;
    for (const auto& [ggml, type] : kSameTypes)
      if (tensor.type == ggml) {
        to.add(tensor.name, type, tensor.shape, copied(from.bytes(tensor)));
        result.as_they_were.push_back(tensor.name);
        is_written = true;
      }
    if (is_written) continue;
    const std::string_view name = tensor.name;
    if (ggml_has_matrix(tensor.type) && tensor.shape.size() == 2 && name.ends_with(kWeight)) {
      const std::string layer(name.substr(0, name.size() - kWeight.size()));
      const std::optional<CompressedWeights> weights = layer_of(tensor.type, from.matrix(tensor));
      if (weights && add_layer(to, layer, *weights)) {
        config.groups.push_back(group_of(layer, *weights, config.groups.size()));
        result.with_codes.push_back(tensor.name);
        continue;
      }
    }
    to.add(tensor.name, SafetensorsType::f32, tensor.shape, std::span<const float>(from.floats(tensor)));
    result.as_floats.push_back(tensor.name);
  }
  if (!config.groups.empty()) to.set_metadata(kConfig, format_compressed_config(config));
  return result;
}

TensorConversion to_gguf(const SafetensorsFile& from, GgufWriter& to) {
  TensorConversion result;
  for (const auto& [key, text] : from.metadata())
    if (key != kConfig) to.set(key, GgufValue(text));
  const std::optional<CompressedConfig> config = find_compressed_config(from);
  std::set<std::string> written;
  for (const std::string& layer : compressed_layers(from)) {
    const CompressedWeights weights = read_compressed(from, layer, config ? &*config : nullptr);
    const std::string name = layer + std::string(kWeight);
    const std::vector<std::int64_t> shape{weights.matrix.rows, weights.matrix.cols};
    if (auto blocks = blocks_of(weights.matrix)) {
      to.add(name, shape, blocks->first, std::move(blocks->second));
      result.with_codes.push_back(name);
    } else {
      std::vector<float> values(static_cast<std::size_t>(weights.matrix.rows * weights.matrix.cols));
      dequantize(weights.matrix, MutableMatrixView(values.data(), weights.matrix.rows, weights.matrix.cols));
      to.add(name, shape, values);
      result.as_floats.push_back(name);
    }
    for (const char* member : {"weight", "weight_packed", "weight_scale", "weight_zero_point", "weight_shape",
                               "weight_global_scale"})
      written.insert(layer + "." + member);
  }
  for (const SafetensorsTensor& tensor : from.tensors()) {
    if (written.contains(tensor.name)) continue;
    bool is_written = false;
    for (const auto& [ggml, type] : kSameTypes)
      if (tensor.type == type) {
        to.add(tensor.name, tensor.shape, ggml, copied(from.bytes(tensor)));
        result.as_they_were.push_back(tensor.name);
        is_written = true;
      }
    if (is_written) continue;
    if (tensor.type == SafetensorsType::u32 || tensor.type == SafetensorsType::u64)
      throw Error(
          ErrorCode::unsupported,
          fmt::format(
              "{}: tensor '{}' has elements of type {}, which GGUF does not have and floats do not hold",
              from.name(), tensor.name, safetensors_type_name(tensor.type)));
    to.add(tensor.name, tensor.shape, std::span<const float>(from.floats(tensor)));
    result.as_floats.push_back(tensor.name);
  }
  return result;
}

}  // namespace lowbit::io
