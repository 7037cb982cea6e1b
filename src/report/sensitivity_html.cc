// SPDX-License-Identifier: Apache-2.0
// The page: text, one SVG bar chart a scheme, styles that follow the reader's light or dark setting, and
// nothing from elsewhere.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <filesystem>

#include "report/figures.h"
#include "report/sensitivity_report.h"

namespace lowbit::report {
namespace {

constexpr double kBarHeight = 16, kRowHeight = 22, kBarRoom = 250, kValueRoom = 130, kGap = 24, kTop = 30;
// Longer names are cut in the chart; the tooltip has them whole.
constexpr std::size_t kMostLetters = 36;
constexpr double kLetter = 7.3;  // a character of the monospaced labels

constexpr const char* kStyle = R"(
:root { color-scheme: light dark; --page: #ffffff; --ink: #1f2328; --quiet: #59636e; --line: #d1d9e0;
  --only: #b54708; --but: #0969da; }
@media (prefers-color-scheme: dark) { :root { --page: #0d1117; --ink: #e6edf3; --quiet: #9198a1; --line: #3d444d;
  --only: #e8833a; --but: #58a6ff; } }
body { background: var(--page); color: var(--ink); font: 15px/1.5 system-ui, sans-serif; max-width: 60rem;
  margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.4rem; } h2 { font-size: 1.1rem; margin: 2.2rem 0 0.2rem; }
p { margin: 0.3rem 0; } .quiet { color: var(--quiet); }
svg { display: block; width: 100%; height: auto; }
svg text { fill: var(--ink); font: 12px ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace; }
svg .title, svg .value { fill: var(--quiet); }
svg .only { fill: var(--only); } svg .but { fill: var(--but); } svg line { stroke: var(--line); }
table { border-collapse: collapse; } td, th { padding: 0.15rem 0.9rem 0.15rem 0; text-align: right; }
td:first-child, th:first-child { text-align: left; } th { border-bottom: 1px solid var(--line); font-weight: 600; }
pre { border: 1px solid var(--line); border-radius: 6px; padding: 0.7rem; white-space: pre-wrap;
  overflow-wrap: anywhere; font: 13px/1.45 ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace; }
)";

/// Bytes below space are no characters of a page.
std::string escaped(const std::string& text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      case '\'':
        out += "&#39;";
        break;
      default:
        out += static_cast<unsigned char>(c) < ' ' ? ' ' : c;
    }
  }
  return out;
}

bool starts_character(char c) {
  return (static_cast<unsigned char>(c) & 0xC0) != 0x80;
}

std::size_t letters(const std::string& text) {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), starts_character));
}

/// Its last characters where there are too many: layers of a network differ at the end of their names.
std::string shortened(const std::string& name) {
  std::size_t drop = letters(name);
  if (drop <= kMostLetters) return name;
  drop -= kMostLetters - 3;
  std::size_t at = 0;
  for (std::size_t seen = 0; at < name.size(); ++at)
    if (starts_character(name[at]) && seen++ == drop) break;
  return "..." + name.substr(at);
}

/// Amplitude of the noise in the output, in percent of the signal's.
double noise_percent(const ModelScore& score) {
  return std::isnan(score.sqnr_db) ? 0.0 : 100 * std::pow(10.0, -score.sqnr_db / 20);
}

std::string change(const ModelScore& score, const ModelScore& reference, std::int64_t samples) {
  if (!score.correct || !reference.correct) return percent(part(score.agree, samples)) + " agree";
  const auto difference = static_cast<double>(*score.correct - *reference.correct);
  return fmt::format("{:+.2f} pt", difference / static_cast<double>(samples) * 100);
}

struct Bar {
  double value = 0;
  std::string text;
};

/// One chart: names, bars of a layer alone, bars of all but the layer.
class Chart {
 public:
  Chart(const Sensitivity& s, const Sensitivity::Whole& whole) {
    for (const LayerSensitivity& row : s.rows) {
      if (row.scheme != whole.scheme) continue;
      names_.push_back(row.layer);
      only_.push_back({noise_percent(row.only), fmt::format("{} dB, {}", decibel(row.only.sqnr_db),
                                                            change(row.only, s.fp32.score, s.samples))});
      const double gain = row.all_but.sqnr_db - whole.score.sqnr_db;
      but_.push_back(
          {std::isfinite(gain) ? std::max(gain, 0.0) : 0.0,
           fmt::format("{} dB, {}", signed_decibel(gain), change(row.all_but, whole.score, s.samples))});
    }
  }

