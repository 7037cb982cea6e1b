// SPDX-License-Identifier: Apache-2.0
// GGUF files (versions 2 and 3, little-endian), as llama.cpp and others have them: read in place, and written
// (gguf_writer.h).
//
//     const lowbit::GgufFile file("model.gguf");
//     const lowbit::QuantizedMatrix w = file.matrix("blk.0.ffn_up.weight");
//     const lowbit::Linear fc(w, {.activations = lowbit::weight_only()});
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "lowbit/core/file_access.h"
#include "lowbit/io/gguf/ggml_type.h"
#include "lowbit/io/gguf/gguf_value.h"
#include "lowbit/quant/quantized_matrix.h"

namespace lowbit {

struct GgufTensor {
  std::string name;
  std::vector<std::int64_t>
      shape{};  ///< outermost first: {out, in} of weights. The file has it the other way
  GgmlType type = GgmlType::f32;
  std::uint64_t offset = 0;  ///< of its first byte, from the start of the file
  std::uint64_t bytes = 0;

  std::int64_t elements() const;
  /// As a matrix: the innermost dimension, 1 of a scalar, and the product of the others.
  std::int64_t cols() const { return shape.empty() ? 1 : shape.back(); }
  std::int64_t rows() const;
};

struct GgufEntry {
  std::string key;
  GgufValue value;
};

/// A value; copies share the file. Everything is checked when it is opened, so that tensors lie inside the
/// file, apart from each other and at multiples of the alignment: a file that lies throws
/// Error(corrupt_file), one of another version, byte order or an unknown tensor type Error(unsupported).
/// Nothing of tensors is read before it is asked for.
class GgufFile {
 public:
  /// Throws Error(not_found) or Error(io) too.
  explicit GgufFile(const std::string& path, FileAccess access = FileAccess::mapped);
  /// `bytes` must outlive it and its copies. `name` stands in sentences.
  explicit GgufFile(std::span<const std::byte> bytes, const std::string& name = "GGUF data");

  std::uint32_t version() const;
  std::uint64_t alignment() const;
  /// In the order of the file.
  const std::vector<GgufEntry>& metadata() const;
  const std::vector<GgufTensor>& tensors() const;
  /// Null where there is none.
  const GgufValue* find(std::string_view key) const;
  /// Throws Error(not_found).
  const GgufTensor& tensor(std::string_view name) const;
  /// Whether the file ends with the padding behind its last tensor.
  bool is_padded_at_end() const;

  /// In place. Throws Error(io) where a mapped file was cut short since. `tensor` is one of this file's.
  std::span<const std::byte> bytes(const GgufTensor& tensor) const;
  /// What it stands for, row-major; throws as ggml_floats, naming the tensor.
  std::vector<float> floats(const GgufTensor& tensor) const;
  std::vector<float> floats(std::string_view name) const { return floats(tensor(name)); }
  /// rows() x cols(). Throws as matrix_from_ggml, naming the tensor.
  QuantizedMatrix matrix(const GgufTensor& tensor) const;
  QuantizedMatrix matrix(std::string_view name) const { return matrix(tensor(name)); }

 private:
  struct State;
  std::shared_ptr<const State> state_;
};

}  // namespace lowbit
