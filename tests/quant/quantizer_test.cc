#include "lowbit/quant/quantizer.h"

#include <gtest/gtest.h>

#include <vector>

#include "lowbit/core/error.h"
#include "lowbit/core/scheme.h"
#include "lowbit/quant/affine.h"
#include "support/random.h"

namespace lowbit {
namespace {

static_assert(Quantizer<Affine<2>> && Quantizer<Affine<8>> && Quantizer<AnyQuantizer>);
static_assert(!Quantizer<int>);

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
