// SPDX-License-Identifier: Apache-2.0
// Granularity: how many weights share one scale. Rows of a weight matrix are output channels.
#pragma once

#include <cstdint>

#include "lowbit/core/config.h"

namespace lowbit {

/// One scale per tensor, per output channel (row), or per run of `group_size` consecutive weights in a row.
struct Granularity {
  enum class Kind : std::uint8_t { tensor, channel, group };
  Kind kind = Kind::channel;
  std::uint32_t group_size = 0;  ///< for Kind::group only

  friend bool operator==(const Granularity&, const Granularity&) = default;
};

constexpr Granularity per_tensor() {
  return {Granularity::Kind::tensor, 0};
}
constexpr Granularity per_channel() {
  return {Granularity::Kind::channel, 0};
}
constexpr Granularity per_group(std::uint32_t size) {
  return {Granularity::Kind::group, size};
}

/// symmetric: zero point 0. asymmetric: an integer zero point. asymmetric_real: a real offset.
enum class Mapping : std::uint8_t { symmetric, asymmetric, asymmetric_real };

/// How the range of a group is chosen from its values; quant/affine.h says what each is.
enum class Clip : std::uint8_t { minmax, mse, aciq, percentile };

/// How a value between two codes becomes one of them. half_to_even is the library's own, and what runs in
/// layers; half_away: halves away from zero, as TensorFlow Lite rounds; stochastic: up with the probability
/// of the fraction, so that the mean over many values is kept. Which way a value goes then follows from a
/// seed and its place alone.
enum class Rounding : std::uint8_t { half_to_even, half_away, stochastic };

}  // namespace lowbit
