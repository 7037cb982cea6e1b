// SPDX-License-Identifier: Apache-2.0
// Files of tensors from one format to another: GGUF and safetensors. Nothing is rounded: codes stay the codes
// that they are where the other format has them, else tensors become the floats that they stand for.
#pragma once

#include <string>
#include <vector>

#include "lowbit/io/gguf/gguf_writer.h"
#include "lowbit/io/safetensors/safetensors_writer.h"

namespace lowbit::io {

/// What became of the tensors of a file, by name.
struct TensorConversion {
  std::vector<std::string> as_they_were;  ///< the same numbers in the same type
  std::vector<std::string> with_codes;    ///< the same codes and scales in the other format's blocks
  std::vector<std::string> as_floats;  ///< in F32, exactly, where the other format has no such codes or type
  std::vector<std::string> left_out;   ///< metadata without a place: lists
};

/// Quantized tensors "NAME.weight" become layers of compressed-tensors, and their config metadata of the
/// file. Throws Error(unsupported) naming the tensor that has neither floats nor codes here.
TensorConversion to_safetensors(const GgufFile& from, SafetensorsWriter& to);
/// Layers of compressed-tensors become "LAYER.weight" in blocks. Throws Error(unsupported) likewise,
/// Error(invalid_argument) for names and shapes that GGUF does not take.
TensorConversion to_gguf(const SafetensorsFile& from, GgufWriter& to);

}  // namespace lowbit::io
