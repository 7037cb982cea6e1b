// SPDX-License-Identifier: Apache-2.0
// What a code stands for in each width of nested codes.
#pragma once

#include <cstddef>
#include <cstdint>

namespace lowbit::detail {

/// Unsigned codes that stand for 0, of 2 (levels have none), 4, 6 and 8 bits: the four values that two more
/// bits make of a code lie around its own as evenly as whole numbers can over all widths.
inline constexpr int kNestedZeros[4] = {2, 8, 34, 136};
/// A ratio is in so many parts of the scale.
inline constexpr float kRatioSteps = 400.0f;

/// 0 to 3 for 2 to 8 bits. Throws Error(invalid_argument) for another width.
std::size_t nested_place(int bits);

/// Of a row whose scale of 8 bits is `scale`.
float nested_scale(float scale, int bits, std::int8_t ratio);

}  // namespace lowbit::detail
