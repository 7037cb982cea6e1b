// SPDX-License-Identifier: Apache-2.0
#include "lowbit/observe/per_channel.h"

#include <gtest/gtest.h>

#include "lowbit/observe/batch_mean.h"
#include "lowbit/observe/minmax.h"
#include "support/random.h"

namespace lowbit {
namespace {

TEST(PerChannelObserver, SeparatesChannelsOfEveryLayout) {
  constexpr std::int64_t kPixels = 1300, kChannels = 5;
  testing::Random random(1);
  std::vector<float> nhwc(kPixels * kChannels), nchw(nhwc.size());
  std::vector<MinMaxObserver> expected(kChannels);
  for (std::int64_t p = 0; p < kPixels; ++p)
    for (std::int64_t c = 0; c < kChannels; ++c) {
      const float v = random.gaussian() + static_cast<float>(c * c);
      nhwc[std::size_t(p * kChannels + c)] = nchw[std::size_t(c * kPixels + p)] = v;
      expected[std::size_t(c)].observe({&v, 1});
    }
  PerChannelObserver<MinMaxObserver> a(kChannels), b(kChannels), first(kChannels), second(kChannels);
  a.observe(nhwc);
  b.observe(MatrixView(nchw.data(), kPixels, kChannels, 1, kPixels));
  first.observe(std::span(nhwc).first(500));
  second.observe(std::span(nhwc).subspan(500));
  second.merge(first);
  EXPECT_EQ(a.ranges({}), b.ranges({}));
  EXPECT_EQ(a.ranges({}), second.ranges({}));
  for (std::size_t c = 0; c < a.channels(); ++c) EXPECT_EQ(a.channel(c).range({}), expected[c].range({}));
}

TEST(PerChannelObserver, RefusesOtherShapes) {
  EXPECT_THROW(PerChannelObserver<MinMaxObserver>(0), Error);
  PerChannelObserver<MinMaxObserver> three(3), four(4);
  EXPECT_THROW(three.observe(std::vector<float>(4)), Error);
  EXPECT_THROW(three.observe(MatrixView(nullptr, 0, 4)), Error);
  EXPECT_THROW(three.merge(four), Error);
}

TEST(PerChannelObserver, BatchesStayWholeInEveryChannel) {
  // More pixels than are taken at once.
  std::vector<float> first(2 * 1200), second(2 * 3);
  for (std::size_t i = 0; i < first.size(); ++i) first[i] = static_cast<float>(i % 2 ? i : 0);
  for (float& v : second) v = 5;
  PerChannelObserver<BatchMeanObserver> numbered(2), counted(2);
  numbered.observe(second, 8), numbered.observe(first, 7);
  counted.observe(first), counted.observe(second);
  EXPECT_EQ(numbered.channel(0).batches(), 2u);
  EXPECT_EQ(numbered.ranges({}), counted.ranges({}));
  EXPECT_EQ(numbered.ranges({}), (std::vector<Range>{{2.5f, 2.5f}, {3, (2399 + 5) / 2.0f}}));
  PerChannelObserver<BatchMeanObserver> merged(2);
  merged.merge(counted);
  merged.observe(second);
  EXPECT_EQ(merged.channel(0).batches(), 3u);
}

}  // namespace
}  // namespace lowbit
