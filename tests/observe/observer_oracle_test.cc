// SPDX-License-Identifier: Apache-2.0
// Every observer of a distribution against its slow twin: on the bins of the histogram, where scale and zero
// point are to be equal, and on the values themselves, where they are to be a bin away at most.
#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <ostream>
#include <string>
#include <vector>

#include "lowbit/observe/choose_qparams.h"
#include "lowbit/observe/observer.h"
#include "observe/distributions.h"
#include "observe/slow_observers.h"
#include "support/effort.h"

namespace lowbit {
namespace {

using testing::slow::Bins;

void PrintTo(const struct Twin& twin, std::ostream* out);

struct Twin {
  std::string name;
  std::function<Range(const Bins&, const Bins& magnitudes, IntRange, int bits)> range;
  /// What a search minimizes; none where the range is a formula.
  std::function<double(const Bins&, Range, IntRange)> cost;
  double tolerance = 1e-6;  ///< of the scale
  double more = 0;          ///< what more of the cost is fine for a search on bins in place of values
};

void PrintTo(const Twin& twin, std::ostream* out) {
  *out << twin.name;
}

double sqnr_cost(const Bins& bins, Range r, IntRange codes) {
  return testing::slow::code_error(bins, choose_qparams(r, codes), codes, 3);
}

// Of the best threshold up to a bin away: a bin is 4 to 8 of the even ones wide where it matters.
double entropy_cost(const Bins& bins, Range r, IntRange codes) {
  namespace slow = testing::slow;
  const double width = slow::even_width(bins), t = double(std::max(-r.min, r.max));
  const auto mass = slow::even_masses(slow::magnitudes_of(bins), width);
  const auto levels = std::int64_t(slow::entropy_levels(codes)),
             kept = std::int64_t(std::nearbyint(t / width));
  double least = INFINITY;
  for (std::int64_t i = std::max(levels, kept - 8); i <= std::min<std::int64_t>(2048, kept + 8); ++i)
    least = std::min(least, slow::divergence(mass, std::size_t(i), std::size_t(levels)));
  return least;
}

const std::vector<Twin>& twins() {
  namespace slow = testing::slow;
  static const std::vector<Twin> all = {
      {"minmax", [](const Bins& b, const Bins&, IntRange, int) { return slow::ends(b); }, {}, 0},
      {"histogram", [](const Bins& b, const Bins&, IntRange c, int) { return slow::histogram(b, c); },
       [](const Bins& b, Range r, IntRange c) {
         return slow::cell_error(b, r, c.qmax - c.qmin + 1, INFINITY);
       }},
      {"mse", [](const Bins& b, const Bins&, IntRange c, int) { return slow::mse(b, c); },
       [](const Bins& b, Range r, IntRange c) { return slow::code_error(b, choose_qparams(r, c), c); }},
      {"mse-one-sided", [](const Bins& b, const Bins&, IntRange c, int) { return slow::mse_one_sided(b, c); },
       [](const Bins& b, Range r, IntRange c) {
         return slow::code_error(b, choose_qparams(r, c, Mapping::symmetric), c);
       }},
      {"sqnr", [](const Bins& b, const Bins&, IntRange c, int) { return slow::sqnr(b, c); }, sqnr_cost},
      {"entropy", [](const Bins& b, const Bins& m, IntRange c, int) { return slow::entropy(b, m, c); },
       entropy_cost, 1e-6, 0.01},
      {"aciq", [](const Bins& b, const Bins&, IntRange, int bits) { return slow::aciq(b, bits); }, {}, 1e-5},
      {"p99.9", [](const Bins& b, const Bins&, IntRange, int) { return slow::percentile(b, 99.9); }, {}},
      {"p99.99", [](const Bins& b, const Bins&, IntRange, int) { return slow::percentile(b, 99.99); }, {}},
      {"p90", [](const Bins& b, const Bins&, IntRange, int) { return slow::percentile(b, 90); }, {}},
      {"p99.9-one-sided",
       [](const Bins& b, const Bins& m, IntRange, int) { return slow::percentile_one_sided(b, m, 99.9); },
       {}},
      {"p90-one-sided",
       [](const Bins& b, const Bins& m, IntRange, int) { return slow::percentile_one_sided(b, m, 90); },
       {}},
  };
  return all;
}

std::vector<IntRange> code_ranges(int bits) {
  return {unsigned_range(bits), signed_range(bits)};
}

bool close(QParams a, QParams b, double tolerance) {
  return a.zero_point == b.zero_point &&
         std::fabs(double(a.scale) - double(b.scale)) <= tolerance * double(b.scale);
}

class ObserverTwin : public ::testing::TestWithParam<Twin> {};

TEST_P(ObserverTwin, ScaleAndZeroPointAreEqualOnTheSameBins) {
  const Twin& twin = GetParam();
  int compared = 0, ties = 0;
  std::uint64_t index = 0;
  for (const auto& d : testing::distributions())
    for (int bits = 2; bits <= 8; ++bits) {
      if (!testing::affords(index++)) continue;
      const auto x = draw(d, 400, 21);
      AnyObserver o = make_observer(twin.name);
      FloatHistogram h;
      o.observe(x), h.observe(x);
      const Bins bins = h.bins();
      const Range expected = twin.range(bins, h.magnitudes().bins(), unsigned_range(bits), bits);
      for (const IntRange codes : code_ranges(bits))
        for (const Mapping mapping : {Mapping::asymmetric, Mapping::symmetric}) {
          const Range found = o.range(codes);
          ++compared;
          if (close(choose_qparams(found, codes, mapping), choose_qparams(expected, codes, mapping),
                    twin.tolerance))
            continue;
          // Another candidate whose cost is the same but for how sums round.
          ASSERT_TRUE(twin.cost) << d.name << " " << bits << ": [" << found.min << ", " << found.max
                                 << "], not [" << expected.min << ", " << expected.max << "]";
          double power = 0;
          for (const float v : x) power += double(v) * double(v);
          EXPECT_NEAR(twin.cost(bins, found, codes), twin.cost(bins, expected, codes),
                      1e-9 * twin.cost(bins, expected, codes) + 1e-13 * power)
              << d.name << " " << bits << ": [" << found.min << ", " << found.max << "], not ["
              << expected.min << ", " << expected.max << "]";
          ++ties;
        }
    }
  EXPECT_LE(ties, compared / 50) << "of " << compared;
  RecordProperty("ties", ties);
}

// A search may find another of two ranges that are nearly as good; then the cost tells.
TEST_P(ObserverTwin, IsAsOnTheValuesButForABin) {
  const Twin& twin = GetParam();
  std::uint64_t index = 0;
  for (const auto& d : testing::distributions())
    for (const int bits : {2, 4, 8}) {
      if (!testing::affords(index++)) continue;
      const auto x = draw(d, twin.name == "entropy" ? 50000 : 1500, 22);
      AnyObserver o = make_observer(twin.name);
      o.observe(x);
      const IntRange codes = unsigned_range(bits);
      const Bins values = testing::slow::bins_of(x);
      const Range found = o.range(codes),
                  expected = twin.range(values, testing::slow::magnitudes_of(values), codes, bits);
      const auto near = [](float a, float b) {
        return std::fabs(double(a) - double(b)) <= std::fabs(double(b)) / 256 + 0x1p-134;
      };
      if (near(found.min, expected.min) && near(found.max, expected.max)) continue;
      ASSERT_TRUE(twin.cost) << d.name << " " << bits << ": [" << found.min << ", " << found.max << "], not ["
                             << expected.min << ", " << expected.max << "]";
      EXPECT_LE(twin.cost(values, found, codes), 1.01 * twin.cost(values, expected, codes) + twin.more)
          << d.name << " " << bits << ": [" << found.min << ", " << found.max << "], not [" << expected.min
          << ", " << expected.max << "]";
    }
}

std::string twin_name(const ::testing::TestParamInfo<Twin>& twin) {
  std::string name = twin.param.name;
  for (char& c : name) c = c == '-' || c == '.' ? '_' : c;
  return name;
}

INSTANTIATE_TEST_SUITE_P(All, ObserverTwin, ::testing::ValuesIn(twins()), twin_name);

}  // namespace
}  // namespace lowbit
