// SPDX-License-Identifier: Apache-2.0
// The verdict and its advice on numbers whose answer is known, and the page: it stands alone, escapes what
// names hold, says first what matters, and has all that JSON has.
#include "report/network_report.h"

#include <gtest/gtest.h>

#include <limits>
#include <nlohmann/json.hpp>

#include "report/verdict.h"

namespace lowbit::report {
namespace {

LayerReport layer_of(const std::string& name, double damage, double bits) {
  LayerReport layer;
  layer.name = name, layer.op = "Conv2d", layer.shape = "16 x 8 x 8", layer.scheme = "int4",
  layer.kernel = "u4/avx2";
  layer.has_weights = true;
  layer.bytes = 1000, layer.fp32_bytes = 8000, layer.bits = bits;
  layer.time = {5000, 100};
  layer.fp32_ns = 20000;
  layer.own_db = 30, layer.after_db = 20, layer.final_db = 25, layer.damage = damage;
  layer.weights = HistogramFigure{-1, 1, {1, 4, 1}, {0, 6, 0}, -0.9, 0.9, 0.01, {-0.5, 0, 0.5}};
  layer.activations = HistogramFigure{0, 6, {9, 4, 1}, {}, 0, 5, 0.002, {}};
  layer.channels = {{-1, 1, -0.9f, 0.9f}, {-0.5f, 0.25f, -0.5f, 0.25f}};
  return layer;
}

/// Of 10,000 images, `lost` are right in fp32 only and `won` in the quantized network only.
NetworkReport network_example(std::int64_t lost, std::int64_t won) {
  NetworkReport report;
  report.data = "glyphs", report.images = 10000, report.has_labels = true;
  report.machine = {"A <cpu>", "avx2", 1};
  report.subject = 1;
  NetworkModel fp32;
  fp32.name = "net <x>.onnx", fp32.path = "net <x>.onnx", fp32.scheme = "fp32";
  fp32.bytes = 80000, fp32.memory = 100000, fp32.correct = 8000, fp32.agree = 10000, fp32.time = {1e6, 1e4};
  fp32.error.sqnr_db = std::numeric_limits<double>::infinity();
  NetworkModel quantized = fp32;
  quantized.name = "net.lowbit", quantized.path = "net.lowbit", quantized.scheme = "int4",
  quantized.bits = 4.2;
  quantized.bytes = 10000, quantized.memory = 20000, quantized.time = {5e5, 1e4};
  quantized.correct = 8000 - lost + won, quantized.agree = 10000 - lost - won - 50;
  quantized.lost = lost, quantized.won = won;
  quantized.error.sqnr_db = 22;
  quantized.coverage = "int4: 2 of 3 layers";
  quantized.layers = {layer_of("first<b>", 0.7, 4.2), layer_of("second", 0.3, 4.2)};
  quantized.layers.push_back(
      {.name = "odd", .op = "Softmax", .scheme = "fp32", .fallback = "no kernel", .time = {3e5, 0}});
  report.models = {fp32, quantized};
  report.changed.push_back({.image = 7,
                            .label = 3,
                            .reference = 3,
                            .model = 5,
                            .reference_part = 0.9,
                            .model_part = 0.6,
                            .picture = "data:image/png;base64,AAAA",
                            .width = 4,
                            .height = 4});
  report.probe_images = 64;
  report.commands = {"lowbit report net.lowbit 'net <x>.onnx'"};
  report.quantize_command = "lowbit quantize net.onnx --data glyphs -o new.lowbit --scheme int4";
  return report;
}

TEST(Verdict, GoesByTheIntervalNotByTheNumber) {
  const Verdict good = judge(network_example(30, 25)), bad = judge(network_example(500, 100)),
                unclear = judge(network_example(300, 250));
  EXPECT_EQ(good.kind, Verdict::Kind::good);
  EXPECT_NEAR(good.points, -0.05, 1e-12);
  EXPECT_EQ(bad.kind, Verdict::Kind::bad);
  EXPECT_LT(bad.p, 1e-6);
  // Exactly what may be lost, give or take.
  EXPECT_EQ(unclear.kind, Verdict::Kind::unclear);
  EXPECT_NE(good.sentence.find("79.95 %"), std::string::npos) << good.sentence;
}

TEST(Verdict, WithoutLabelsEveryChangeIsALoss) {
  NetworkReport report = network_example(0, 0);
  report.has_labels = false;
  report.models[1].agree = 9990;
  EXPECT_EQ(judge(report).kind, Verdict::Kind::good);
  report.models[1].agree = 9000;
  EXPECT_EQ(judge(report).kind, Verdict::Kind::bad);
  EXPECT_NEAR(judge(report).points, -10, 1e-9);
}

TEST(Verdict, NamesTheLayersAndWhatToDo) {
  const NetworkReport report = network_example(500, 100);
  EXPECT_EQ(worst_layers(report, 3), (std::vector<std::size_t>{0, 1}));
  EXPECT_EQ(damage_sentence(report), "first<b> does 70 % of the damage.");
  const std::vector<Advice> advice = advise(report);
  ASSERT_EQ(advice.size(), 3u);
  EXPECT_EQ(advice[0].command, report.quantize_command + " --recover fast");
  EXPECT_EQ(advice[1].command,
            report.quantize_command + " --override 'first<b>=int8' --override second=int8");
  EXPECT_NE(advice[2].why.find("60 % of the time"), std::string::npos) << advice[2].why;
  EXPECT_EQ(advise(network_example(30, 25))[0].title, "Use it.");
  const std::vector<Advice> unclear = advise(network_example(30, 10));
  EXPECT_EQ(unclear[0].title, "Use it.") << "-0.2 of 10,000 is known well enough";
  EXPECT_EQ(advise(network_example(300, 260))[0].title, "Evaluate more images.");
}

TEST(Verdict, AsksForNoImagesThatAreNotThere) {
  NetworkReport report = network_example(300, 260);
  report.has_more_images = false;
  const Advice advice = advise(report)[0];
  EXPECT_EQ(advice.title, "Find more images.");
  EXPECT_NE(advice.why.find("All 10,000 of the data"), std::string::npos) << advice.why;
}

TEST(Verdict, NamesAnotherNetworkThatIsKnownToBeGoodEnough) {
  NetworkReport report = network_example(300, 260);
  NetworkModel other = network_example(30, 25).models[1];
  other.name = "other.lowbit";
  report.models.push_back(other);
  EXPECT_EQ(advise(report)[1].title, "Or take other.lowbit.");
}

/// Where layers have many bytes, the one that hurts least for them.
TEST(Verdict, TakesBitsFromTheLayerThatMindsLeast) {
  NetworkReport report = network_example(30, 25);
  std::vector<LayerReport>& layers = report.models[1].layers;
  for (LayerReport& layer : layers) layer.time.ns = 0;
  layers.push_back(layer_of("third", 0.03, 8.1));
  layers.push_back(layer_of("fourth", 0.01, 8.1));
  report.models[1].bits = 8.1;
  ASSERT_EQ(advise(report).size(), 2u);
  EXPECT_NE(advise(report)[1].why.find("fourth has 25 % of the bytes"), std::string::npos)
      << advise(report)[1].why;
}

TEST(Verdict, WritesSizesTimesAndPoints) {
  EXPECT_EQ(size_text(512), "512 B");
  EXPECT_EQ(size_text(16300), "16.3 kB");
  EXPECT_EQ(size_text(163000), "163 kB");
  EXPECT_EQ(size_text(1200000), "1.20 MB");
  EXPECT_EQ(time_text(61e4), "0.61 ms");
  EXPECT_EQ(time_text(12345), "12.3 \u00b5s");
  EXPECT_EQ(speed_text(300, 100), "3.00\u00d7 faster");
  EXPECT_EQ(speed_text(100, 120), "1.20\u00d7 slower");
  EXPECT_EQ(speed_text(100, 101), "as fast");
  EXPECT_EQ(points_text(-0.157), "\u22120.16");
  EXPECT_EQ(points_text(-0.001), "+0.00");
}

TEST(NetworkReport, PageStandsAloneAndBeginsWithTheVerdict) {
  const std::string page = to_html(network_example(500, 100));
  for (const char* outside : {"http", "url(", "@import", "<script", "<link", "<iframe"})
    EXPECT_EQ(page.find(outside), std::string::npos) << outside;
  for (std::size_t at = page.find("src="); at != std::string::npos; at = page.find("src=", at + 1))
    EXPECT_EQ(page.substr(at, 10), "src=\"data:");
  for (std::size_t at = page.find("href="); at != std::string::npos; at = page.find("href=", at + 1))
    EXPECT_EQ(page.substr(at, 7), "href=\"#");
  EXPECT_EQ(page.find("first<b>"), std::string::npos);
  EXPECT_EQ(page.find("net <x>"), std::string::npos);
  EXPECT_EQ(page.find("A <cpu>"), std::string::npos);
  EXPECT_LT(page.find("Not good enough."), page.find("The networks compared"));
  EXPECT_LT(page.find("first&lt;b&gt; does 70 %"), page.find("The networks compared"));
  for (const char* part :
       {"no kernel", "id=\"layers\"", "id=\"values\"", "id=\"answers\"", "id=\"time\"", "id=\"floats\"",
        "lowbit report net.lowbit", "prefers-color-scheme: dark", "@media print"})
    EXPECT_NE(page.find(part), std::string::npos) << part;
}

TEST(NetworkReport, SaysHowLikelyTheSplitIs) {
  const std::string page = to_html(network_example(500, 100));
  EXPECT_NE(page.find("500 images are right in net &lt;x&gt;.onnx only and 100 in net.lowbit only"),
            std::string::npos);
  EXPECT_NE(page.find("McNemar's test"), std::string::npos);
}

/// Accuracies on other samples would lie on another scale.
TEST(NetworkReport, DrawsNetworksOfASearchByTheirDistanceFromTheReference) {
  NetworkReport report = network_example(50, 40);
  TradeOff trade;
  trade.name = "mixed", trade.bytes = 9000, trade.ns = 4e5, trade.accuracy = 0.99, trade.points = -0.25;
  report.front = {trade};
  const std::string page = to_html(report);
  EXPECT_NE(page.find("mixed: \u22120.25 points"), std::string::npos);
  EXPECT_NE(page.find("net.lowbit: \u22120.10 points"), std::string::npos);
  EXPECT_NE(page.find("Hollow points"), std::string::npos);
  EXPECT_EQ(page.find("99.00 %"), std::string::npos);
  EXPECT_EQ(to_json(report).at("front").at(0).at("points"), -0.25);
}

TEST(NetworkReport, JsonHasTheSame) {
  const auto json = to_json(network_example(500, 100));
  EXPECT_EQ(json["schema"], "lowbit-report-1");
  EXPECT_EQ(json["verdict"], "bad");
  EXPECT_EQ(json["worst_layers"][0], "first<b>");
  EXPECT_EQ(json["models"][1]["top1"], 0.76);
  EXPECT_EQ(json["models"][1]["points"], -4.0);
  EXPECT_LT(json["models"][1]["points_interval"][0], -4.0);
  EXPECT_TRUE(json["models"][0]["sqnr_db"].is_null());
  EXPECT_EQ(json["models"][1]["layers"][0]["damage"], 0.7);
  EXPECT_EQ(json["models"][1]["layers"][0]["weights"]["levels"].size(), 3u);
  EXPECT_TRUE(json["models"][1]["layers"][2]["accumulated_sqnr_db"].is_null());
  EXPECT_EQ(json["changed"][0]["label"], 3);
  EXPECT_EQ(json["advice"].size(), 3u);
}

TEST(NetworkReport, MakesDoWithoutProbesLabelsAndPictures) {
  NetworkReport report = network_example(0, 0);
  report.has_labels = false;
  report.changed[0].label.reset();
  report.changed[0].picture.clear();
  for (LayerReport& layer : report.models[1].layers) layer = {.name = layer.name, .scheme = "int4"};
  const std::string page = to_html(report);
  EXPECT_NE(page.find("could not be compared"), std::string::npos);
  EXPECT_EQ(page.find("nan"), std::string::npos);
  EXPECT_EQ(page.find("<img"), std::string::npos);
  EXPECT_TRUE(to_json(report)["models"][1]["mcnemar_p"].is_null());
}

}  // namespace
}  // namespace lowbit::report
