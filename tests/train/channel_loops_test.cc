// SPDX-License-Identifier: Apache-2.0
// The loops of training: the scalar entry equals the definition, every other one the scalar entry to the bit.
#include "train/loops/channel_loops.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "lowbit/kernels/cpu.h"
#include "support/random.h"

namespace lowbit::train {
namespace {

struct LoopCase {
  std::int64_t pixels, channels;
};
constexpr LoopCase kLoopCases[] = {{1, 1}, {1, 16}, {5, 3}, {33, 16}, {70, 31}, {64, 64}, {9, 129}, {300, 1}};

/// Everything that the loops compute of one case, one after the other.
struct LoopResults {
  std::vector<double> sums;
  std::vector<float> floats;
};

std::vector<float> loop_values(testing::Random& r, std::int64_t n, float scale) {
  std::vector<float> v(static_cast<std::size_t>(n));
  for (float& x : v) x = scale * r.gaussian();
  return v;
}

LoopResults run_loops(const ChannelLoops& loops, const LoopCase& c) {
  testing::Random r(static_cast<std::uint64_t>(100 * c.pixels + c.channels));
  const std::int64_t n = c.pixels * c.channels;
  const std::vector<float> x = loop_values(r, n, 2), y = loop_values(r, n, 1), g = loop_values(r, n, 1),
                           factor = loop_values(r, c.channels, 1), term = loop_values(r, c.channels, 1),
                           slope = loop_values(r, c.channels, 1);
  LoopResults result;
  const auto keep = [&](const std::vector<float>& v) {
    result.floats.insert(result.floats.end(), v.begin(), v.end());
  };
  result.sums.resize(static_cast<std::size_t>(2 * c.channels), 0.5);
  loops.add_sums({c.pixels, c.channels}, x.data(), y.data(), result.sums.data());
  std::vector<float> out(x.size());
  for (const float* residual : {static_cast<const float*>(nullptr), y.data()}) {
    loops.normalize(
        {{c.pixels, c.channels}, x.data(), residual, factor.data(), term.data(), 0, 3, out.data()});
    keep(out);
  }
  out = g;
  loops.normalize_back({c.pixels, c.channels}, x.data(), factor.data(), slope.data(), term.data(),
                       out.data());
  keep(out);
  for (const bool adds : {false, true}) {
    loops.pass({n, y.data(), g.data(), -0.5f, 1, out.data(), adds});
    keep(out);
  }
  loops.round({n, x.data(), 4, 0.25f, -3, 7, out.data()});
  keep(out);
  const auto round_gradient = [&](float* to, bool adds, float scaling) {
    const RoundSums sums = loops.round_gradient({n, x.data(), g.data(), 4, -3, 7, to, adds, scaling});
    result.sums.insert(result.sums.end(), {sums.inside, sums.below, sums.above});
    keep(out);
  };
  for (const bool adds : {false, true}) round_gradient(out.data(), adds, 0.0f);
  round_gradient(out.data(), false, 0.5f);
  round_gradient(nullptr, false, 0.0f);
  return result;
}

TEST(ChannelLoops, TheScalarOnesAreTheDefinition) {
  // Two channels: 1, 2, 3 and -1, 0, 5.
  const std::vector<float> x{1, -1, 2, 0, 3, 5}, y{1, 1, 0, 2, -1, 1}, g{1, 2, 3, 4, 5, 6};
  std::vector<double> sums(4);
  kChannelLoopsScalar.add_sums({3, 2}, x.data(), y.data(), sums.data());
  EXPECT_EQ(sums, (std::vector<double>{6, 4, 1 + 0 - 3, -1 + 0 + 5}));
  const std::vector<float> factor{2, -1}, term{0.5f, 1}, slope{1, 10};
  std::vector<float> out(6);
  kChannelLoopsScalar.normalize(
      {{3, 2}, x.data(), y.data(), factor.data(), term.data(), 0, 4.5f, out.data()});
  EXPECT_EQ(out, (std::vector<float>{3.5f, 3, 4.5f, 3, 4.5f, 0}));
  out = g;
  kChannelLoopsScalar.normalize_back({3, 2}, x.data(), factor.data(), slope.data(), term.data(), out.data());
  EXPECT_EQ(out, (std::vector<float>{3.5f, -11, 8.5f, -3, 13.5f, 45}));
  // Outputs at a limit let nothing through.
  kChannelLoopsScalar.pass({6, y.data(), g.data(), 0, 2, out.data(), false});
  EXPECT_EQ(out, (std::vector<float>{1, 2, 0, 0, 0, 6}));
  const std::vector<float> reals{0.2f, 0.25f, 0.75f, -1, 9, 2};
  kChannelLoopsScalar.round({6, reals.data(), 2, 0.5f, -1, 4, out.data()});
  EXPECT_EQ(out, (std::vector<float>{0, 0, 1, -0.5f, 2, 2}));
  const RoundSums rounded =
      kChannelLoopsScalar.round_gradient({6, reals.data(), g.data(), 2, -1, 4, out.data(), false});
  EXPECT_EQ(out, (std::vector<float>{1, 2, 3, 0, 0, 6}));
  EXPECT_NEAR(rounded.inside, 1 * (0 - 0.4) + 2 * (0 - 0.5) + 3 * (2 - 1.5) + 6 * 0, 1e-6);
  EXPECT_EQ(rounded.below, 4);
  EXPECT_EQ(rounded.above, 5);
  const std::vector<float> falling{-1, -2, 3, 4, 5, 6};
  kChannelLoopsScalar.round_gradient({6, reals.data(), falling.data(), 2, -1, 4, out.data(), false, 0.5f});
  EXPECT_EQ(out,
            (std::vector<float>{-1 + 0.5f * 1 * 0.4f, -2 + 0.5f * 2 * 0.5f, 3 - 0.5f * 3 * 0.5f, 0, 0, 6}));
}

std::vector<const ChannelLoops*> loops_of_this_build() {
  std::int64_t count = 0;
  const ChannelLoops* const* all = channel_loops(&count);
  return {all, all + count};
}

class EveryChannelLoops : public ::testing::TestWithParam<const ChannelLoops*> {};

TEST_P(EveryChannelLoops, GiveTheBitsOfTheScalarOnes) {
  const ChannelLoops& loops = *GetParam();
  if (!has_isa(detected_isa(), loops.required)) GTEST_SKIP() << "this machine does not run " << loops.name;
  for (const LoopCase& c : kLoopCases) {
    SCOPED_TRACE(std::to_string(c.pixels) + " x " + std::to_string(c.channels));
    const LoopResults got = run_loops(loops, c), want = run_loops(kChannelLoopsScalar, c);
    ASSERT_EQ(got.sums, want.sums);
    ASSERT_EQ(got.floats, want.floats);
  }
}

INSTANTIATE_TEST_SUITE_P(Table, EveryChannelLoops, ::testing::ValuesIn(loops_of_this_build()),
                         [](const auto& p) {
                           std::string name = p.param->name;
                           std::replace(name.begin(), name.end(), '/', '_');
                           return name;
                         });

}  // namespace
}  // namespace lowbit::train
