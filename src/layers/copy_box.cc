// SPDX-License-Identifier: Apache-2.0
#include "layers/copy_box.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace lowbit::ops {
namespace {

struct Axis {
  std::int64_t size = 1, from = 0, to = 0;
};

/// The axes of a box, the innermost first; without those of size 1, and those that follow each other as one.
struct Axes {
  std::array<Axis, Shape::kMaxRank> list{};
  std::size_t count = 0;

  Axes(const BoxDims& size, const BoxDims& from, const BoxDims& to) {
    for (std::size_t i = size.size(); i-- > 0;) {
      if (size[i] == 1) continue;
      const Axis axis{size[i], from[i], to[i]};
      if (count > 0) {
        Axis& inner = list[count - 1];
        if (axis.from == inner.from * inner.size && axis.to == inner.to * inner.size) {
          inner.size *= axis.size;
          continue;
        }
      }
      list[count++] = axis;
    }
  }

  /// Brings the axis that is dense in the source next to the innermost one.
  void pair_dense_axes() {
    for (std::size_t i = 1; i < count; ++i)
      if (list[i].from == 1) return std::swap(list[i], list[1]);
  }
};

// Narrower rows, as the colours of a pixel, are copied as they come; others by squares of so many elements.
constexpr std::int64_t kNarrow = 8, kSquare = 16;

template <class T>
void copy_line(const Axis& axis, const T* from, T* to) {
  if (axis.from == 1 && axis.to == 1) {
    std::memcpy(to, from, static_cast<std::size_t>(axis.size) * sizeof(T));
    return;
  }
  for (std::int64_t i = 0; i < axis.size; ++i) to[i * axis.to] = from[i * axis.from];
}

template <class T>
void copy_rectangle(Axis inner, Axis outer, const T* from, T* to) {
  for (std::int64_t i = 0; i < outer.size; ++i)
    for (std::int64_t j = 0; j < inner.size; ++j)
      to[i * outer.to + j * inner.to] = from[i * outer.from + j * inner.from];
}

template <class T>
void copy_plane(const Axis& inner, const Axis& outer, const T* from, T* to) {
  if (inner.from == 1 && inner.to == 1) {
    for (std::int64_t i = 0; i < outer.size; ++i) copy_line(inner, from + i * outer.from, to + i * outer.to);
    return;
  }
  if (inner.size < kNarrow || outer.size < kNarrow) return copy_rectangle(inner, outer, from, to);
  Axis columns = inner, rows = outer;
  for (std::int64_t i = 0; i < outer.size; i += kSquare) {
    rows.size = std::min(kSquare, outer.size - i);
    for (std::int64_t j = 0; j < inner.size; j += kSquare) {
      columns.size = std::min(kSquare, inner.size - j);
      const T* s = from + i * outer.from + j * inner.from;
      T* d = to + i * outer.to + j * inner.to;
      // Sizes that the compiler knows let it unroll.
      if (rows.size == kSquare && columns.size == kSquare)
        copy_rectangle(Axis{kSquare, inner.from, inner.to}, Axis{kSquare, outer.from, outer.to}, s, d);
      else
        copy_rectangle(columns, rows, s, d);
    }
  }
}

}  // namespace

template <class T>
void copy_box(const BoxDims& size, const T* from, const BoxDims& from_stride, T* to,
              const BoxDims& to_stride) noexcept {
  Axes axes(size, from_stride, to_stride);
  axes.pair_dense_axes();
  const auto& a = axes.list;
  for (std::int64_t i = 0; i < a[5].size; ++i)
    for (std::int64_t j = 0; j < a[4].size; ++j)
      for (std::int64_t k = 0; k < a[3].size; ++k)
        for (std::int64_t l = 0; l < a[2].size; ++l)
          copy_plane(a[0], a[1], from + i * a[5].from + j * a[4].from + k * a[3].from + l * a[2].from,
                     to + i * a[5].to + j * a[4].to + k * a[3].to + l * a[2].to);
}

template void copy_box(const BoxDims&, const float*, const BoxDims&, float*, const BoxDims&) noexcept;
template void copy_box(const BoxDims&, const std::uint8_t*, const BoxDims&, std::uint8_t*,
                       const BoxDims&) noexcept;
template void copy_box(const BoxDims&, const std::int64_t*, const BoxDims&, std::int64_t*,
                       const BoxDims&) noexcept;

}  // namespace lowbit::ops
