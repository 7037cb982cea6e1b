// SPDX-License-Identifier: Apache-2.0
// Writes safetensors files. What was read comes out byte for byte:
//
//     lowbit::SafetensorsWriter(file).save("copy.safetensors");
//
// Part of the optional library lowbit::json.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "lowbit/io/safetensors/safetensors_file.h"

namespace lowbit {

class SafetensorsWriter {
 public:
  LOWBIT_JSON_CALL SafetensorsWriter() = default;
  /// All that is in `file`, which it shares. As long as names, types, shapes and metadata stay what they
  /// were, whatever the bytes, the header is written as it was, too; else as the format's own writer does:
  /// larger types first, then by name.
  LOWBIT_JSON_CALL explicit SafetensorsWriter(const SafetensorsFile& file);

  /// In the place of the text that `key` has, or behind the others.
  void set_metadata(const std::string& key, std::string text);
  /// In the place of the tensor that has this name, or as another one. Throws Error(shape_mismatch) unless
  /// `bytes` are those of such a tensor, Error(invalid_argument) for the name "__metadata__".
  void add(const std::string& name, SafetensorsType type, std::vector<std::int64_t> shape,
           std::vector<std::byte> bytes);
  /// Floats as f64, f32, f16, bf16 or FP8 (rounded to nearest), else Error(unsupported).
  void add(const std::string& name, SafetensorsType type, std::vector<std::int64_t> shape,
           std::span<const float> values);
  /// Whether there was one.
  bool remove(const std::string& name);

  /// Throws Error(unsupported) for a name or text that is not UTF-8.
  LOWBIT_JSON_CALL std::vector<std::byte> bytes() const;
  /// Writes to a temporary file beside `path` and renames it; `path` may be the file that is shared. Throws
  /// Error(not_found) or Error(io) too.
  LOWBIT_JSON_CALL void save(const std::string& path) const;

 private:
  struct Tensor {
    std::string name;
    SafetensorsType type;
    std::vector<std::int64_t> shape;
    std::vector<std::byte> owned;
    bool is_of_file = false;
  };

  Tensor* find(const std::string& name);
  bool is_like_file() const;
  std::vector<const Tensor*> order() const;
  std::string header(std::span<const Tensor* const> tensors) const;
  std::span<const std::byte> bytes_of(const Tensor& tensor) const;
  void write(const std::function<void(std::span<const std::byte>)>& out) const;

  std::optional<SafetensorsFile> file_;
  std::vector<std::pair<std::string, std::string>> metadata_;
  std::vector<Tensor> tensors_;
};

}  // namespace lowbit
