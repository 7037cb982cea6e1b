// SPDX-License-Identifier: Apache-2.0
#include "lowbit/quant/quantizer.h"

#include <gtest/gtest.h>

#include <vector>

#include "lowbit/core/error.h"
#include "lowbit/core/scheme.h"
#include "lowbit/quant/affine.h"
#include "lowbit/quant/make_quantizer.h"
#include "support/random.h"

namespace lowbit {
namespace {

static_assert(Quantizer<Affine<2>> && Quantizer<Affine<8>> && Quantizer<AnyQuantizer>);
static_assert(!Quantizer<int>);

// What AnyQuantizer refuses when it is compiled, and what it must not refuse.
struct Plain {
  Granularity granularity;
  int code_bits() const { return 4; }
  AffineGroup fit(std::span<const float>, std::span<const float>) const { return {}; }
};
struct MisspeltLevels : Plain {
  std::vector<float> level() const { return {}; }
};
struct MisspeltFitRange : Plain {
  AffineGroup fit_ranges(Range) const { return {}; }
};
struct MisspeltScaleBits : Plain {
  double scaleBits() const { return 8; }
};
struct LevelsAsData : Plain {
  std::vector<float> levels;
};
struct FitRangeOfTwoFloats : Plain {
  AffineGroup fit_range(float, float) const { return {}; }
};
struct ScaleBitsNotConst : Plain {
  double scale_bits() { return 8; }
};
struct AllMembers : Plain {
  std::vector<float> levels() const { return {}; }
  AnyQuantizer bind(const MatrixView&, const MatrixView&) const { return *this; }
  AffineGroup fit_range(Range) const { return {}; }
  static MiniFloat minifloat() { return MiniFloat::fp4_e2m1; }
  static constexpr double scale_bits() { return 8; }
};
static_assert(Quantizer<MisspeltLevels> && detail::HasMisspeltMember<MisspeltLevels>);
static_assert(Quantizer<MisspeltFitRange> && detail::HasMisspeltMember<MisspeltFitRange>);
static_assert(Quantizer<MisspeltScaleBits> && detail::HasMisspeltMember<MisspeltScaleBits>);
static_assert(detail::HasMemberOfOtherSignature<LevelsAsData>);
static_assert(detail::HasMemberOfOtherSignature<FitRangeOfTwoFloats>);
static_assert(detail::HasMemberOfOtherSignature<ScaleBitsNotConst>);
static_assert(!detail::HasMisspeltMember<AllMembers> && !detail::HasMemberOfOtherSignature<AllMembers>);
static_assert(!detail::HasMisspeltMember<Plain> && !detail::HasMemberOfOtherSignature<Plain>);

TEST(MakeQuantizer, IsTheTypedQuantizerOfTheScheme) {
  testing::Random random(1);
  std::vector<float> x(64);
  for (auto& v : x) v = random.gaussian();
  const AnyQuantizer named = make_quantizer("int3-g16-asym-mse");
  const AnyQuantizer typed = Affine<3>{per_group(16), Mapping::asymmetric, Clip::mse};
  EXPECT_EQ(named.code_bits(), typed.code_bits());
  EXPECT_EQ(named.granularity, typed.granularity);
  const auto a = std::get<AffineGroup>(named.fit(x, {})), b = std::get<AffineGroup>(typed.fit(x, {}));
  EXPECT_EQ(a.scale, b.scale);
  EXPECT_EQ(a.zero_point, b.zero_point);
  EXPECT_EQ(a.qmax, 7);
}

TEST(MakeQuantizer, BuildsEverythingThatIsCalledBuilt) {
  int built = 0;
  for (const Scheme& s : known_schemes()) {
    if (s.is_fp32()) continue;
    if (why_not_built(s).empty()) {
      EXPECT_NO_THROW(make_quantizer(s)) << format_scheme(s);
      ++built;
    } else {
      EXPECT_THROW(make_quantizer(s), Error) << format_scheme(s);
    }
  }
  EXPECT_GT(built, 7 * 12 + 40);
  EXPECT_THROW(make_quantizer("fp32"), Error);
  EXPECT_THROW(make_quantizer("int9"), Error);
}

}  // namespace
}  // namespace lowbit
