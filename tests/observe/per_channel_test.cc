#include "lowbit/observe/per_channel.h"

#include <gtest/gtest.h>

#include "lowbit/observe/minmax.h"
#include "support/random.h"

namespace lowbit {
namespace {

TEST(PerChannel, SeparatesChannelsOfEveryLayout) {
  constexpr std::int64_t kPixels = 1300, kChannels = 5;
  testing::Random random(1);
  std::vector<float> nhwc(kPixels * kChannels), nchw(nhwc.size());
  std::vector<MinMax> expected(kChannels);
  for (std::int64_t p = 0; p < kPixels; ++p)
    for (std::int64_t c = 0; c < kChannels; ++c) {
      const float v = random.gaussian() + static_cast<float>(c * c);
      nhwc[std::size_t(p * kChannels + c)] = nchw[std::size_t(c * kPixels + p)] = v;
      expected[std::size_t(c)].observe({&v, 1});
    }
  PerChannel<MinMax> a(kChannels), b(kChannels), first(kChannels), second(kChannels);
  a.observe(nhwc);
  b.observe(MatrixView(nchw.data(), kPixels, kChannels, 1, kPixels));
  first.observe(std::span(nhwc).first(500));
  second.observe(std::span(nhwc).subspan(500));
  second.merge(first);
  EXPECT_EQ(a.ranges({}), b.ranges({}));
  EXPECT_EQ(a.ranges({}), second.ranges({}));
  for (std::size_t c = 0; c < a.channels(); ++c) EXPECT_EQ(a.channel(c).range({}), expected[c].range({}));
}

TEST(PerChannel, RefusesOtherShapes) {
  EXPECT_THROW(PerChannel<MinMax>(0), Error);
  PerChannel<MinMax> three(3), four(4);
  EXPECT_THROW(three.observe(std::vector<float>(4)), Error);
  EXPECT_THROW(three.observe(MatrixView(nullptr, 0, 4)), Error);
  EXPECT_THROW(three.merge(four), Error);
}

}  // namespace
}  // namespace lowbit
