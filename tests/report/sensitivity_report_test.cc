// SPDX-License-Identifier: Apache-2.0
#include "report/sensitivity_report.h"

#include <gtest/gtest.h>

#include <limits>
#include <nlohmann/json.hpp>

#include "report/figures.h"

namespace lowbit::report {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

LayerSensitivity row(const std::string& layer, double only, double all_but) {
  LayerSensitivity r;
  r.layer = layer;
  r.scheme = "int4-wo";
  r.weights = 1000;
  r.bytes = 500;
  r.only = {only, 90, 80};
  r.all_but = {all_but, 70, 60};
  return r;
}

SensitivityReport example_sensitivities() {
  SensitivityReport report;
  report.model = "net <1>.onnx";
  report.data = "glyphs";
  report.images = 100;
  report.sensitivity.samples = 100;
  report.sensitivity.fp32 = {"fp32", 8000, {kInfinity, 100, 85}};
  report.sensitivity.schemes = {{"int4-wo", 1000, {9.5, 65, 50}}};
  report.sensitivity.rows = {row("a<b>&\"c'", 12.25, 11.5), row("second", kInfinity, 9.46)};
  report.base = "int4-wo";
  report.budget = 0.1;
  report.choice = {{{"a<b>&\"c'", "int8-wo"}, {"second", "fp32"}}, 1000, 1090};
  report.command = "lowbit eval net " + override_flags(report.choice);
  report.check_images = 200;
  report.checks = {{"fp32", 8000, kInfinity, 180, 200}, {"int4-wo", 1000, 9.0, 150, 160}};
  return report;
}

SensitivityReport without_labels() {
  SensitivityReport report = example_sensitivities();
  report.sensitivity.fp32.score.correct.reset();
  report.sensitivity.schemes[0].score.correct.reset();
  for (LayerSensitivity& r : report.sensitivity.rows) r.only.correct.reset(), r.all_but.correct.reset();
  for (auto& check : report.checks) check.correct.reset();
  return report;
}

TEST(SensitivityReport, TableHasChangesAndEndsWithTheCommand) {
  const std::string text = format_sensitivity(example_sensitivities(), false);
  EXPECT_NE(text.find("int4-wo: all layers: 1,000 bytes, SQNR 9.5 dB, top-1 50.00 %, agree 65.00 %"),
            std::string::npos)
      << text;
  // 80 against 85 of 100 in fp32; 11.5 against 9.5 dB and 60 against 50 right in int4.
  EXPECT_NE(text.find("12.2  -5.00  90.00 %              11.5  +2.0  +10.00  70.00 %"), std::string::npos)
      << text;
  EXPECT_NE(text.find(" -0.0"), 0u);
  EXPECT_EQ(text.find("-0.0 "), std::string::npos) << "9.46 - 9.5 is no minus zero\n" << text;
  const std::string end = "--override 'a<b>&\"c'\\''=int8-wo' --override second=fp32\n";
  EXPECT_EQ(text.substr(text.size() - end.size()), end);
}

TEST(SensitivityReport, UnknownTop1IsADash) {
  const std::string text = format_sensitivity(without_labels(), false);
  EXPECT_NE(text.find("top-1 -, agree 65.00 %"), std::string::npos) << text;
  EXPECT_NE(text.find("12.2      -  90.00 %"), std::string::npos) << text;
  const auto json = to_json(without_labels());
  EXPECT_TRUE(json["rows"][0]["only"]["top1"].is_null());
  EXPECT_EQ(json["rows"][0]["only"]["agree"], 0.9);
  EXPECT_NE(to_html(without_labels()).find("12.2 dB, 90.00 % agree"), std::string::npos);
}

TEST(SensitivityReport, NothingToLiftIsSaid) {
  SensitivityReport report = example_sensitivities();
  report.choice.overrides.clear();
  EXPECT_NE(format_sensitivity(report, false).find("no layer gains by more bits within 10 % more bytes"),
            std::string::npos);
  EXPECT_NE(to_html(report).find("No layer gains"), std::string::npos);
}

TEST(SensitivityReport, JsonHasTheSchema) {
  const auto json = to_json(example_sensitivities());
  EXPECT_EQ(json["schema"], "lowbit-sensitivity-1");
  EXPECT_EQ(json["fp32"]["top1"], 0.85);
  EXPECT_TRUE(json["fp32"]["sqnr_db"].is_null()) << "JSON has no infinity";
  EXPECT_TRUE(json["observer"].is_null());
  EXPECT_EQ(json["schemes"][0]["bytes"], 1000);
  ASSERT_EQ(json["rows"].size(), 2u);
  EXPECT_EQ(json["rows"][0]["layer"], "a<b>&\"c'");
  EXPECT_EQ(json["rows"][0]["only"]["sqnr_db"], 12.25);
  EXPECT_EQ(json["rows"][0]["all_but"]["top1"], 0.6);
  EXPECT_EQ(json["overrides"]["layers"][1]["scheme"], "fp32");
  EXPECT_EQ(json["overrides"]["new_bytes"], 1090);
  EXPECT_EQ(json["overrides"]["checks"][1]["top1"], 0.75);
}

TEST(SensitivityReport, PageStandsAloneAndEscapesNames) {
  const std::string page = to_html(example_sensitivities());
  for (const char* outside : {"http", "src=", "href=", "url(", "@import", "<script", "<link"})
    EXPECT_EQ(page.find(outside), std::string::npos) << outside;
  EXPECT_EQ(page.find("a<b>"), std::string::npos);
  EXPECT_NE(page.find("a&lt;b&gt;&amp;&quot;c&#39;"), std::string::npos);
  EXPECT_NE(page.find("net &lt;1&gt;.onnx"), std::string::npos);
  EXPECT_NE(page.find("prefers-color-scheme: dark"), std::string::npos);
  EXPECT_LT(page.find("a&lt;b"), page.find("second")) << "the most sensitive first";
  // The conclusion comes before everything, with the command that follows from it.
  const std::size_t conclusion = page.find("needs bits most.");
  EXPECT_LT(conclusion, page.find("lowbit eval net"));
  EXPECT_LT(page.find("lowbit eval net"), page.find("Every layer"));
  // 80 against 85 of 100 right, with 10 other answers: no more than chance.
  EXPECT_NE(page.find("-5.00 points against fp32, no more than chance"), std::string::npos) << page;
  EXPECT_NE(
      page.find("<i class=\"width\" style=\"left:22.5%\" title=\"int4-wo: 12.2 dB, -5.00 points\">4</i>"),
      std::string::npos)
      << page;
}

TEST(SensitivityReport, WidthsShareOneScale) {
  SensitivityReport report = example_sensitivities();
  report.sensitivity.schemes.push_back({"int8-wo", 2000, {40, 100, 85}});
  LayerSensitivity wide = row("second", 42, 41);
  wide.scheme = "int8-wo";
  report.sensitivity.rows.push_back(wide);
  const std::string page = to_html(report);
  const auto place = [&](const std::string& tip) {
    const std::size_t at = page.find("title=\"" + tip);
    return at == std::string::npos ? page : page.substr(at - 20, 18);
  };
  // The axis is from 10 to 50.
  EXPECT_NE(place("int8-wo: 42.0 dB").find("left:80.0%"), std::string::npos) << place("int8-wo: 42.0 dB");
  EXPECT_NE(place("int4-wo: 12.2 dB").find("left:5.6%"), std::string::npos) << place("int4-wo: 12.2 dB");
}

TEST(SensitivityReport, LongNamesAreCutInTheChart) {
  SensitivityReport report = example_sensitivities();
  report.sensitivity.rows[0].layer = "/model/" + std::string(60, 'x') + "/\xC3\xA4/conv";
  const std::string page = to_html(report);
  EXPECT_NE(page.find("title=\"/model/" + std::string(60, 'x') + "/\xC3\xA4/conv\">..." +
                      std::string(26, 'x') + "/\xC3\xA4/conv</span>"),
            std::string::npos)
      << page;
}

TEST(ShellWord, QuotesWhatAShellWouldChange) {
  EXPECT_EQ(shell_word("conv_1=int8-wo"), "conv_1=int8-wo");
  EXPECT_EQ(shell_word("/a/b.onnx"), "/a/b.onnx");
  EXPECT_EQ(shell_word(""), "''");
  EXPECT_EQ(shell_word("a b"), "'a b'");
  EXPECT_EQ(shell_word("$x*"), "'$x*'");
  EXPECT_EQ(shell_word("it's"), "'it'\\''s'");
}

TEST(Figures, AreWrittenForPeople) {
  EXPECT_EQ(with_separators(1234567), "1,234,567");
  EXPECT_EQ(with_separators(999), "999");
  EXPECT_EQ(percent(part(991, 1000)), "99.10 %");
  EXPECT_EQ(percent(part(std::nullopt, 1000)), "-");
  EXPECT_EQ(percent(part(0, 0)), "-");
  EXPECT_EQ(decibel(12.34), "12.3");
  EXPECT_EQ(signed_decibel(-0.04), "+0.0");
  EXPECT_EQ(signed_decibel(-1.26), "-1.3");
  EXPECT_EQ(signed_decibel(kInfinity), "inf");
}

}  // namespace
}  // namespace lowbit::report