  std::string svg() const {
    std::size_t longest = 5;
    for (const std::string& name : names_) longest = std::max(longest, letters(shortened(name)));
    const double left = static_cast<double>(longest) * kLetter + 12;
    const double middle = left + kBarRoom + kValueRoom + kGap;
    const double width = middle + kBarRoom + kValueRoom;
    const double height = kTop + static_cast<double>(names_.size()) * kRowHeight + 6;
    std::string text =
        fmt::format("<svg viewBox=\"0 0 {:.0f} {:.0f}\" role=\"img\" aria-label=\"output noise by layer\">\n",
                    width, height);
    text += fmt::format(
        "<text class=\"title\" x=\"{:.1f}\" y=\"16\">quantized alone: noise in the output</text>\n", left);
    text += fmt::format(
        "<text class=\"title\" x=\"{:.1f}\" y=\"16\">left fp32, others quantized: gain</text>\n", middle);
    for (const double x : {left, middle})
      text +=
          fmt::format("<line x1=\"{0:.1f}\" y1=\"24\" x2=\"{0:.1f}\" y2=\"{1:.1f}\"/>\n", x - 2, height - 4);
    for (std::size_t i = 0; i < names_.size(); ++i) {
      const double y = kTop + static_cast<double>(i) * kRowHeight;
      text += fmt::format("<text x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"end\">{}<title>{}</title></text>\n",
                          left - 8, y + 12.5, escaped(shortened(names_[i])), escaped(names_[i]));
      text += bar(only_, i, left, y, "only") + bar(but_, i, middle, y, "but");
    }
    return text + "</svg>\n";
  }

 private:
  std::string bar(const std::vector<Bar>& bars, std::size_t i, double x, double y, const char* style) const {
    double most = 0;
    for (const Bar& b : bars) most = std::max(most, b.value);
    const double width = most > 0 ? bars[i].value / most * kBarRoom : 0.0;
    return fmt::format(
        "<rect class=\"{0}\" x=\"{1:.1f}\" y=\"{2:.1f}\" width=\"{3:.1f}\" height=\"{4:.0f}\" rx=\"2\">"
        "<title>{5}: {6}</title></rect>\n<text class=\"value\" x=\"{7:.1f}\" y=\"{8:.1f}\">{6}</text>\n",
        style, x, y, std::max(width, 1.0), kBarHeight, escaped(names_[i]), bars[i].text, x + width + 6,
        y + 12.5);
  }

  std::vector<std::string> names_;
  std::vector<Bar> only_, but_;
};

std::string scheme_section(const Sensitivity& s, const Sensitivity::Whole& whole) {
  return fmt::format(
             "<h2>{}</h2>\n<p class=\"quiet\">all layers: {} bytes, SQNR {} dB, top-1 {}, agree {}</p>\n",
             escaped(format_scheme(whole.scheme)), with_separators(whole.bytes), decibel(whole.score.sqnr_db),
             percent(part(whole.score.correct, s.samples)), percent(part(whole.score.agree, s.samples))) +
         Chart(s, whole).svg();
}

std::string overrides_section(const SensitivityReport& report) {
  std::string text = fmt::format("<h2>Overrides for {}, at most {:g} % more bytes</h2>\n",
                                 escaped(format_scheme(report.base)), report.budget * 100);
  if (report.choice.overrides.empty()) return text + "<p>No layer gains by more bits within them.</p>\n";
  text += fmt::format(
      "<p class=\"quiet\">checked on {} images</p>\n<table>\n<tr><th>scheme</th><th>model bytes</th>"
      "<th>top-1</th><th>agree</th><th>SQNR dB</th></tr>\n",
      report.check_images);
  for (const auto& check : report.checks)
    text +=
        fmt::format("<tr><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td></tr>\n", escaped(check.name),
                    with_separators(check.bytes), percent(part(check.correct, report.check_images)),
                    percent(part(check.agree, report.check_images)), decibel(check.sqnr_db));
  return text + fmt::format("</table>\n<pre>{}</pre>\n", escaped(report.command));
}

}  // namespace

std::string to_html(const SensitivityReport& report) {
  const Sensitivity& s = report.sensitivity;
  std::string text = fmt::format(
      "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
      "<title>Sensitivity of {0}</title>\n<style>{1}</style>\n</head>\n<body>\n<h1>Sensitivity of {0}</h1>\n",
      escaped(std::filesystem::path(report.model).filename().string()), kStyle);
  text += fmt::format("<p class=\"quiet\">{}; {} images of {}; fp32: {} bytes, top-1 {}</p>\n",
                      escaped(report.model), report.images, escaped(report.data),
                      with_separators(s.fp32.bytes), percent(part(s.fp32.score.correct, s.samples)));
  text +=
      "<p>Left bars: amplitude of the noise in the output when this layer alone is quantized; beside them "
      "the "
      "SQNR, and the change of top-1 against fp32 in points (or the agreement with it, without labels). "
      "Right "
      "bars: dB of SQNR gained when this layer alone stays fp32, and the change of top-1 against all layers "
      "quantized.</p>\n";
  for (const Sensitivity::Whole& whole : s.schemes) text += scheme_section(s, whole);
  return text + overrides_section(report) + "</body>\n</html>\n";
}

}  // namespace lowbit::report
