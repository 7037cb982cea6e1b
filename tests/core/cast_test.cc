// SPDX-License-Identifier: Apache-2.0
#include "lowbit/core/cast.h"

#include <gtest/gtest.h>

#include <array>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <set>
#include <string>
#include <vector>

#include "core/number_oracle.h"
#include "core/onnx_cast_cases.h"
#include "lowbit/core/error.h"
#include "lowbit/core/half.h"
#include "lowbit/core/minifloat.h"
#include "support/infinity.h"
#include "support/random.h"

namespace lowbit {
namespace {

using testing::code_at;
using testing::FloatFields;
using testing::kFloatFields;

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr CastOptions kUnsaturated{.saturate = false};

template <class From>
std::vector<std::uint8_t> bytes_as(ElementType type, const std::vector<From>& values,
                                   const CastOptions& options = {}) {
  std::vector<std::uint8_t> bytes(element_bytes(type, values.size()));
  cast(element_of<From>(), std::as_bytes(std::span(values)), type, std::as_writable_bytes(std::span(bytes)),
       values.size(), options);
  return bytes;
}

template <class To>
std::vector<To> values_of(ElementType type, const std::vector<std::uint8_t>& bytes, std::size_t count) {
  std::vector<To> values(count);
  cast(type, std::as_bytes(std::span(bytes)), element_of<To>(), std::as_writable_bytes(std::span(values)),
       count);
  return values;
}

/// Every code of a type, packed as the type is.
std::vector<std::uint8_t> all_codes(const FloatFields& f) {
  const std::size_t count = std::size_t{1} << f.bits();
  std::vector<std::uint8_t> bytes(element_bytes(f.type, count));
  for (std::size_t code = 0; code < count; ++code) {
    if (f.bits() == 16) bytes[2 * code] = static_cast<std::uint8_t>(code);
    if (f.bits() == 16) bytes[2 * code + 1] = static_cast<std::uint8_t>(code >> 8);
    if (f.bits() == 8) bytes[code] = static_cast<std::uint8_t>(code);
    if (f.bits() == 4) bytes[code / 2] = static_cast<std::uint8_t>(bytes[code / 2] | code << code % 2 * 4);
  }
  return bytes;
}

template <class T>
void expect_same(T got, double want, const std::string& what) {
  ASSERT_EQ(std::isnan(got), std::isnan(want)) << what;
  if (std::isnan(want)) return;
  ASSERT_EQ(got, static_cast<T>(want)) << what;
  ASSERT_EQ(std::signbit(got), std::signbit(want)) << what;
}

template <class From>
void expect_codes(const FloatFields& f, const std::vector<From>& values) {
  for (const bool saturate : {true, false}) {
    const std::vector<std::uint8_t> got = bytes_as(f.type, values, {.saturate = saturate});
    for (std::size_t i = 0; i < values.size(); ++i)
      ASSERT_EQ(code_at(f.type, got, i), testing::encoded(f, values[i], saturate))
          << element_name(f.type) << " of " << static_cast<long double>(values[i]) << " from "
          << element_name(element_of<From>()) << (saturate ? ", saturated" : "");
  }
}

TEST(Cast, ReadsEveryCodeOfEveryFloat) {
  for (const FloatFields& f : kFloatFields) {
    const std::size_t count = std::size_t{1} << f.bits();
    const auto doubles = values_of<double>(f.type, all_codes(f), count);
    const auto floats = values_of<float>(f.type, all_codes(f), count);
    for (std::size_t code = 0; code < count; ++code) {
      const double want = testing::decoded(f, static_cast<int>(code));
      const std::string what = std::string(element_name(f.type)) + " " + std::to_string(code);
      ASSERT_NO_FATAL_FAILURE(expect_same(doubles[code], want, what));
      ASSERT_NO_FATAL_FAILURE(expect_same(floats[code], want, what));
    }
  }
}

TEST(Cast, GivesEveryCodeBack) {
  for (const FloatFields& f : kFloatFields) {
    const std::size_t count = std::size_t{1} << f.bits();
    const std::vector<std::uint8_t> codes = all_codes(f);
    const auto doubles = values_of<double>(f.type, codes, count);
    const std::vector<std::uint8_t> back = bytes_as(f.type, doubles, kUnsaturated);
    for (std::size_t i = 0; i < count; ++i) {
      if (!std::isnan(doubles[i])) {
        ASSERT_EQ(code_at(f.type, back, i), static_cast<int>(i)) << element_name(f.type);
      }
    }
  }
}

// Values, the middle between two of them, and the neighbours of both in the type that is cast.
template <class From>
std::vector<From> boundaries(const FloatFields& f) {
  std::vector<From> values;
  const auto add = [&](double v) {
    const From x = static_cast<From>(v);
    for (const From around : {std::nextafter(x, -std::numeric_limits<From>::infinity()), x,
                              std::nextafter(x, std::numeric_limits<From>::infinity())}) {
      values.push_back(around);
      values.push_back(-around);
    }
  };
  for (int code = 0; code <= f.finite; ++code) {
    add(testing::magnitude_of(f, code));
    if (code < f.finite) add((testing::magnitude_of(f, code) + testing::magnitude_of(f, code + 1)) / 2);
  }
  for (const From v : {std::numeric_limits<From>::max(), std::numeric_limits<From>::denorm_min(),
                       std::numeric_limits<From>::infinity(), std::numeric_limits<From>::quiet_NaN()}) {
    values.push_back(v);
    values.push_back(-v);
  }
  return values;
}

TEST(Cast, RoundsAtEveryBoundaryOfEveryFloat) {
  for (const FloatFields& f : kFloatFields) {
    ASSERT_NO_FATAL_FAILURE(expect_codes(f, boundaries<float>(f)));
    // A double beside the middle is the middle as a float: rounding twice would be wrong.
    ASSERT_NO_FATAL_FAILURE(expect_codes(f, boundaries<double>(f)));
  }
}

TEST(Cast, RoundsAllFloatsToTheNearest) {
  std::vector<float> values;
  for (std::uint64_t pattern = 0; pattern < 0x100000000u; pattern += 65521)
    values.push_back(std::bit_cast<float>(static_cast<std::uint32_t>(pattern)));
  for (const FloatFields& f : kFloatFields) ASSERT_NO_FATAL_FAILURE(expect_codes(f, values));
}

TEST(Cast, ConvertsBetweenAllSmallFloats) {
  for (const FloatFields& from : kFloatFields)
    for (const FloatFields& to : kFloatFields)
      for (const bool saturate : {true, false}) {
        const std::size_t count = std::size_t{1} << from.bits();
        const std::vector<std::uint8_t> codes = all_codes(from);
        std::vector<std::uint8_t> got(element_bytes(to.type, count));
        cast(from.type, std::as_bytes(std::span(codes)), to.type, std::as_writable_bytes(std::span(got)),
             count, {.saturate = saturate});
        for (std::size_t i = 0; i < count; ++i) {
          // Of a NaN the sign is that of its code.
          const bool negative = !from.fnuz && i >> (from.bits() - 1) != 0;
          long double v = testing::decoded(from, static_cast<int>(i));
          if (std::isnan(v)) v = std::copysign(v, negative ? -1.0L : 1.0L);
          ASSERT_EQ(code_at(to.type, got, i), testing::encoded(to, v, saturate))
              << element_name(from.type) << " " << i << " as " << element_name(to.type);
        }
      }
}

TEST(Cast, RoundsIntegersOnce) {
  testing::Random random(3);
  std::vector<std::int64_t> values = {INT64_MIN, INT64_MIN + 1, INT64_MAX, -1, 0, 1};
  for (int bit = 2; bit < 63; ++bit)
    for (const std::int64_t step :
         {std::int64_t{0}, std::int64_t{1} << (bit / 2), std::int64_t{1} << (bit - 2),
          (std::int64_t{3} << bit) >> 10, (std::int64_t{1} << bit) >> 9})
      for (const std::int64_t around : {-1, 0, 1}) {
        const std::int64_t v = (std::int64_t{1} << bit) + step + around;
        values.insert(values.end(), {v, -v});
      }
  for (int i = 0; i < 20000; ++i)
    values.push_back(static_cast<std::int64_t>(random.next()) >> random.integer(0, 62));
  std::vector<std::uint64_t> naturals(values.begin(), values.end());
  for (const FloatFields& f : kFloatFields) {
    ASSERT_NO_FATAL_FAILURE(expect_codes(f, values));
    ASSERT_NO_FATAL_FAILURE(expect_codes(f, naturals));
  }
  std::vector<float> floats(values.size());
  cast(values, floats);
  for (std::size_t i = 0; i < values.size(); ++i) ASSERT_EQ(floats[i], static_cast<float>(values[i]));
  cast(naturals, floats);
  for (std::size_t i = 0; i < values.size(); ++i) ASSERT_EQ(floats[i], static_cast<float>(naturals[i]));
}

constexpr ElementType kIntegers[] = {ElementType::i8, ElementType::i16, ElementType::i32, ElementType::i64,
                                     ElementType::u8, ElementType::u16, ElementType::u32, ElementType::u64,
                                     ElementType::i4, ElementType::u4,  ElementType::i2,  ElementType::u2};

bool is_signed(ElementType type) {
  return element_name(type)[0] == 'i';
}

/// The bits below its width, and the sign above them.
std::int64_t low_bits(ElementType type, std::int64_t v) {
  const int unused = 64 - element_bits(type);
  const auto up = static_cast<std::uint64_t>(v) << unused;
  return is_signed(type) ? static_cast<std::int64_t>(up) >> unused : static_cast<std::int64_t>(up >> unused);
}

TEST(Cast, WrapsIntegersOfAllWidths) {
  std::vector<std::int64_t> values;
  for (std::int64_t v = -300; v <= 300; ++v) values.push_back(v);
  for (int bit = 7; bit < 64; ++bit)
    for (const std::uint64_t around :
         {~std::uint64_t{0}, std::uint64_t{0}, std::uint64_t{1}, std::uint64_t{200}})
      values.push_back(static_cast<std::int64_t>((std::uint64_t{1} << bit) + around));
  const std::size_t n = values.size();
  for (const ElementType from : kIntegers)
    for (const ElementType to : kIntegers) {
      const std::vector<std::uint8_t> first = bytes_as(from, values);
      std::vector<std::uint8_t> second(element_bytes(to, n));
      cast(from, std::as_bytes(std::span(first)), to, std::as_writable_bytes(std::span(second)), n);
      const auto got = values_of<std::int64_t>(to, second, n);
      for (std::size_t i = 0; i < n; ++i)
        ASSERT_EQ(got[i], low_bits(to, low_bits(from, values[i])))
            << values[i] << " as " << element_name(from) << " as " << element_name(to);
    }
}

TEST(Cast, TruncatesFloatsToIntegers) {
  const std::vector<double> values = {-1.9, 1.9,  127.5, 128, -129, 255.9, 300.7,
                                      -0.9, 7.99, 8,     -9,  2,    -3,    65536.5};
  for (const ElementType to : kIntegers) {
    const auto got = values_of<std::int64_t>(to, bytes_as(to, values), values.size());
    for (std::size_t i = 0; i < values.size(); ++i)
      EXPECT_EQ(got[i], low_bits(to, static_cast<std::int64_t>(values[i]))) << values[i] << element_name(to);
  }
  const std::vector<float> ends = {kNan, kInf, -kInf, 0x1p63f, 0x1p64f, -0x1p63f, 0x1.8p63f, -1.5f};
  std::vector<std::int64_t> whole(ends.size());
  cast(ends, whole);
  EXPECT_EQ(whole, (std::vector<std::int64_t>{0, INT64_MAX, INT64_MIN, INT64_MAX, INT64_MAX, INT64_MIN,
                                              INT64_MAX, -1}));
  std::vector<std::uint64_t> natural(ends.size());
  cast(ends, natural);
  EXPECT_EQ(natural, (std::vector<std::uint64_t>{0, UINT64_MAX, std::uint64_t{1} << 63,
                                                 std::uint64_t{1} << 63, UINT64_MAX, std::uint64_t{1} << 63,
                                                 std::uint64_t{3} << 62, UINT64_MAX}));
}

TEST(Cast, ReadsAndMakesBooleans) {
  const std::vector<float> values = {0, -0.0f, 1e-40f, -3, kNan, kInf};
  std::array<bool, 6> truth{};
  cast(values, truth);
  EXPECT_EQ(truth, (std::array<bool, 6>{false, false, true, true, true, true}));
  std::vector<Float16> halves(6);
  cast(truth, halves);
  EXPECT_EQ(halves[0].bits, 0);
  EXPECT_EQ(halves[5].bits, 0x3C00);
  std::array<bool, 2> tiny{};
  cast(std::vector<double>{5e-324, 0}, tiny);
  EXPECT_TRUE(tiny[0]);
  cast(std::vector<std::uint64_t>{std::uint64_t{1} << 63, 0}, tiny);
  EXPECT_TRUE(tiny[0] && !tiny[1]);
  std::vector<Int2x4> bits(1);
  cast(std::array<bool, 3>{true, false, true}, bits);
  EXPECT_EQ(bits[0].bits, 0x11);
}

TEST(Cast, PacksTheFirstElementInTheLowBits) {
  std::vector<Int4x2> codes(3);
  cast(std::vector<float>{-8, 7, -1, 3, 9}, codes);
  EXPECT_EQ(codes, (std::vector<Int4x2>{{0x78}, {0x3F}, {0x09}}));
  std::vector<std::int8_t> back(5);
  cast(codes, back);
  EXPECT_EQ(back, (std::vector<std::int8_t>{-8, 7, -1, 3, -7}));
  std::vector<UInt4x2> natural(3);
  cast(codes, natural);  // as many bytes
  std::vector<std::uint8_t> unpacked(5);
  cast(natural, unpacked);
  EXPECT_EQ(unpacked, (std::vector<std::uint8_t>{8, 7, 15, 3, 9}));
  std::vector<Int2x4> pairs(2);
  cast(codes, pairs);  // six places
  EXPECT_EQ(pairs, (std::vector<Int2x4>{{0xFC}, {0x01}}));
  std::vector<Float4E2M1x2> small(1);
  cast(std::vector<float>{-6, 0.5f}, small);
  EXPECT_EQ(small[0].bits, 0x1F);
  std::vector<BFloat16> wide(1);
  cast(small, wide);  // the last place of a byte may be unused
  EXPECT_EQ(wide[0].bits, 0xC0C0);
}

TEST(Cast, MakesScalesInEveryMode) {
  std::vector<double> values;
  for (int e = -130; e <= 130; ++e)
    for (const double v : {std::ldexp(1.0, e), std::ldexp(1.5, e), std::ldexp(1.25, e)})
      values.insert(values.end(), {std::nextafter(v, 0.0), v, std::nextafter(v, HUGE_VAL)});
  values.insert(values.end(), {0.0, -0.0, HUGE_VAL, 1e300, 1e-300});
  std::vector<float> floats(values.begin(), values.end());
  for (int e = -127; e <= 127; ++e)
    floats.insert(floats.end(),
                  {std::nextafter(std::ldexp(1.0f, e), 0.0f), std::nextafter(std::ldexp(1.0f, e), 9e9f)});
  for (const ScaleRounding mode : {ScaleRounding::up, ScaleRounding::down, ScaleRounding::nearest})
    for (const bool saturate : {true, false}) {
      const CastOptions options{.saturate = saturate, .round_mode = mode};
      const int direction = mode == ScaleRounding::up ? 1 : mode == ScaleRounding::down ? -1 : 0;
      const auto expect = [&](const auto& list) {
        const std::vector<std::uint8_t> got = bytes_as(ElementType::f8e8m0, list, options);
        for (std::size_t i = 0; i < list.size(); ++i) {
          const double x = list[i];
          const bool fits = x >= 0x1p-127 && x <= 0x1p127;
          EXPECT_EQ(got[i], fits || saturate ? testing::scale_code(x, direction) : 0xFF)
              << x << " " << int(mode) << saturate;
        }
      };
      expect(values);
      expect(floats);
    }
  for (const float x : {kNan, -kNan, -1.0f, -kInf, -1e-40f})
    EXPECT_EQ(bytes_as(ElementType::f8e8m0, std::vector<float>{x})[0], 0xFF);
  const std::vector<std::uint8_t> codes = {0, 1, 127, 254, 255};
  const auto back = values_of<float>(ElementType::f8e8m0, codes, 5);
  EXPECT_EQ(back[0], 0x1p-127f);
  EXPECT_EQ(back[3], 0x1p127f);
  EXPECT_TRUE(std::isnan(back[4]));
}

TEST(Cast, KeepsWhatTheTypesSay) {
  std::vector<double> doubles(3);
  cast(std::vector<float>{0.1f, -0.0f, kInf}, doubles);
  EXPECT_EQ(doubles[0], static_cast<double>(0.1f));
  EXPECT_TRUE(std::signbit(doubles[1]));
  std::vector<float> floats(3);
  cast(std::vector<double>{0.1, 1e300, -1e-300}, floats);
  EXPECT_EQ(floats[0], 0.1f);
  EXPECT_EQ(floats[1], kInf);
  EXPECT_TRUE(floats[2] == 0 && std::signbit(floats[2]));
  static_assert(element_of<long long>() == ElementType::i64 && element_of<char>() != ElementType::boolean);
  static_assert(!Number<long double> && !Number<std::string> && !Number<const float*>);
  EXPECT_EQ(element_name(ElementType::u2), "u2");
  EXPECT_EQ(element_name(ElementType::f8e8m0), "f8e8m0");
}

TEST(Cast, TakesAnyNumberOfElements) {
  testing::Random random(4);
  for (const std::size_t n : {0, 1, 2, 3, 255, 256, 257, 258, 511, 513, 1000}) {
    std::vector<float> values(n);
    for (float& v : values) v = random.uniform() * 8;
    for (int t = 0; t < kElementTypes; ++t) {
      const auto type = static_cast<ElementType>(t);
      const std::vector<std::uint8_t> all = bytes_as(type, values);
      std::vector<double> back = values_of<double>(type, all, n);
      for (std::size_t i = 0; i < n; ++i) {
        const auto one = values_of<double>(type, bytes_as(type, std::vector<float>{values[i]}), 1);
        ASSERT_NO_FATAL_FAILURE(expect_same(back[i], one[0], std::string(element_name(type))));
      }
      if (element_bits(type) < 8 && n % 4 == 1) {
        EXPECT_EQ(all.back() >> element_bits(type), 0) << "unused bits";
      }
    }
  }
}

TEST(Cast, RefusesArraysThatDoNotFit) {
  const auto is_refused = [](const auto& in, auto out) {
    try {
      cast(in, out);
    } catch (const Error& e) {
      return e.code() == ErrorCode::shape_mismatch;
    }
    return false;
  };
  EXPECT_TRUE(is_refused(std::vector<float>(5), std::vector<double>(4)));
  EXPECT_TRUE(is_refused(std::vector<float>(5), std::vector<Int4x2>(2)));
  EXPECT_TRUE(is_refused(std::vector<float>(5), std::vector<Int4x2>(4)));
  EXPECT_TRUE(is_refused(std::vector<Int4x2>(3), std::vector<float>(7)));
  EXPECT_TRUE(is_refused(std::vector<Int4x2>(3), std::vector<Int2x4>(1)));
  EXPECT_FALSE(is_refused(std::vector<Int4x2>(3), std::vector<float>(5)));
  EXPECT_FALSE(is_refused(std::vector<Int2x4>(3), std::vector<Int4x2>(6)));
  std::vector<std::byte> bytes(7);
  EXPECT_THROW(cast(ElementType::f32, bytes, ElementType::i8, bytes, 2), Error);
  EXPECT_THROW(cast(ElementType::f64, {}, ElementType::f64, {}, std::size_t{1} << 61), Error);
}

TEST(Cast, GivesWhatTheCasesOfOnnxSay) {
  const std::vector<testing::OnnxCastCase> cases = testing::onnx_cast_cases();
  std::set<std::string> names;
  for (const testing::OnnxCastCase& c : cases) {
    names.insert(c.name);
    std::size_t count = 1;
    for (const std::int64_t d : c.shape) count *= static_cast<std::size_t>(d);
    std::vector<std::uint8_t> got(c.output.size());
    cast(c.from.element, std::as_bytes(std::span(c.input)), c.to.element,
         std::as_writable_bytes(std::span(got)), count, {.saturate = c.saturate});
    EXPECT_EQ(got, c.output) << c.name;
  }
  EXPECT_EQ(names.size(), 172u);
}

// Written out from the standard's files, so that the list above is not alone.
TEST(Cast, GivesSomeOfTheBytesInOnnxFiles) {
  const std::vector<float> x = {0.47892547f, 0.81910545f, 1000000, 1e-7f, kNan, kInf, -kInf, -0.0000001f};
  const auto bytes = [&](ElementType type, bool saturate) {
    return bytes_as(type, x, {.saturate = saturate});
  };
  using Bytes = std::vector<std::uint8_t>;
  EXPECT_EQ(bytes(ElementType::f8e4m3fn, true), (Bytes{0x2F, 0x35, 0x7E, 0, 0x7F, 0x7E, 0xFE, 0x80}));
  EXPECT_EQ(bytes(ElementType::f8e4m3fn, false), (Bytes{0x2F, 0x35, 0x7F, 0, 0x7F, 0x7F, 0xFF, 0x80}));
  EXPECT_EQ(bytes(ElementType::f8e4m3fnuz, true), (Bytes{0x37, 0x3D, 0x7F, 0, 0x80, 0x7F, 0xFF, 0}));
  EXPECT_EQ(bytes(ElementType::f8e4m3fnuz, false), (Bytes{0x37, 0x3D, 0x80, 0, 0x80, 0x80, 0x80, 0}));
  EXPECT_EQ(bytes(ElementType::f8e5m2, true), (Bytes{0x38, 0x3B, 0x7B, 0, 0x7E, 0x7B, 0xFB, 0x80}));
  EXPECT_EQ(bytes(ElementType::f8e5m2, false), (Bytes{0x38, 0x3B, 0x7C, 0, 0x7E, 0x7C, 0xFC, 0x80}));
  EXPECT_EQ(bytes(ElementType::f8e5m2fnuz, true), (Bytes{0x3C, 0x3F, 0x7F, 0, 0x80, 0x7F, 0xFF, 0}));
  EXPECT_EQ(bytes(ElementType::f4e2m1, true), (Bytes{0x21, 0x07, 0x78, 0x8F}));
}

TEST(Half, ConvertsAsCastDoes) {
  std::vector<float> values = boundaries<float>(kFloatFields[0]);
  const std::vector<float> more = boundaries<float>(kFloatFields[1]);
  values.insert(values.end(), more.begin(), more.end());
  std::vector<Float16> halves(values.size());
  std::vector<BFloat16> brains(values.size());
  cast(values, halves);
  cast(values, brains);
  for (std::size_t i = 0; i < values.size(); ++i) {
    ASSERT_EQ(float16::encode(values[i]), halves[i].bits) << values[i];
    ASSERT_EQ(bfloat16::encode(values[i]), brains[i].bits) << values[i];
    if (std::isnan(values[i])) continue;
    ASSERT_EQ(float16::round(values[i]), float16::decode(halves[i].bits));
    ASSERT_EQ(bfloat16::round(values[i]), bfloat16::decode(brains[i].bits));
  }
  EXPECT_TRUE(std::isnan(float16::round(kNan)) && std::isnan(bfloat16::round(-kNan)));
  // A NaN whose payload lies in the bits that are cut off must not become infinity.
  EXPECT_EQ(bfloat16::encode(std::bit_cast<float>(0x7F800001u)), 0x7FC0);
}

}  // namespace
}  // namespace lowbit
