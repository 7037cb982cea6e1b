// SPDX-License-Identifier: Apache-2.0
#include "layers/weight_rows.h"

#include <fmt/format.h>

#include <string_view>

#include "core/refuse.h"
#include "layers/gather_codes.h"
#include "lowbit/core/packing.h"
#include "lowbit/kernels/gemm.h"

namespace lowbit {
namespace {

void check_weights(const IntegerView& w, std::string_view name) {
  if (w.rows <= 0 || w.cols <= 0)
    refuse(fmt::format("{} for {} outputs of {} products each is empty", name, w.rows, w.cols));
  if (w.data == nullptr)
    refuse(fmt::format("{} for {} outputs of {} products each has no memory", name, w.rows, w.cols));
  if (w.type != ElementType::u8 && w.type != ElementType::i8)
    refuse(fmt::format("{} of {} elements cannot be packed, only of u8, i8 and 4 bits", name,
                       element_name(w.type)));
  constexpr std::int64_t kMaxK = kernels::PackedWeights::kMaxK, kMaxN = std::int64_t{1} << 30;
  if (w.cols > kMaxK)
    refuse(fmt::format("{} has {} products in a sum: more than {} may not fit 32 bits", name, w.cols, kMaxK));
  if (w.rows > kMaxN) refuse(fmt::format("{} has {} outputs, and may have {}", name, w.rows, kMaxN));
}

/// As WeightSpec counts codes: signed 8-bit, or unsigned 4-bit ones. Empty: what a spec without any means.
std::vector<std::int32_t> zero_points_of(const IntegerView& w, std::span<const std::int32_t> given,
                                         std::string_view name) {
  const auto n = static_cast<std::size_t>(w.rows);
  if (given.size() > 1 && given.size() != n)
    throw Error(ErrorCode::shape_mismatch,
                fmt::format("{} of {} elements are for {} outputs", name, given.size(), n));
  const bool is_signed = w.type == ElementType::i8;
  const std::int32_t half = w.packed_4_bits ? 8 : 128;
  const std::int32_t lowest = is_signed ? -half : 0, highest = lowest + 2 * half - 1;
  for (const std::int32_t z : given)
    if (z < lowest || z > highest)
      refuse(fmt::format("{} have {}, which is not in [{}, {}]", name, z, lowest, highest));
  const std::int32_t moved = w.packed_4_bits ? -lowest : is_signed ? 0 : -128;
  if (given.empty() && moved == (w.packed_4_bits ? 8 : 0)) return {};
  std::vector<std::int32_t> zeros(n, moved);
  for (std::size_t j = 0; j < n && !given.empty(); ++j) zeros[j] += given[given.size() == 1 ? 0 : j];
  return zeros;
}

}  // namespace

WeightRows weight_rows(const IntegerView& weights, std::span<const std::int32_t> zero_points,
                       const char* name, const char* zero_points_name) {
  check_weights(weights, name);
  WeightRows rows;
  rows.zero_points = zero_points_of(weights, zero_points, zero_points_name);
  kernels::WeightSpec& spec = rows.spec;
  spec.format = weights.packed_4_bits ? WeightFormat::u4 : WeightFormat::s8;
  spec.n = static_cast<std::uint32_t>(weights.rows);
  spec.k = static_cast<std::uint32_t>(weights.cols);
  spec.zero_points = rows.zero_points.empty() ? nullptr : rows.zero_points.data();
  if (!weights.packed_4_bits && weights.type == ElementType::i8 && weights.col_stride == 1 &&
      weights.row_stride >= 0) {
    spec.codes = static_cast<const std::uint8_t*>(weights.data);
    spec.row_bytes = static_cast<std::size_t>(weights.row_stride);
    return rows;
  }
  spec.row_bytes = packed_bytes(spec.k, weights.packed_4_bits ? 4 : 8);
  rows.codes.resize(spec.row_bytes * spec.n);
  if (weights.packed_4_bits) {
    gather_nibbles(weights, rows.codes.data(), spec.row_bytes);
  } else {
    const GatheredRows to{.low = rows.codes.data(), .row_bytes = spec.row_bytes};
    gather_codes(weights, 0, weights.rows, false, to, serial_executor());
  }
  spec.codes = rows.codes.data();
  return rows;
}

}  // namespace lowbit
