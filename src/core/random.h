// SPDX-License-Identifier: Apache-2.0
// Seeded integer generators and a hash for data that must be the same everywhere: the distributions of the
// standard library differ between its implementations.
#pragma once

#include <cstddef>
#include <cstdint>

namespace lowbit::detail {

/// SplitMix64 (Steele, Lea, Flood 2014): integers only.
class SplitMix64 {
 public:
  explicit SplitMix64(std::uint64_t state) : state_(state) {}
  std::uint64_t next() {
    std::uint64_t z = (state_ += 0x9E3779B97F4A7C15u);
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
  }

 private:
  std::uint64_t state_;
};

/// Values for tests, benchmarks and golden inputs.
class Random : public SplitMix64 {
 public:
  using SplitMix64::SplitMix64;
  /// In [lo, hi].
  std::int64_t integer(std::int64_t lo, std::int64_t hi) {
    return lo + static_cast<std::int64_t>(next() % static_cast<std::uint64_t>(hi - lo + 1));
  }
  /// In [-1, 1), a multiple of 2^-23: exact in float.
  float uniform() { return static_cast<float>(integer(-(1 << 23), (1 << 23) - 1)) * 0x1p-23f; }
  /// Close to Gaussian: the sum of 12 uniforms, unit variance; the same bits everywhere.
  float gaussian() {
    float sum = 0;
    for (int i = 0; i < 12; ++i) sum += uniform();
    return sum * 0.5f;
  }
};

/// FNV-1a over bytes: golden hashes of results.
inline std::uint64_t fnv1a(const void* data, std::size_t size, std::uint64_t hash = 0xCBF29CE484222325u) {
  const auto* p = static_cast<const unsigned char*>(data);
  for (std::size_t i = 0; i < size; ++i) hash = (hash ^ p[i]) * 0x100000001B3u;
  return hash;
}

}  // namespace lowbit::detail
