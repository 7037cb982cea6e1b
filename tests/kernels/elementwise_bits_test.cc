// SPDX-License-Identifier: Apache-2.0
// Every elementwise entry against the scalar one, by memcmp: all lengths up to 200 and some long ones, arrays
// that begin and end at guard pages, floats of every kind.
#include <cfenv>
#include <cmath>

#include "kernels/elementwise_case.h"

namespace lowbit::testing {
namespace {

constexpr std::size_t kLongest = 33000;
constexpr std::size_t kLengths[] = {255, 256, 257, 1000, 4096, 4099, 8191, 8192, 16384, 16391, 24577, 32999};
constexpr std::uint8_t kCanary = 0xA7;
constexpr std::size_t kMargin = 64;

/// Calls body(n, front) for each length, with arrays at the end of their memory and at its beginning.
template <class Body>
void for_lengths(Body&& body) {
  for (const bool front : {false, true}) {
    for (std::size_t n = 0; n <= 200; ++n) body(n, front);
    for (const std::size_t n : kLengths) body(n, front);
  }
}

struct Setting {
  kernels::CodeType type;
  std::int32_t zero_point, qmin, qmax;
};
constexpr Setting kSettings[] = {
    {kernels::CodeType::u8, 0, 0, 255},      {kernels::CodeType::u8, 128, 0, 255},
    {kernels::CodeType::u8, 101, 0, 255},    {kernels::CodeType::u8, 255, 0, 255},
    {kernels::CodeType::u8, 101, 90, 201},   {kernels::CodeType::u8, 0, 0, 15},
    {kernels::CodeType::s8, 0, -128, 127},   {kernels::CodeType::s8, 0, -127, 127},
    {kernels::CodeType::s8, 7, -128, 127},   {kernels::CodeType::s8, -128, -128, 127},
    {kernels::CodeType::s8, 127, -128, 127}, {kernels::CodeType::s8, -3, -8, 7}};

template <class Params>
Params with_setting(Params p, const Setting& s) {
  p.lo = static_cast<float>(s.qmin - s.zero_point);
  p.hi = static_cast<float>(s.qmax - s.zero_point);
  p.zero_point = s.zero_point;
  p.type = s.type;
  return p;
}

class ElementwiseBits : public EveryElementwiseKernel {
 protected:
  float* floats(std::size_t n, bool front) {
    float* x = in_.place<float>(n, front);
    for (std::size_t i = 0; i < n; ++i) x[i] = awkward_float(random_);
    return x;
  }
  std::int32_t* sums(std::size_t n, bool front) {
    auto* x = in_.place<std::int32_t>(n, front);
    for (std::size_t i = 0; i < n; ++i)
      x[i] = static_cast<std::int32_t>(random_.next() >> random_.integer(32, 60));
    return x;
  }
  std::uint8_t* codes(TestArray& array, std::size_t n, bool front) {
    auto* p = array.place<std::uint8_t>(n, front);
    for (std::size_t i = 0; i < n; ++i) p[i] = static_cast<std::uint8_t>(random_.next());
    return p;
  }
  float* scales(std::size_t n, bool front) {
    float* p = scales_.place<float>(n, front);
    for (std::size_t i = 0; i < n; ++i)
      p[i] = std::ldexp(random_.uniform(), static_cast<int>(random_.integer(-8, 2)));
    return p;
  }
  std::int32_t* zero_points(std::size_t n, bool front, const Setting& s) {
    auto* p = zeros_.place<std::int32_t>(n, front);
    for (std::size_t i = 0; i < n; ++i) p[i] = static_cast<std::int32_t>(random_.integer(s.qmin, s.qmax));
    return p;
  }

  /// run(kernel, out) writes n elements of T; the entry's must have the bits of the scalar's, and nothing
  /// around them may change.
  template <class T, class Run>
  void expect_same(std::size_t n, bool front, Run&& run) {
    const std::size_t bytes = n * sizeof(T);
    auto* got = out_.place<std::uint8_t>(bytes + kMargin, front);
    auto* expected = expected_.place<std::uint8_t>(bytes + kMargin, front);
    std::memset(got, kCanary, bytes + kMargin);
    std::memset(expected, kCanary, bytes + kMargin);
    const std::size_t first = front ? 0 : kMargin;
    run(kernel(), reinterpret_cast<T*>(got + first));
    run(scalar(), reinterpret_cast<T*>(expected + first));
    ASSERT_EQ(std::memcmp(got, expected, bytes + kMargin), 0) << n;
  }

