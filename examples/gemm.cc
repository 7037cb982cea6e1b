// SPDX-License-Identifier: Apache-2.0
// A product of the caller's own integers: bytes in, sums, then codes by a multiplier and a shift, with a
// matrix that is packed once.
#include <fmt/format.h>
#include <lowbit/lowbit.h>

#include <cstdint>
#include <vector>

int main() {
  const int m = 3, k = 5, n = 2;
  const std::vector<std::uint8_t> a(m * k, 130);  // row-major; zero point 128: every element is 2
  const std::vector<std::int8_t> b(k * n, -7);

  std::vector<std::int32_t> sums(m * n);
  lowbit::gemm({a.data(), m, k}, {b.data(), k, n}, {sums.data(), m, n}, {.a_zero_point = 128});

  // B stays the same from call to call; C gets codes, as TensorFlow Lite rounds them.
  const lowbit::PackedB packed({b.data(), k, n});
  const std::vector<std::int32_t> bias = {100, 200};
  const std::vector stage = {lowbit::make_fixed_point(0.5, /*zero_point=*/-3, lowbit::signed_range(8))};
  std::vector<std::int8_t> c(m * n);
  lowbit::gemm({a.data(), m, k}, packed, {c.data(), m, n},
               {.a_zero_point = 128, .bias = bias, .fixed_point = stage});

  fmt::print("sums of {}, codes {} and {}, kernel {}\n", sums[0], c[0], c[1], packed.kernel());
  return sums[0] == -70 && c[0] == 12 && c[1] == 62 ? 0 : 1;
}
