// SPDX-License-Identifier: Apache-2.0
// Floats of 16 bits: IEEE's binary16 (float16) and the upper half of a float (bfloat16). Rounding is to the
// nearest, ties to even; what rounds to more than the largest value is infinity, and subnormals are kept.
#pragma once

#include <cstdint>

#include "lowbit/core/config.h"

namespace lowbit {

namespace float16 {
/// The bits of the float16 nearest to `x`; of a NaN those of a quiet one of its sign.
std::uint16_t encode(float x) noexcept;
/// Exactly.
float decode(std::uint16_t bits) noexcept;
/// decode(encode(x)), but that a NaN stays as it is.
float round(float x) noexcept;
}  // namespace float16

namespace bfloat16 {
/// The bits of the bfloat16 nearest to `x`; of a NaN those of a quiet one of its sign.
std::uint16_t encode(float x) noexcept;
/// Exactly.
float decode(std::uint16_t bits) noexcept;
/// decode(encode(x)), but that a NaN stays as it is.
float round(float x) noexcept;
}  // namespace bfloat16

}  // namespace lowbit

#ifdef LOWBIT_HEADER_ONLY
#include "lowbit/core/half-inl.h"
#endif
