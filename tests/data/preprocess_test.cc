// SPDX-License-Identifier: Apache-2.0
#include "data/preprocess.h"

#include <gtest/gtest.h>

#include "lowbit/core/error.h"

namespace lowbit::data {
namespace {

TEST(Preprocess, ParsesFractionsAndLists) {
  const Preprocess p = parse_preprocess("scale=1/255,mean=0.485:0.456:0.406,std=0.229:0.224:0.225");
  EXPECT_EQ(p.scale, 1.0f / 255.0f);
  EXPECT_EQ(p.mean, (std::vector<float>{0.485f, 0.456f, 0.406f}));
  EXPECT_EQ(p.std, (std::vector<float>{0.229f, 0.224f, 0.225f}));
  EXPECT_EQ(parse_preprocess("std=1/4:2,scale=2").std, (std::vector<float>{0.25f, 2.0f}));
  EXPECT_EQ(parse_preprocess("mean=-1e-3").mean, (std::vector<float>{-1e-3f}));
}

TEST(Preprocess, KeepsDefaultsThatAreNotNamed) {
  Preprocess defaults;
  defaults.scale = 0.5f;
  EXPECT_EQ(parse_preprocess("mean=3", defaults).scale, 0.5f);
  EXPECT_EQ(parse_preprocess("scale=1", defaults).scale, 1.0f);
}

TEST(Preprocess, RefusesWhatItDoesNotUnderstand) {
  for (const char* text : {"", ",", "scale", "scale=", "scale=x", "scale=1/0", "scale=1/255x", "scale=1:2",
                           "scale=nan", "scale=inf", "gain=2", "mean=1,mean=2", "mean=1::2", "std=0",
                           "std=1:0", "scale=1e99", "scale=1,", "scale= 1", "mean=1/2/3"})
    EXPECT_THROW(parse_preprocess(text), Error) << text;
}

TEST(Preprocess, AppliesPerChannelInOrder) {
  const Preprocess p = parse_preprocess("scale=2,mean=1:3,std=2:1/2");
  std::vector<float> sample{0, 1, 2, 3};
  apply(p, 2, sample);
  EXPECT_EQ(sample, (std::vector<float>{-0.5f, 0.5f, 2, 6}));
}

TEST(Preprocess, ChannelsMustMatch) {
  EXPECT_EQ(channel_count({3, 32, 32}), 3);
  EXPECT_EQ(channel_count({28, 28}), 1);
  EXPECT_EQ(channel_count({784}), 1);
  const Preprocess p = parse_preprocess("mean=1:2:3");
  require_channels(p, 3);
  EXPECT_THROW(require_channels(p, 1), Error);
  require_channels(parse_preprocess("mean=1"), 3);
}

}  // namespace
}  // namespace lowbit::data
