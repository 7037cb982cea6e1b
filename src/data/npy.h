// SPDX-License-Identifier: Apache-2.0
// NumPy's .npy files: one array, little-endian, as the command reads images and labels and writes outputs.
// Format: numpy.org/doc/stable/reference/generated/numpy.lib.format.html, versions 1 to 3.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "lowbit/core/shape.h"

namespace lowbit::data {

enum class NpyType : std::uint8_t { f32, f64, u8, i8, u16, i16, u32, i32, u64, i64, boolean };

std::size_t npy_type_bytes(NpyType type);
bool npy_type_is_integer(NpyType type);

/// What the header says; the elements start at `data_offset` of the file.
struct NpyHeader {
  NpyType type = NpyType::f32;
  bool fortran_order = false;
  Shape shape;
  std::size_t data_offset = 0;
};

/// Parses and checks the header against `file_bytes`, the size of the whole file: nothing is allocated by
/// what a header claims. `name` stands in the sentence. Throws Error(corrupt_file), or Error(unsupported) for
/// an element type that is not in NpyType.
NpyHeader parse_npy_header(std::span<const std::byte> start, std::uint64_t file_bytes,
                           const std::string& name);

/// An array in memory.
class NpyArray {
 public:
  /// Throws as parse_npy_header.
  NpyArray(std::vector<std::byte> file, const std::string& name);

  const Shape& shape() const { return header_.shape; }
  NpyType type() const { return header_.type; }
  /// Elements [first, first + out.size()) in row-major order, whatever the order in the file, as floats
  /// (rounded to nearest where a float cannot hold them).
  void read(std::int64_t first, std::span<float> out) const;
  /// One element of an integer array.
  std::int64_t integer(std::int64_t index) const;

 private:
  std::int64_t stored_index(std::int64_t index) const;
  const std::byte* element(std::int64_t stored) const;

  NpyHeader header_;
  std::vector<std::byte> file_;
};

/// Throws as read_file and NpyArray.
NpyArray read_npy(const std::string& path);
/// The bytes before the elements of a row-major array of float32, or of int64; their number is a multiple of
/// 64.
std::string npy_header(const Shape& shape, bool integers = false);

}  // namespace lowbit::data
