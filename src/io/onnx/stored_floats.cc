// SPDX-License-Identifier: Apache-2.0
#include "io/onnx/stored_floats.h"

#include <algorithm>
#include <optional>
#include <vector>

#include "lowbit/core/half.h"

namespace lowbit::onnx_import {

namespace {

/// ONNX files are little-endian, and so are the machines that lowbit supports.
template <class Stored, class Out, class Convert>
void read_pieces(const ByteSource& source, std::uint64_t offset, std::span<Out> out, Convert convert) {
  std::vector<Stored> piece(std::min<std::size_t>(out.size(), 16 * 1024));
  for (std::size_t at = 0; at < out.size(); at += piece.size()) {
    const std::span<Stored> now(piece.data(), std::min(piece.size(), out.size() - at));
    source.read(offset + at * sizeof(Stored), std::as_writable_bytes(now));
    std::transform(now.begin(), now.end(), out.begin() + static_cast<std::ptrdiff_t>(at),
                   [&](Stored v) { return static_cast<Out>(convert(v)); });
  }
}

}  // namespace

template <class Out>
void StoredFloats::read_as(std::size_t first, std::span<Out> out) const {
  std::optional<ByteSource> opened;
  const ByteSource& source = file_ ? *file_ : opened.emplace(path_);
  const auto same = [](auto v) { return v; };
  switch (type_) {
    case FloatType::f16:
      return read_pieces<std::uint16_t>(source, offset_ + first * 2, out, float16::decode);
    case FloatType::bf16:
      return read_pieces<std::uint16_t>(source, offset_ + first * 2, out, bfloat16::decode);
    case FloatType::f32:
      if constexpr (sizeof(Out) == 4) return source.read(offset_ + first * 4, std::as_writable_bytes(out));
      return read_pieces<float>(source, offset_ + first * 4, out, same);
    case FloatType::f64:
      return read_pieces<double>(source, offset_ + first * 8, out, same);
  }
}

template void StoredFloats::read_as(std::size_t, std::span<float>) const;
template void StoredFloats::read_as(std::size_t, std::span<double>) const;

}  // namespace lowbit::onnx_import
