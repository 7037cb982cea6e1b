// SPDX-License-Identifier: Apache-2.0
// StoredFloats: the floats of a tensor that still lie in a file, as it stores them. They are converted while
// they are read, piece by piece into the memory where they stay: weights are most of a file, and a second
// copy of them most of the memory that loading it would take.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>

#include "core/byte_source.h"

namespace lowbit::onnx_import {

enum class FloatType { f16, bf16, f32, f64 };

class StoredFloats {
 public:
  /// In the ONNX file itself, which must outlive it.
  StoredFloats(const ByteSource& file, std::uint64_t offset, FloatType type)
      : file_(&file), offset_(offset), type_(type) {}
  /// In another file, which is open only while something is read: there may be one for each tensor.
  StoredFloats(std::string path, std::uint64_t offset, FloatType type)
      : path_(std::move(path)), offset_(offset), type_(type) {}

  /// Elements from `first` on, which must be there. Throws Error(io).
  void read(std::size_t first, std::span<float> out) const { read_as(first, out); }
  void read(std::size_t first, std::span<double> out) const { read_as(first, out); }

 private:
  template <class Out>
  void read_as(std::size_t first, std::span<Out> out) const;

  const ByteSource* file_ = nullptr;
  std::string path_;
  std::uint64_t offset_;
  FloatType type_;
};

}  // namespace lowbit::onnx_import
