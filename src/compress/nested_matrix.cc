// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "compress/nested_widths.h"
#include "core/refuse.h"
#include "lowbit/compress/nested.h"
#include "lowbit/core/error.h"
#include "lowbit/quant/given_codes.h"

namespace lowbit {
namespace {

[[noreturn]] void damaged(const char* what) {
  throw Error(ErrorCode::corrupt_file, fmt::format("the '{}' of nested codes cannot be", what));
}

}  // namespace

namespace detail {

std::size_t nested_place(int bits) {
  if (bits != 2 && bits != 4 && bits != 6 && bits != 8)
    refuse(fmt::format("nested codes have 2, 4, 6 or 8 bits, not {}", bits));
  return static_cast<std::size_t>(bits / 2 - 1);
}

float nested_scale(float scale, int bits, std::int8_t ratio) {
  const float whole = scale * static_cast<float>(1 << (8 - bits));
  return bits == 8 ? whole : whole * (1.0f + static_cast<float>(ratio) / kRatioSteps);
}

}  // namespace detail

QuantizedMatrix NestedMatrix::at(int bits) const {
  const std::size_t place = detail::nested_place(bits);
  std::vector<float> scale(scales);
  if (bits == 2) {
    std::vector<std::uint8_t> indices(codes.size());
    for (std::size_t i = 0; i < codes.size(); ++i) indices[i] = static_cast<std::uint8_t>(codes[i] >> 6);
    std::vector<float> levels;
    for (const std::int8_t l : slices[0].levels) levels.push_back(static_cast<float>(l));
    return matrix_from_codes(TableCodes{
        .codes = {indices.data(), rows, cols}, .levels = levels, .levels_per_row = true, .scales = scale});
  }
  if (bits < 8)
    for (std::size_t r = 0; r < scale.size(); ++r)
      scale[r] = detail::nested_scale(scales[r], bits, slices[place].ratios[r]);
  const int middle = 1 << (bits - 1);
  std::vector<std::int8_t> values(codes.size());
  for (std::size_t i = 0; i < codes.size(); ++i)
    values[i] = static_cast<std::int8_t>((codes[i] >> (8 - bits)) - middle);
  const std::vector<std::int32_t> zeros(scale.size(), detail::kNestedZeros[place] - middle);
  AffineCodes given{.codes = {values.data(), rows, cols}, .bits = bits, .scales = scale};
  if (bits != 4) given.zero_points = zeros;
  return matrix_from_codes(given);
}

std::vector<float> NestedMatrix::bias_at(int bits, std::span<const float> bias) const {
  const std::size_t place = detail::nested_place(bits);
  std::vector<float> now(bias.begin(), bias.end());
  if (bits == 8) return now;
  const Slice& slice = slices[place];
  for (std::size_t r = 0; r < now.size(); ++r)
    now[r] = bias[r] + slice.bias_step * static_cast<float>(slice.biases[r]);
  return now;
}

void NestedMatrix::validate() const {
  const auto n = static_cast<std::size_t>(rows);
  if (rows < 1 || cols < 1 || codes.size() / n != static_cast<std::size_t>(cols) || codes.size() % n != 0)
    damaged("codes");
  if (scales.size() != n || !std::all_of(scales.begin(), scales.end(),
                                         [](float s) { return std::isnormal(s) && s > 0 && s < 1e30f; }))
    damaged("scales");
  for (std::size_t place = 0; place < 3; ++place) {
    const Slice& slice = slices[place];
    if (slice.ratios.size() != (place == 0 ? 0 : n)) damaged("ratios");
    if (slice.levels.size() != (place == 0 ? 4 * n : 0)) damaged("levels");
    if (slice.biases.size() != n || !std::isfinite(slice.bias_step)) damaged("biases");
  }
}

}  // namespace lowbit
