// SPDX-License-Identifier: Apache-2.0
#include "report/sensitivity_report.h"

#include <fmt/format.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "report/figures.h"
#include "report/table.h"
#include "report/terminal.h"

namespace lowbit::report {
namespace {

using Json = nlohmann::ordered_json;

/// Points of top-1 between two models, "+0.40", or "-" without labels.
std::string points(const ModelScore& score, const ModelScore& reference, std::int64_t samples) {
  if (!score.correct || !reference.correct) return "-";
  const auto difference = static_cast<double>(*score.correct - *reference.correct);
  return fmt::format("{:+.2f}", difference / static_cast<double>(samples) * 100);
}

std::string scheme_table(const Sensitivity& s, const Sensitivity::Whole& whole, bool colour) {
  Table table({{"layer", Table::Align::left},
               {"weights"},
               {"bytes"},
               {"only: SQNR dB"},
               {"top-1"},
               {"agree"},
               {"all but: SQNR dB"},
               {"gain"},
               {"top-1"},
               {"agree"}});
  for (const LayerSensitivity& row : s.rows) {
    if (row.scheme != whole.scheme) continue;
    table.add_row({row.layer, with_separators(static_cast<std::uint64_t>(row.weights)),
                   with_separators(row.bytes), decibel(row.only.sqnr_db),
                   points(row.only, s.fp32.score, s.samples), percent(part(row.only.agree, s.samples)),
                   decibel(row.all_but.sqnr_db), signed_decibel(row.all_but.sqnr_db - whole.score.sqnr_db),
                   points(row.all_but, whole.score, s.samples), percent(part(row.all_but.agree, s.samples))});
  }
  const std::string top1 = percent(part(whole.score.correct, s.samples));
  return styled(fmt::format("{}: all layers: {} bytes, SQNR {} dB, top-1 {}, agree {}",
                            format_scheme(whole.scheme), with_separators(whole.bytes),
                            decibel(whole.score.sqnr_db), top1, percent(part(whole.score.agree, s.samples))),
                Style::bold, colour) +
         "\n" + table.to_string(colour);
}

std::string overrides_text(const SensitivityReport& report, bool colour) {
  const double most = report.budget * 100;
  if (report.choice.overrides.empty())
    return fmt::format("no layer gains by more bits within {:g} % more bytes than {}\n", most,
                       format_scheme(report.base));
  Table table({{"scheme", Table::Align::left}, {"model bytes"}, {""}, {"top-1"}, {"agree"}, {"SQNR dB"}});
  const auto base = static_cast<double>(report.choice.bytes);
  for (const auto& check : report.checks) {
    const double more = (static_cast<double>(check.bytes) / base - 1) * 100;
    const bool is_base = check.bytes == report.choice.bytes;
    table.add_row({check.name, with_separators(check.bytes), is_base ? "" : fmt::format("{:+.1f} %", more),
                   percent(part(check.correct, report.check_images)),
                   percent(part(check.agree, report.check_images)), decibel(check.sqnr_db)});
  }
  return styled(fmt::format("overrides for {}, at most {:g} % more bytes, checked on {} images:",
                            format_scheme(report.base), most, report.check_images),
                Style::bold, colour) +
         "\n" + table.to_string(colour) + "\n" + report.command + "\n";
}

Json score_json(const ModelScore& score, std::int64_t samples) {
  return {{"sqnr_db", number(score.sqnr_db)},
          {"top1", number(part(score.correct, samples))},
          {"agree", number(part(score.agree, samples))}};
}

Json whole_json(const Sensitivity::Whole& whole, std::int64_t samples) {
  Json json = {{"scheme", format_scheme(whole.scheme)}, {"bytes", whole.bytes}};
  json.update(score_json(whole.score, samples));
  return json;
}

Json overrides_json(const SensitivityReport& report) {
  Json layers = Json::array(), checks = Json::array();
  for (const auto& [layer, scheme] : report.choice.overrides)
    layers.push_back({{"layer", layer}, {"scheme", format_scheme(scheme)}});
  for (const auto& check : report.checks)
    checks.push_back({{"name", check.name},
                      {"bytes", check.bytes},
                      {"sqnr_db", number(check.sqnr_db)},
                      {"top1", number(part(check.correct, report.check_images))},
                      {"agree", number(part(check.agree, report.check_images))}});
  return {{"scheme", format_scheme(report.base)},
          {"budget", report.budget},
          {"bytes", report.choice.bytes},
          {"new_bytes", report.choice.new_bytes},
          {"layers", layers},
          {"flags", override_flags(report.choice)},
          {"command", report.command},
          {"check_images", report.check_images},
          {"checks", checks}};
}

}  // namespace

std::string shell_word(const std::string& text) {
  constexpr const char* kPlain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_@%+=:,./-";
  if (!text.empty() && text.find_first_not_of(kPlain) == std::string::npos) return text;
  std::string word = "'";
  for (const char c : text) word += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return word + "'";
}

std::string override_flags(const OverrideChoice& choice) {
  std::string flags;
  for (const auto& [layer, scheme] : choice.overrides)
    flags +=
        (flags.empty() ? "--override " : " --override ") + shell_word(layer + "=" + format_scheme(scheme));
  return flags;
}

std::string format_sensitivity(const SensitivityReport& report, bool colour) {
  const Sensitivity& s = report.sensitivity;
  std::string text =
      fmt::format("{} on {}: {} images; fp32: {} bytes, top-1 {}\n", report.model, report.data, report.images,
                  with_separators(s.fp32.bytes), percent(part(s.fp32.score.correct, s.samples)));
  text +=
      "only: this layer quantized, all others fp32; all but: this layer fp32, all others quantized; gain\n"
      "and top-1 there: against all layers quantized, else against fp32, in points\n\n";
  for (const Sensitivity::Whole& whole : s.schemes) text += scheme_table(s, whole, colour) + "\n";
  return text + overrides_text(report, colour);
}

Json to_json(const SensitivityReport& report) {
  const Sensitivity& s = report.sensitivity;
  Json schemes = Json::array(), rows = Json::array();
  for (const Sensitivity::Whole& whole : s.schemes) schemes.push_back(whole_json(whole, s.samples));
  for (const LayerSensitivity& row : s.rows)
    rows.push_back({{"layer", row.layer},
                    {"scheme", format_scheme(row.scheme)},
                    {"weights", row.weights},
                    {"bytes", row.bytes},
                    {"only", score_json(row.only, s.samples)},
                    {"all_but", score_json(row.all_but, s.samples)}});
  return {{"schema", "lowbit-sensitivity-1"},
          {"model", report.model},
          {"data", report.data},
          {"images", report.images},
          {"calib_images", report.calib_images},
          {"observer", report.observer ? Json(*report.observer) : Json(nullptr)},
          {"fp32", whole_json(s.fp32, s.samples)},
          {"schemes", schemes},
          {"rows", rows},
          {"overrides", overrides_json(report)}};
}

}  // namespace lowbit::report