  TestArray in_{kLongest * 4}, in2_{kLongest * 4}, scales_{kLongest * 4}, zeros_{kLongest * 4};
  TestArray out_{kLongest * 4 + kMargin}, expected_{kLongest * 4 + kMargin};
};

TEST_P(ElementwiseBits, Quantize) {
  for_lengths([&](std::size_t n, bool front) {
    const float* x = floats(n, front);
    for (const Setting& s : kSettings) {
      const auto q = with_setting(kernels::QuantizeParams{.inverse_scale = n % 3 ? 1.0f / 0.7f : 1.0f}, s);
      std::int32_t sums[2] = {1, 2}, *sum = sums;
      expect_same<std::uint8_t>(n, front, [&](const kernels::ElementwiseKernel& k, std::uint8_t* out) {
        k.quantize(x, n, q, out, nullptr);
      });
      expect_same<std::uint8_t>(n, front, [&](const kernels::ElementwiseKernel& k, std::uint8_t* out) {
        k.quantize(x, n, q, out, sum++);
      });
      ASSERT_EQ(sums[0], sums[1]) << n;
      if (n > 200) break;
    }
  });
}

TEST_P(ElementwiseBits, QuantizeByChannels) {
  for_lengths([&](std::size_t n, bool front) {
    const float* x = floats(n, front);
    const Setting& s = kSettings[n % std::size(kSettings)];
    for (int which = 1; which < 4; ++which) {
      auto q = with_setting(kernels::QuantizeParams{.inverse_scale = 1.3f}, s);
      if (which & 1) q.inverse_scales = scales(n, front);
      if (which & 2) q.zero_points = zero_points(n, front, s);
      std::int32_t sums[2] = {1, 2}, *sum = sums;
      expect_same<std::uint8_t>(n, front, [&](const kernels::ElementwiseKernel& k, std::uint8_t* out) {
        k.quantize(x, n, q, out, sum++);
      });
      ASSERT_EQ(sums[0], sums[1]) << n;
    }
  });
}

// All signs, exponents and upper 7 bits of the significand.
TEST_P(ElementwiseBits, QuantizeEveryUpperHalf) {
  constexpr std::size_t kCount = 16384;
  for (const std::uint32_t low : {0u, 1u, 0x8000u, 0xFFFFu})
    for (std::uint32_t first = 0; first < 65536; first += kCount) {
      float* x = in_.place<float>(kCount);
      for (std::uint32_t i = 0; i < kCount; ++i) {
        const std::uint32_t bits = (first + i) << 16 | low;
        std::memcpy(x + i, &bits, 4);
      }
      for (const Setting& s : kSettings)
        for (const float inverse_scale : {1.0f, 1.0f / 0.3f, 0x1p-120f, 0x1p120f})
          expect_same<std::uint8_t>(
              kCount, false, [&](const kernels::ElementwiseKernel& k, std::uint8_t* out) {
                k.quantize(x, kCount,
                           with_setting(kernels::QuantizeParams{.inverse_scale = inverse_scale}, s), out,
                           nullptr);
              });
    }
}

// One value that no int32 holds among ordinary ones, anywhere.
TEST_P(ElementwiseBits, QuantizeOneBadValue) {
  constexpr std::size_t kCount = 700;
  const auto q = with_setting(kernels::QuantizeParams{}, kSettings[2]);
  for (const float bad : {kNan, -kNan, kInfinity, -kInfinity, 0x1p31f, kLargest, -kLargest})
    for (std::size_t at = 0; at < kCount; at += at < 300 ? 1 : 37) {
      float* x = in_.place<float>(kCount);
      for (std::size_t i = 0; i < kCount; ++i) x[i] = random_.gaussian() * 50;
      x[at] = bad;
      expect_same<std::uint8_t>(kCount, false, [&](const kernels::ElementwiseKernel& k, std::uint8_t* out) {
        k.quantize(x, kCount, q, out, nullptr);
      });
    }
}

// The x86 loops watch the flag of invalid operations.
TEST_P(ElementwiseBits, QuantizeLeavesTheCallersFlags) {
  constexpr std::size_t kCount = 30000;
  const auto q = with_setting(kernels::QuantizeParams{}, kSettings[2]);
  for (const bool bad : {false, true})
    for (const bool raised : {false, true}) {
      float* x = in_.place<float>(kCount);
      for (std::size_t i = 0; i < kCount; ++i) x[i] = random_.gaussian() * 50;
      if (bad) x[9000] = kNan;
      expect_same<std::uint8_t>(kCount, false, [&](const kernels::ElementwiseKernel& k, std::uint8_t* out) {
        std::feclearexcept(FE_ALL_EXCEPT);
        if (raised) std::feraiseexcept(FE_INVALID);
        const bool kept = !raised || std::fetestexcept(FE_INVALID);  // not under Valgrind
        k.quantize(x, kCount, q, out, nullptr);
        EXPECT_TRUE(std::fetestexcept(FE_INVALID) || !raised || !kept);
        EXPECT_TRUE(!std::fetestexcept(FE_INVALID) || raised || bad);
      });
    }
  std::feclearexcept(FE_ALL_EXCEPT);
}

TEST_P(ElementwiseBits, Dequantize) {
  for_lengths([&](std::size_t n, bool front) {
    const std::uint8_t* x = codes(in_, n, front);
    const Setting& s = kSettings[n % std::size(kSettings)];
    for (const float scale : {0.037f, -3.0f, 1e-30f, 1e-38f, 1e-44f, 1e36f})
      for (int which = 0; which < 4; ++which) {
        kernels::DequantizeParams q = {.scale = scale, .zero_point = s.zero_point, .type = s.type};
        if (which & 1) q.scales = scales(n, front);
        if (which & 2) q.zero_points = zero_points(n, front, s);
        expect_same<float>(
            n, front, [&](const kernels::ElementwiseKernel& k, float* out) { k.dequantize(x, n, q, out); });
        if (n > 200) break;
      }
  });
}

TEST_P(ElementwiseBits, DequantizeEveryCode) {
  auto* x = in_.place<std::uint8_t>(256);
  for (int i = 0; i < 256; ++i) x[i] = static_cast<std::uint8_t>(i);
  for (int zero = 0; zero < 256; ++zero)
    for (const kernels::CodeType type : {kernels::CodeType::u8, kernels::CodeType::s8}) {
      const kernels::DequantizeParams q = {
          .scale = 0.1f, .zero_point = type == kernels::CodeType::s8 ? zero - 128 : zero, .type = type};
      expect_same<float>(
          256, false, [&](const kernels::ElementwiseKernel& k, float* out) { k.dequantize(x, 256, q, out); });
    }
}

TEST_P(ElementwiseBits, Requantize) {
  constexpr float kMultipliers[] = {1e-3f, 0x1.fffffep-1f, 1.0f,   -0.37f, 3.7f,
                                    1e30f, -1e38f,         1e-42f, 0.0f,   1e-9f};
  for_lengths([&](std::size_t n, bool front) {
    std::int32_t* x = sums(n, front);
    if (n > 3) {
      x[n - 1] = std::numeric_limits<std::int32_t>::min();
      x[1] = std::numeric_limits<std::int32_t>::max();
    }
    for (std::size_t m = 0; m < std::size(kMultipliers); ++m)
      for (const float addend : {0.0f, 0.5f, -1e9f}) {
        const auto q =
            with_setting(kernels::RequantizeParams{.multiplier = kMultipliers[m], .addend = addend},
                         kSettings[(n + m) % std::size(kSettings)]);
        expect_same<std::uint8_t>(n, front, [&](const kernels::ElementwiseKernel& k, std::uint8_t* out) {
          k.requantize(x, n, q, out);
        });
        if (n > 200) break;
      }
  });
}

TEST_P(ElementwiseBits, RequantizeByChannels) {
  for_lengths([&](std::size_t n, bool front) {
    const std::int32_t* x = sums(n, front);
    auto* addends = zeros_.place<float>(n, front);
    for (std::size_t i = 0; i < n; ++i) addends[i] = random_.gaussian() * 20;
    for (int which = 1; which < 4; ++which) {
      auto q = with_setting(kernels::RequantizeParams{.multiplier = 2e-3f, .addend = 1.5f},
                            kSettings[n % std::size(kSettings)]);
      if (which & 1) q.multipliers = scales(n, front);
      if (which & 2) q.addends = addends;
      expect_same<std::uint8_t>(n, front, [&](const kernels::ElementwiseKernel& k, std::uint8_t* out) {
        k.requantize(x, n, q, out);
      });
    }
  });
}

// Limits of an activation lie between codes.
TEST_P(ElementwiseBits, RequantizeToFractionalLimits) {
  for (const float lo : {-100.5f, -99.5f, 0.3f, 0.5f})
    for (const float hi : {0.5f, 11.7f, 150.5f, 149.5f}) {
      const std::int32_t* x = sums(1000, false);
      const kernels::RequantizeParams q = {.multiplier = 1e-4f, .lo = lo, .hi = hi, .zero_point = 101};
      expect_same<std::uint8_t>(1000, false, [&](const kernels::ElementwiseKernel& k, std::uint8_t* out) {
        k.requantize(x, 1000, q, out);
      });
    }
}

TEST_P(ElementwiseBits, MinMax) {
  for_lengths([&](std::size_t n, bool front) {
    float* x = floats(n, front);
    for (int kind = 0; kind < 3; ++kind) {
      for (std::size_t i = 0; i < n; ++i) {
        if (kind == 1 && !std::isfinite(x[i])) x[i] = random_.gaussian();  // all finite from here on
        if (kind == 2) x[i] = i % 3 ? 0.0f : -0.0f;
      }
      std::size_t bad[2];
      int call = 0;
      expect_same<float>(2, false, [&](const kernels::ElementwiseKernel& k, float* out) {
        bad[call++] = k.min_max(x, n, out, out + 1);
      });
      ASSERT_EQ(bad[0], bad[1]) << n;
    }
  });
}

TEST_P(ElementwiseBits, AddU8) {
  for_lengths([&](std::size_t n, bool front) {
    kernels::AddParams p;
    p.a_zero = static_cast<float>(random_.integer(0, 255));
    p.b_zero = static_cast<float>(random_.integer(0, 255));
    p.a_multiplier = n % 7 ? random_.uniform() : 1e38f;
    p.b_multiplier = n % 2 ? 0.5f : n % 6 ? random_.uniform() : -1e38f;
    p.zero_point = static_cast<std::int32_t>(random_.integer(0, 255));
    p.lo = static_cast<float>(n % 5 ? -p.zero_point : 0);
    p.hi = static_cast<float>(255 - p.zero_point);
    const std::uint8_t *a = codes(in_, n, front), *b = codes(in2_, n, front);
    expect_same<std::uint8_t>(
        n, front, [&](const kernels::ElementwiseKernel& k, std::uint8_t* out) { k.add_u8(a, b, n, p, out); });
  });
}

TEST_P(ElementwiseBits, SumU8) {
  for_lengths([&](std::size_t n, bool front) {
    const std::uint8_t* x = codes(in_, n, front);
    ASSERT_EQ(kernel().sum_u8(x, n), scalar().sum_u8(x, n)) << n;
  });
}

TEST_P(ElementwiseBits, MapU8) {
  std::uint8_t table[256];
  for (std::uint8_t& entry : table) entry = static_cast<std::uint8_t>(random_.next());
  for_lengths([&](std::size_t n, bool front) {
    const std::uint8_t* x = codes(in_, n, front);
    expect_same<std::uint8_t>(n, front, [&](const kernels::ElementwiseKernel& k, std::uint8_t* out) {
      k.map_u8(x, n, table, out);
    });
  });
}

TEST_P(ElementwiseBits, PackAndUnpack) {
  for_lengths([&](std::size_t n, bool front) {
    for (const int bits : {4, 2}) {
      const std::size_t bytes = (n * static_cast<std::size_t>(bits) + 7) / 8;
      const std::uint8_t* x = codes(in_, n, front);
      expect_same<std::uint8_t>(bytes, front, [&](const kernels::ElementwiseKernel& k, std::uint8_t* out) {
        k.pack(x, n, bits, out);
      });
      const std::uint8_t* packed = codes(in2_, bytes, front);
      expect_same<std::uint8_t>(n, front, [&](const kernels::ElementwiseKernel& k, std::uint8_t* out) {
        k.unpack(packed, n, bits, out);
      });
      // And there and back.
      std::vector<std::uint8_t> there(bytes), back(n);
      kernel().pack(x, n, bits, there.data());
      kernel().unpack(there.data(), n, bits, back.data());
      for (std::size_t i = 0; i < n; ++i) ASSERT_EQ(int(back[i]), x[i] & ((1 << bits) - 1)) << n << " " << i;
    }
  });
}

INSTANTIATE_TEST_SUITE_P(Table, ElementwiseBits, ::testing::ValuesIn(all_elementwise_kernels()),
                         elementwise_test_name);

}  // namespace
}  // namespace lowbit::testing
