// SPDX-License-Identifier: Apache-2.0
// Sums of codes.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/simd/codes.inl"

namespace lowbit::kernels::elementwise_loops {
namespace {

inline std::uint32_t sum_lanes(VecI v) {
  std::int32_t lanes[kLanes];
  store_i(lanes, v);
  std::uint32_t sum = 0;
  for (unsigned t = 0; t < kLanes; ++t) sum += static_cast<std::uint32_t>(lanes[t]);
  return sum;
}

/// Bytes that select the last `count` of a block; count <= kBlock.
inline VecB last_bytes(std::size_t count) {
  struct Table {
    std::uint8_t bytes[2 * kBlock] = {};
    constexpr Table() {
      for (unsigned t = kBlock; t < 2 * kBlock; ++t) bytes[t] = 255;
    }
  };
  static constexpr Table kTable;
  return load_b(kTable.bytes + count);
}

/// The running sum of u8 or s8 codes; s8 codes are summed as u8 codes 128 higher.
class CodeSum {
 public:
  explicit CodeSum(bool is_signed)
      : sum_(broadcast_i(0)), flip_(broadcast_b(is_signed ? 128 : 0)), bias_(is_signed ? 128 : 0) {}
  void add(VecB codes) { sum_ = accumulate_u8(sum_, xor_b(codes, flip_)); }
  /// Of codes of which the first is number `at`, only those from number `from` on.
  void add_from(VecB codes, std::size_t from, std::size_t at) {
    const std::size_t skipped = from < at ? 0 : from - at < kBlock ? from - at : kBlock;
    sum_ = accumulate_u8(sum_, and_b(xor_b(codes, flip_), last_bytes(kBlock - skipped)));
  }
  /// Of n codes in all.
  std::uint32_t total(std::size_t n) const { return sum_lanes(sum_) - static_cast<std::uint32_t>(bias_ * n); }

 private:
  VecI sum_;
  VecB flip_;
  std::size_t bias_;
};

std::int32_t sum_u8(const std::uint8_t* x, std::size_t n) {
  VecI even = broadcast_i(0), odd = even;
  std::size_t i = 0;
  for (; i + 2 * kBlock <= n; i += 2 * kBlock) {
    even = accumulate_u8(even, load_b(x + i));
    odd = accumulate_u8(odd, load_b(x + i + kBlock));
  }
  if (i + kBlock <= n) {
    even = accumulate_u8(even, load_b(x + i));
    i += kBlock;
  }
  std::uint32_t rest = 0;
  if (n >= kBlock) {
    odd = accumulate_u8(odd, and_b(load_b(x + (n - kBlock)), last_bytes(n - i)));
  } else {
    for (; i < n; ++i) rest += x[i];
  }
  return static_cast<std::int32_t>(sum_lanes(add_i(even, odd)) + rest);
}

}  // namespace
}  // namespace lowbit::kernels::elementwise_loops
