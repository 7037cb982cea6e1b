// SPDX-License-Identifier: Apache-2.0
// Parts of charts and pages: scales, ticks, labels that do not overlap, text that cannot break out.
#include "report/svg.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "report/data_uri.h"
#include "report/dot_axis.h"
#include "report/html.h"

namespace lowbit::report {
namespace {

TEST(Scale, GoesFromEndToEndAndStaysInside) {
  const Scale x(10, 20, 100, 300);
  EXPECT_EQ(x(10), 100);
  EXPECT_EQ(x(15), 200);
  EXPECT_EQ(x(25), 300);
  const Scale log(1, 100, 0, 200, Scale::Kind::log);
  EXPECT_NEAR(log(10), 100, 1e-9);
  const Scale down(0, 1, 50, 10);  // up the page
  EXPECT_EQ(down(1), 10);
  EXPECT_TRUE(std::isfinite(Scale(5, 5, 0, 10)(5)));
}

TEST(Scale, TicksAreRoundAndFewEnough) {
  EXPECT_EQ(Scale(0, 1, 0, 1).ticks(6), (std::vector<double>{0, 0.2, 0.4, 0.6000000000000001, 0.8, 1}));
  EXPECT_EQ(Scale(80.3, 81.9, 0, 1).ticks(5), (std::vector<double>{80.5, 81, 81.5}));
  EXPECT_EQ(Scale(-0.7, 0.3, 0, 1).ticks(3), (std::vector<double>{-0.5, 0}));
  EXPECT_EQ(Scale(30, 900, 0, 1, Scale::Kind::log).ticks(8),
            (std::vector<double>{30, 50, 100, 200, 300, 500}));
  EXPECT_EQ(Scale(1, 1e6, 0, 1, Scale::Kind::log).ticks(8),
            (std::vector<double>{1, 10, 100, 1000, 1e4, 1e5, 1e6}));
  for (double low = -3; low < 3; low += 0.37)
    for (double range = 0.01; range < 1000; range *= 3)
      EXPECT_LE(Scale(low, low + range, 0, 1).ticks(6).size(), 6u) << low << " " << range;
  EXPECT_EQ(tick_text(0.30000000000000004), "0.3");
  EXPECT_EQ(tick_text(50000), "50 k");
}

TEST(PlaceLabels, MovesNamesApart) {
  const std::vector<Label> labels{{10, 50, 60}, {20, 52, 60}, {30, 51, 60}, {200, 51, 60}};
  const std::vector<double> y = place_labels(labels, 12, 0, 100);
  for (std::size_t i = 0; i < 3; ++i)
    for (std::size_t j = 0; j < i; ++j) EXPECT_GE(std::abs(y[i] - y[j]), 12) << i << " " << j;
  EXPECT_EQ(y[3], 51) << "nothing is in its way";
  for (const double place : place_labels(std::vector<Label>(5, {0, 100, 10}), 12, 0, 100)) {
    EXPECT_GE(place, 0);
    EXPECT_LE(place, 100);
  }
}

TEST(Svg, EscapesWhatNamesHold) {
  Svg svg(100, 50, "a \"b\" <c>");
  svg.text(1, 2, "<script>", Svg::Anchor::end, "tick", "&tip");
  const std::string text = svg.to_string();
  EXPECT_EQ(text.find("<script>"), std::string::npos);
  EXPECT_NE(text.find("aria-label=\"a &quot;b&quot; &lt;c&gt;\""), std::string::npos);
  EXPECT_NE(text.find("<title>&amp;tip</title>"), std::string::npos);
}

TEST(DotAxis, SharesOneScale) {
  const DotAxis axis({12.0, 38.0, std::numeric_limits<double>::infinity()});
  EXPECT_EQ(axis.low(), 10);
  EXPECT_EQ(axis.high(), 40);
  const std::string dots = axis.dots({{25, "own"}, {std::nan(""), "after"}, {1e9, "final", "8", "a<b"}});
  EXPECT_NE(dots.find("class=\"own\" style=\"left:50.0%\""), std::string::npos) << dots;
  EXPECT_EQ(dots.find("after"), std::string::npos);
  EXPECT_NE(dots.find("class=\"final\" style=\"left:100.0%\" title=\"a&lt;b\">8<"), std::string::npos)
      << dots;
  EXPECT_NE(axis.numbers().find(">10</span>"), std::string::npos);
  EXPECT_EQ(DotAxis({}).high(), 60);
}

TEST(DataUri, Base64IsThatOfTheRfc) {
  const auto encode = [](const std::string& s) {
    return base64(std::span(reinterpret_cast<const std::uint8_t*>(s.data()), s.size()));
  };
  EXPECT_EQ(encode(""), "");
  EXPECT_EQ(encode("f"), "Zg==");
  EXPECT_EQ(encode("fo"), "Zm8=");
  EXPECT_EQ(encode("foobar"), "Zm9vYmFy");
}

TEST(DataUri, PngHasItsChunksAndChecksums) {
  const std::vector<std::uint8_t> pixels{0, 255, 10, 20, 30, 40};
  const std::string file = png_file(2, 1, 3, pixels);
  EXPECT_EQ(file.substr(0, 8), "\x89PNG\r\n\x1A\n");
  EXPECT_EQ(file.substr(12, 4), "IHDR");
  EXPECT_EQ(file.substr(16, 9), std::string("\0\0\0\2\0\0\0\1\x08", 9));
  EXPECT_EQ(file.substr(25, 1), "\x02");
  // The last chunk of every PNG, with its published checksum.
  EXPECT_EQ(file.substr(file.size() - 12), std::string("\0\0\0\0IEND\xAE\x42\x60\x82", 12));
  // More than one stored block.
  EXPECT_GT(png_file(300, 300, 1, std::vector<std::uint8_t>(90000)).size(), 90000u);
}

TEST(Html, CommandsKeepTheirOptionsTogether) {
  EXPECT_EQ(html::command("lowbit eval 'a<b' --scheme int8"),
            "<pre>lowbit eval &#39;a&lt;b&#39; <span class=\"nowrap\">--scheme</span> int8</pre>");
}

TEST(Html, PageEscapesItsTitle) {
  EXPECT_NE(html::page("a<b", "").find("<title>a&lt;b</title>"), std::string::npos);
  EXPECT_EQ(html::shortened("/a/b/conv", 6), "...onv");
  EXPECT_EQ(html::shortened("conv", 6), "conv");
}

}  // namespace
}  // namespace lowbit::report
