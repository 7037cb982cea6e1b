// SPDX-License-Identifier: Apache-2.0
// Writes GGUF files. What was read comes out byte for byte, as long as its tensors lay in the order of their
// list without gaps, as those of other writers do:
//
//     lowbit::GgufWriter(file).save("copy.gguf");
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "lowbit/core/view.h"
#include "lowbit/io/gguf/gguf_file.h"

namespace lowbit {

class GgufWriter {
 public:
  GgufWriter() = default;
  /// All that is in `file`, version and padding too. Tensors are not copied: it shares the file.
  explicit GgufWriter(const GgufFile& file);

  /// In the place of the value that `key` has, or behind the others. "general.alignment" is a u32, a power of
  /// two or a multiple of 8, and says where tensors lie (32 without it). Throws Error(invalid_argument) for
  /// another one.
  void set(const std::string& key, GgufValue value);

  // Each in the place of the tensor that has this name, or behind the others. Names have at most 64 bytes,
  // shapes (outermost first) at most 4 dimensions; else Error(invalid_argument).

  /// Throws Error(shape_mismatch) unless `bytes` are those of such a tensor.
  void add(const std::string& name, std::vector<std::int64_t> shape, GgmlType type,
           std::vector<std::byte> bytes);
  /// Floats as f32, f16 or bf16 (rounded to nearest); else Error(unsupported).
  void add(const std::string& name, std::vector<std::int64_t> shape, std::span<const float> values,
           GgmlType type = GgmlType::f32);
  /// Throws as ggml_from_matrix.
  void add(const std::string& name, const QuantizedMatrix& q, GgmlType type);

  std::vector<std::byte> bytes() const;
  /// Writes to a temporary file beside `path` and renames it; `path` may be the file that is shared. Throws
  /// Error(not_found) or Error(io).
  void save(const std::string& path) const;

 private:
  struct Tensor {
    std::string name;
    std::vector<std::int64_t> shape;
    GgmlType type;
    std::vector<std::byte> owned;
    std::vector<GgufFile> file;  // whose tensor it is, or nothing
    std::size_t index = 0;
  };

  void put(Tensor tensor);
  std::span<const std::byte> bytes_of(const Tensor& tensor) const;
  void write(const std::function<void(std::span<const std::byte>)>& out) const;
  std::uint64_t alignment() const;

  std::uint32_t version_ = 3;
  bool padded_at_end_ = true;
  std::vector<GgufEntry> metadata_;
  std::vector<Tensor> tensors_;
};

}  // namespace lowbit
