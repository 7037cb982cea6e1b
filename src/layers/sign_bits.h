// SPDX-License-Identifier: Apache-2.0
// Sign activations: the bits that kernels of b1 activations take, and the scale that stands for the
// magnitudes.
#pragma once

#include <cstddef>
#include <cstdint>

#include "lowbit/layers/layout.h"

namespace lowbit {

/// Bytes of the sign bits of `count` values: kernels read them in steps of 32 codes.
constexpr std::size_t sign_bytes(std::size_t count) {
  return (count + 31) / 32 * 4;
}

/// Sets bit i where x[i] < 0, lowest bit first: zeros, -0 and NaN count as positive. Writes
/// sign_bytes(count).
void sign_bits(const float* x, std::size_t count, std::uint8_t* bits) noexcept;

/// The mean of the magnitudes of the finite values, summed in double in order; 0 where there are none.
float mean_magnitude(const float* x, std::size_t count) noexcept;

/// Samples of sign bits in bytes: the channels of each of `groups` groups of a pixel start at a multiple of 4
/// bytes. The pixel behind the sample is zeros, which stand for +1: padding has no sign of its own.
SampleLayout sign_layout(const Shape& shape, std::int64_t groups);

}  // namespace lowbit
