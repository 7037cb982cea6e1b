// Granularity: how many weights share one scale. Rows of a weight matrix are output channels.
#pragma once

#include <cstdint>

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

}  // namespace lowbit
