// SPDX-License-Identifier: Apache-2.0
#include "layers/gemm_checks.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <utility>

#include "core/refuse.h"

namespace lowbit {
namespace {

std::ptrdiff_t bytes_of(ElementType type) {
  return static_cast<std::ptrdiff_t>(element_bytes(type, 1));
}

/// The lowest and the highest offset of an element, steps of either sign.
struct Offsets {
  std::ptrdiff_t lowest, highest;
};
Offsets offsets_of(std::int64_t rows, std::ptrdiff_t row_step, std::int64_t cols, std::ptrdiff_t col_step) {
  const std::ptrdiff_t down = (rows - 1) * row_step, along = (cols - 1) * col_step;
  return {std::min<std::ptrdiff_t>(down, 0) + std::min<std::ptrdiff_t>(along, 0),
          std::max<std::ptrdiff_t>(down, 0) + std::max<std::ptrdiff_t>(along, 0)};
}

/// Rows are what lies further apart.
MemoryShape in_rows(MemoryShape m) {
  if (std::abs(m.row_bytes) < std::abs(m.col_bytes)) {
    std::swap(m.rows, m.cols);
    std::swap(m.row_bytes, m.col_bytes);
  }
  return m;
}

struct Extent {
  std::uintptr_t first, end;
};

Extent extent_of(const MemoryShape& m) {
  const auto data = reinterpret_cast<std::uintptr_t>(m.data);
  const auto [lowest, highest] = offsets_of(m.rows, m.row_bytes, m.cols, m.col_bytes);
  return {data + static_cast<std::uintptr_t>(lowest),
          data + static_cast<std::uintptr_t>(highest + m.element_bytes)};
}

std::uintptr_t width_of(const MemoryShape& m) {
  return static_cast<std::uintptr_t>((m.cols - 1) * std::abs(m.col_bytes) + m.element_bytes);
}

/// Whether rows of both lie side by side in rows of one larger matrix.
bool side_by_side(const MemoryShape& a, const MemoryShape& b) {
  const auto pitch = static_cast<std::uintptr_t>(std::abs(a.row_bytes));
  const std::uintptr_t width_a = width_of(a), width_b = width_of(b);
  if (std::abs(a.row_bytes) != std::abs(b.row_bytes) || width_a > pitch || width_b > pitch) return false;
  // The lowest byte of each decides the place within a row.
  const std::uintptr_t distance = (extent_of(b).first - extent_of(a).first) % pitch;
  return distance >= width_a && distance + width_b <= pitch;
}

bool is_empty(const MemoryShape& m) {
  return m.rows == 0 || m.cols == 0;
}

}  // namespace

OutputTerms terms_of(const GemmOptions& o) {
  return {.bias = o.bias,
          .wide_bias = o.wide_bias,
          .requantization = o.requantization,
          .fixed_point = o.fixed_point,
          .scales = o.scales,
          .float_bias = o.float_bias,
          .lo = o.lo,
          .hi = o.hi};
}

void check_zero_point(ElementType type, std::int32_t zero_point) {
  const std::int32_t half = type == ElementType::i16 ? 32768 : 128;
  const std::int32_t lowest = type == ElementType::u8 ? 0 : -half, highest = lowest + 2 * half - 1;
  if (zero_point < lowest || zero_point > highest)
    refuse(fmt::format("a_zero_point {} is not in [{}, {}]", zero_point, lowest, highest));
}

MemoryShape memory_of(const IntegerView& m) {
  if (m.packed_4_bits && m.rows > 0 && m.cols > 0) {  // as one run of bytes
    const auto [lowest, highest] = offsets_of(m.rows, m.row_stride, m.cols, m.col_stride);
    const std::ptrdiff_t first = lowest >> 1;
    return {static_cast<const std::byte*>(m.data) + first, 1, 1, 0, 0, (highest >> 1) - first + 1};
  }
  const std::ptrdiff_t bytes = bytes_of(m.type);
  return {m.data, m.rows, m.cols, m.row_stride * bytes, m.col_stride * bytes, bytes};
}
MemoryShape memory_of(const MatrixView& m) {
  return {m.data, m.rows, m.cols, m.row_stride * 4, m.col_stride * 4, 4};
}
MemoryShape memory_of(const GemmResult& m) {
  const std::ptrdiff_t bytes = bytes_of(m.type);
  return {m.data, m.rows, m.cols, m.row_stride * bytes, m.col_stride * bytes, bytes};
}

void check_memory(const MemoryShape& m, const char* name) {
  if (m.rows < 0 || m.cols < 0) refuse(fmt::format("{} has a size of {} x {}", name, m.rows, m.cols));
  if (!is_empty(m) && m.data == nullptr)
    refuse(fmt::format("{} of {} x {} has no memory", name, m.rows, m.cols));
}

void check_result(const MemoryShape& given, const char* name) {
  check_memory(given, name);
  if (is_empty(given)) return;
  const MemoryShape c = in_rows(given);
  if ((c.cols > 1 && std::abs(c.col_bytes) < c.element_bytes) ||
      (c.rows > 1 && static_cast<std::uintptr_t>(std::abs(c.row_bytes)) < width_of(c)))
    refuse(fmt::format("elements of {} of {} x {} lie over each other: strides of {} and {} bytes", name,
                       given.rows, given.cols, given.row_bytes, given.col_bytes));
}

void check_product(const MemoryShape& a, std::int64_t k, std::int64_t n, const MemoryShape& c) {
  if (a.cols != k)
    throw Error(ErrorCode::shape_mismatch,
                fmt::format("A of {} x {} has another depth than B of {} x {}", a.rows, a.cols, k, n));
  if (c.rows != a.rows || c.cols != n)
    throw Error(ErrorCode::shape_mismatch,
                fmt::format("C of {} x {} is not the {} x {} of A times B", c.rows, c.cols, a.rows, n));
  check_memory(a, "A");
  check_result(c, "C");
}

void check_apart(const MemoryShape& m, const char* name, const MemoryShape& c) {
  if (is_empty(m) || is_empty(c)) return;
  const Extent theirs = extent_of(m), ours = extent_of(c);
  if (theirs.first >= ours.end || ours.first >= theirs.end) return;
  if (side_by_side(in_rows(m), in_rows(c))) return;
  refuse(fmt::format("C overlaps {}", name));
}

}  // namespace lowbit
