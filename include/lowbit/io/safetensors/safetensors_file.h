// SPDX-License-Identifier: Apache-2.0
// safetensors files: named tensors, read in place, and written (safetensors_writer.h). Quantized checkpoints
// of compressed-tensors: compressed_tensors.h. Part of the optional library lowbit::json.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "lowbit/core/config.h"
#include "lowbit/core/file_access.h"

namespace lowbit {

/// In the order in which the format ranks them: a writer puts larger ones first.
enum class SafetensorsType : std::uint8_t {
  boolean,
  f4,  ///< FP4 E2M1, two a byte, the first in the low bits
  f6_e2m3,
  f6_e3m2,
  u8,
  i8,
  f8_e5m2,
  f8_e4m3,
  f8_e8m0,
  f8_e4m3fnuz,
  f8_e5m2fnuz,
  i16,
  u16,
  f16,
  bf16,
  i32,
  u32,
  f32,
  c64,
  f64,
  i64,
  u64,
};

/// "F32", "F8_E4M3", ...
LOWBIT_JSON_CALL std::string_view safetensors_type_name(SafetensorsType type) noexcept;
/// Of one element: 4 to 64.
LOWBIT_JSON_CALL int safetensors_type_bits(SafetensorsType type) noexcept;

struct SafetensorsTensor {
  std::string name;
  SafetensorsType type = SafetensorsType::f32;
  std::vector<std::int64_t> shape{};  ///< outermost first; none: a scalar
  std::uint64_t offset = 0;           ///< of its first byte, from the start of the file
  std::uint64_t bytes = 0;

  std::int64_t elements() const;
};

/// A value; copies share the file. What the format demands is checked when it is opened: tensors fill the
/// file one after the other, without gaps, and each is as large as its type and shape say. A file that lies
/// throws Error(corrupt_file), an unknown type Error(unsupported). Nothing of tensors is read before it is
/// asked for.
class SafetensorsFile {
 public:
  /// Throws Error(not_found) or Error(io) too.
  LOWBIT_JSON_CALL explicit SafetensorsFile(const std::string& path, FileAccess access = FileAccess::mapped);
  /// `bytes` must outlive it and its copies. `name` stands in sentences.
  LOWBIT_JSON_CALL explicit SafetensorsFile(std::span<const std::byte> bytes,
                                            const std::string& name = "safetensors data");

  /// In the order of their bytes.
  const std::vector<SafetensorsTensor>& tensors() const;
  /// What "__metadata__" has, in the order of the file.
  const std::vector<std::pair<std::string, std::string>>& metadata() const;
  /// Null where there is none.
  const SafetensorsTensor* find(std::string_view name) const;
  /// Throws Error(not_found).
  const SafetensorsTensor& tensor(std::string_view name) const;
  /// The JSON text before the tensors, padding included.
  std::string_view header() const;
  /// What it is called in sentences.
  const std::string& name() const;

  /// In place; any alignment. Throws Error(io) where a mapped file was cut short since. `tensor` is one of
  /// this file's.
  std::span<const std::byte> bytes(const SafetensorsTensor& tensor) const;
  /// Row-major, rounded to float; booleans are 0 and 1. Throws Error(unsupported) for c64 and the types of 6
  /// bits.
  std::vector<float> floats(const SafetensorsTensor& tensor) const;
  std::vector<float> floats(std::string_view tensor_name) const { return floats(tensor(tensor_name)); }
  /// The same of integers and booleans; of u64 the bits. Throws Error(unsupported) for other types.
  std::vector<std::int64_t> integers(const SafetensorsTensor& tensor) const;

 private:
  struct State;
  std::shared_ptr<const State> state_;
};

}  // namespace lowbit
