// SPDX-License-Identifier: Apache-2.0
// The page of a sensitivity: what it comes to, then every layer with all widths on one axis, then the
// numbers.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <filesystem>

#include "report/dot_axis.h"
#include "report/figures.h"
#include "report/html.h"
#include "report/sensitivity_report.h"
#include "report/statistics.h"

namespace lowbit::report {
namespace {

using html::escaped;

constexpr std::size_t kMostLetters = 36;

std::string layer_name(const std::string& name) {
  return fmt::format("<span title=\"{}\">{}</span>", escaped(name),
                     escaped(html::shortened(name, kMostLetters)));
}

/// Points of top-1 against `reference`, or the agreement where there are no labels.
std::string change(const ModelScore& score, const ModelScore& reference, std::int64_t samples) {
  if (!score.correct || !reference.correct) return percent(part(score.agree, samples)) + " agree";
  const auto difference = static_cast<double>(*score.correct - *reference.correct);
  return fmt::format("{:+.2f} points", difference / static_cast<double>(samples) * 100);
}

/// Whether the change against fp32 is more than chance. Of the answers that differ at most, as many were lost
/// and won as the difference lets; without labels every one of them is a loss.
bool is_sure(const ModelScore& score, const ModelScore& fp32, std::int64_t samples) {
  const std::int64_t differ = samples - score.agree;
  const std::int64_t gained = score.correct && fp32.correct ? *score.correct - *fp32.correct : -differ;
  const std::int64_t won = std::max<std::int64_t>((differ + gained) / 2, 0);
  return !paired_difference(std::max<std::int64_t>(won - gained, 0), won, samples).contains(0);
}

/// The rows of one layer, in the order of the schemes.
struct LayerRows {
  std::string layer;
  std::int64_t weights = 0;
  std::vector<const LayerSensitivity*> rows{};
};

/// The order is that of the first scheme, or of the base: the most sensitive first.
std::vector<LayerRows> by_layer(const SensitivityReport& report) {
  std::vector<LayerRows> layers;
  for (const bool is_base : {true, false})
    for (const LayerSensitivity& row : report.sensitivity.rows) {
      if ((row.scheme == report.base) != is_base) continue;
      auto at = std::find_if(layers.begin(), layers.end(), [&](const LayerRows& l) {
        return l.layer == row.layer && l.weights == row.weights;
      });
      if (at == layers.end()) at = layers.insert(layers.end(), {row.layer, row.weights});
      at->rows.push_back(&row);
    }
  return layers;
}

/// "4" for int4-wo; else the scheme's first letters.
std::string width_of(const Scheme& scheme) {
  const std::string text = format_scheme(scheme);
  const std::size_t digit = text.find_first_of("0123456789");
  return digit == std::string::npos ? text.substr(0, 2) : text.substr(digit, 1);
}

const Sensitivity::Whole* base_whole(const SensitivityReport& report) {
  for (const Sensitivity::Whole& whole : report.sensitivity.schemes)
    if (whole.scheme == report.base) return &whole;
  return report.sensitivity.schemes.empty() ? nullptr : &report.sensitivity.schemes.front();
}

std::string conclusion(const SensitivityReport& report, const std::vector<LayerRows>& layers) {
  const Sensitivity& s = report.sensitivity;
  const Sensitivity::Whole* whole = base_whole(report);
  if (!whole || layers.empty()) return {};
  const LayerSensitivity& worst = *layers.front().rows.front();
  std::string text = fmt::format(
      "<section class=\"verdict {}\"><h2>{} needs bits most.</h2>\n<p class=\"lead\">In {}, it alone takes "
      "the network's "
      "output to {} dB of SQNR ({} against fp32{}); all layers together to {} dB ({}).</p>\n",
      is_sure(whole->score, s.fp32.score, s.samples) ? "bad" : "good", escaped(worst.layer),
      escaped(format_scheme(worst.scheme)), decibel(worst.only.sqnr_db),
      change(worst.only, s.fp32.score, s.samples),
      is_sure(worst.only, s.fp32.score, s.samples) ? "" : ", no more than chance",
      decibel(whole->score.sqnr_db), change(whole->score, s.fp32.score, s.samples));
  if (report.choice.overrides.empty())
    return text +
           fmt::format("<p>No layer gains by more bits within {:g} % more bytes than {}.</p></section>\n",
                       report.budget * 100, escaped(format_scheme(report.base)));
  text += fmt::format(
      "<h3>What to do</h3>\n<p>Give {} layer{} more bits: {:+.1f} % bytes. Checked on {} images that the "
      "choice did not see:"
      "</p>\n<table>\n<thead><tr><th scope=\"col\" class=\"left\">scheme</th><th scope=\"col\">model "
      "bytes</th><th "
      "scope=\"col\">top-1</th><th scope=\"col\">agree</th><th scope=\"col\">SQNR, "
      "dB</th></tr></thead>\n<tbody>\n",
      report.choice.overrides.size(), report.choice.overrides.size() == 1 ? "" : "s",
      report.choice.bytes > 0
          ? (static_cast<double>(report.choice.new_bytes) / static_cast<double>(report.choice.bytes) - 1) *
                100
          : 0.0,
      with_separators(static_cast<std::uint64_t>(report.check_images)));
  for (const auto& check : report.checks)
    text += fmt::format("<tr><th scope=\"row\">{}</th><td>{}</td><td>{}</td><td>{}</td><td>{}</td></tr>\n",
                        escaped(check.name), with_separators(check.bytes),
                        percent(part(check.correct, report.check_images)),
                        percent(part(check.agree, report.check_images)), decibel(check.sqnr_db));
  return text + "</tbody></table>\n" + html::command(report.command) + "</section>\n";
}

double gain_of(const Sensitivity& s, const LayerSensitivity& row) {
  const double gain = row.all_but.sqnr_db - s.whole(row.scheme).score.sqnr_db;
  return std::isnan(gain) ? 0.0 : gain;
}

/// All layers and all widths on one axis.
std::string chart(const SensitivityReport& report, const std::vector<LayerRows>& layers) {
  const Sensitivity& s = report.sensitivity;
  std::vector<double> alone, gains{0.0};
  for (const LayerSensitivity& row : s.rows)
    alone.push_back(row.only.sqnr_db), gains.push_back(gain_of(s, row));
  const DotAxis left(alone), right(gains, 1);
  std::string text = fmt::format(
      "<section><h2>Every layer</h2>\n<ul class=\"key\"><li>numbers in circles: bits of the "
      "weights</li><li>full: the change "
      "of answers is more than chance (95 %)</li><li>empty: no more than chance</li></ul>\n<table "
      "class=\"layers tall\">\n"
      "<thead><tr><th scope=\"col\" class=\"left\">layer</th><th scope=\"col\">quantized alone: SQNR of the "
      "output, dB; "
      "further right is better{}</th><th scope=\"col\">left fp32, all others quantized: gain, "
      "dB{}</th></tr></thead>\n"
      "<tbody>\n",
      left.numbers(), right.numbers());
  for (const LayerRows& layer : layers) {
    std::vector<DotAxis::Dot> only, but;
    std::string spoken;
    for (const LayerSensitivity* row : layer.rows) {
      const std::string scheme = format_scheme(row->scheme), width = width_of(row->scheme);
      const std::string one =
          fmt::format("{} dB, {}", decibel(row->only.sqnr_db), change(row->only, s.fp32.score, s.samples));
      only.push_back({row->only.sqnr_db, is_sure(row->only, s.fp32.score, s.samples) ? "width sure" : "width",
                      width, scheme + ": " + one});
      const double gain = gain_of(s, *row);
      but.push_back({gain, "width", width,
                     fmt::format("{}: {} dB, {}", scheme, signed_decibel(gain),
                                 change(row->all_but, s.whole(row->scheme).score, s.samples))});
      if (row->scheme == report.base || layer.rows.size() == 1) spoken = scheme + ": " + one;
    }
    text += fmt::format(
        "<tr><th scope=\"row\">{}<small>{} "
        "weights</small></th><td>{}<small>{}</small></td><td>{}</td></tr>\n",
        layer_name(layer.layer), with_separators(static_cast<std::uint64_t>(layer.weights)), left.dots(only),
        escaped(spoken), right.dots(but));
  }
  return text + "</tbody></table></section>\n";
}

std::string numbers(const SensitivityReport& report, const Sensitivity::Whole& whole) {
  const Sensitivity& s = report.sensitivity;
  std::string text = fmt::format(
      "<details><summary>{}: all layers: {} bytes, SQNR {} dB, top-1 {}, agree "
      "{}</summary>\n<table><thead><tr><th "
      "scope=\"col\" class=\"left\">layer</th><th scope=\"col\">bytes</th><th scope=\"col\">only it: SQNR, "
      "dB</th><th "
      "scope=\"col\">change</th><th scope=\"col\">all but it: gain, dB</th><th "
      "scope=\"col\">change</th></tr></thead>\n<tbody>\n",
      escaped(format_scheme(whole.scheme)), with_separators(whole.bytes), decibel(whole.score.sqnr_db),
      percent(part(whole.score.correct, s.samples)), percent(part(whole.score.agree, s.samples)));
  for (const LayerSensitivity& row : s.rows)
    if (row.scheme == whole.scheme)
      text += fmt::format(
          "<tr><th scope=\"row\">{}</th><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td></tr>\n",
          layer_name(row.layer), with_separators(row.bytes), decibel(row.only.sqnr_db),
          change(row.only, s.fp32.score, s.samples), signed_decibel(gain_of(s, row)),
          change(row.all_but, whole.score, s.samples));
  return text + "</tbody></table></details>\n";
}

}  // namespace

std::string to_html(const SensitivityReport& report) {
  const Sensitivity& s = report.sensitivity;
  const std::string title = "Sensitivity of " + std::filesystem::path(report.model).filename().string();
  const std::vector<LayerRows> layers = by_layer(report);
  std::string body = fmt::format(
      "<header><p class=\"kicker\">lowbit sensitivity</p><h1>{}</h1>\n<p class=\"quiet\">{}; {} images of "
      "{}; fp32: {} "
      "bytes, top-1 {}</p></header>\n<main>\n",
      escaped(title), escaped(report.model), report.images, escaped(report.data),
      with_separators(s.fp32.bytes), percent(part(s.fp32.score.correct, s.samples)));
  body += conclusion(report, layers) + chart(report, layers);
  body +=
      "<section><h2>The numbers</h2>\n<p class=\"quiet\">Changes: top-1 in points, or agreement without "
      "labels; of only "
      "it against fp32, of all but it against all layers quantized.</p>\n";
  for (const Sensitivity::Whole& whole : s.schemes) body += numbers(report, whole);
  return html::page(title, body + "</section></main>\n");
}

}  // namespace lowbit::report
