// SPDX-License-Identifier: Apache-2.0
// Quantized checkpoints in the formats of compressed-tensors, as vLLM and llm-compressor have them: layers of
// safetensors files as matrices with the same codes, and back, byte for byte.
//
//   format                 tensors of a layer                              a weight is              kept as
//   pack-quantized         weight_packed (int32 words), weight_scale,      (code - zero) * scale    u4, s8
//                          weight_zero_point, weight_shape
//   int-quantized          weight (int8), weight_scale, weight_zero_point  (code - zero) * scale    s8
//   float-quantized        weight (FP8 E4M3), weight_scale                 value * scale            lut8
//   nvfp4-pack-quantized   weight_packed (FP4 E2M1), weight_scale (FP8),   value * (scale / global) lut4
//                          weight_global_scale
//   mxfp4-pack-quantized   weight_packed (FP4 E2M1), weight_scale (E8M0)   value * 2^(scale - 127)  lut4
//
// Scales are those of a tensor, of channels, of groups along a row or of blocks of rows and columns. Values
// are computed in float, in the order that is written here, whatever the type of the scales. Part of the
// optional library lowbit::json.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lowbit/io/safetensors/safetensors_file.h"
#include "lowbit/io/safetensors/safetensors_writer.h"
#include "lowbit/quant/quantized_matrix.h"

namespace lowbit {

enum class CompressedFormat : std::uint8_t {
  pack_quantized,
  int_quantized,
  float_quantized,
  nvfp4_pack_quantized,
  mxfp4_pack_quantized,
};

/// "pack-quantized", ...
LOWBIT_JSON_CALL std::string_view compressed_format_name(CompressedFormat format) noexcept;

/// The weights of one group of layers in a quantization_config.
struct CompressedGroup {
  std::string name;  ///< "group_0"
  std::vector<std::string> targets{};
  std::optional<CompressedFormat> format{};  ///< where it has one of its own
  int bits = 8;                              ///< of weights; 0: the group has activations alone
  bool is_float = false, symmetric = true;
  std::string strategy{};             ///< "tensor", "channel", "group", "tensor_group", "block"
  std::int64_t group_size = 0;        ///< 0: none
  std::vector<std::int64_t> block{};  ///< rows x columns, or none

  friend bool operator==(const CompressedGroup&, const CompressedGroup&) = default;
};

struct CompressedConfig {
  std::optional<CompressedFormat> format{};  ///< none: several, or one that is not among them
  std::vector<CompressedGroup> groups{};
  std::vector<std::string> ignore{};  ///< names of layers that are not quantized

  /// The group that `layer` belongs to: that with its name or a pattern "re:..." at the start of its name,
  /// else the only one, unless the layer is to be ignored. Null: none. Patterns are those of
  /// characters, `.`, `*`, `+`, `?`, `^` and `$`; one with more names no layer.
  const CompressedGroup* group_of(const std::string& layer) const;

  friend bool operator==(const CompressedConfig&, const CompressedConfig&) = default;
};

/// `json` is a config.json with a "quantization_config" (or "compression_config"), or one of those alone.
/// Throws Error(corrupt_file) naming what is wrong, Error(unsupported) for another method; `name` stands in
/// the sentence.
LOWBIT_JSON_CALL CompressedConfig parse_compressed_config(std::string_view json,
                                                          const std::string& name = "config");
/// A config.json with nothing but the "quantization_config", which parse_compressed_config() gives back.
/// Throws Error(unsupported) for a name that is not UTF-8.
LOWBIT_JSON_CALL std::string format_compressed_config(const CompressedConfig& config);
/// Throws Error(not_found) or Error(io), and as above.
LOWBIT_JSON_CALL CompressedConfig load_compressed_config(const std::string& path);
/// The config in the file's metadata, under "quantization_config"; nothing where there is none.
LOWBIT_JSON_CALL std::optional<CompressedConfig> find_compressed_config(const SafetensorsFile& file);

/// A layer's weights, and what its tensors need beside them.
struct CompressedWeights {
  CompressedFormat format = CompressedFormat::pack_quantized;
  QuantizedMatrix matrix{};
  int bits = 4;  ///< of integers
  SafetensorsType scale_type = SafetensorsType::f32;
  std::optional<std::vector<std::int64_t>> scale_shape{};  ///< none: as the granularity says
  /// i32: packed along rows; i8: one a byte. None: there are none, or i32 where the matrix has some.
  std::optional<SafetensorsType> zero_point_type{};
  SafetensorsType shape_type = SafetensorsType::i64;
  float global_scale = 1;  ///< NVFP4 alone
};

/// Names of the layers in the file that read_compressed() takes for quantized, in the order of their bytes:
/// "model.layers.0.mlp.up_proj" has model.layers.0.mlp.up_proj.weight_scale and a weight beside it.
LOWBIT_JSON_CALL std::vector<std::string> compressed_layers(const SafetensorsFile& file);

/// The layer's format follows from its tensors. `config` says how many bits codes have and how large groups
/// are, where that is not clear from sizes. Codes of a group of scale 0 that do not stand for zero are lost.
/// Throws Error(not_found) naming the tensor that lacks, Error(corrupt_file) for tensors that do not fit each
/// other, Error(unsupported) for what is none of the formats above: activation order (weight_g_idx), weights
/// of three dimensions, NaN.
LOWBIT_JSON_CALL CompressedWeights read_compressed(const SafetensorsFile& file, const std::string& layer,
                                                   const CompressedConfig* config = nullptr);

/// Adds the tensors of the layer. Throws Error(unsupported) for what the format has no number for, naming it;
/// Error(shape_mismatch) for a scale_shape that does not fit.
LOWBIT_JSON_CALL void add_compressed(SafetensorsWriter& writer, const std::string& layer,
                                     const CompressedWeights& weights);

}  // namespace lowbit
