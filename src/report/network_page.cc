// SPDX-License-Identifier: Apache-2.0
#include "report/network_page.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>

#include "report/figures.h"
#include "report/html.h"
#include "report/recovery_report.h"
#include "report/verdict.h"

namespace lowbit::report::page {
namespace {

using html::escaped;

std::string tile(const std::string& name, const std::string& value, const std::string& by) {
  return fmt::format(
      "<div class=\"tile\"><dt>{}</dt><dd><span class=\"big\">{}</span><span "
      "class=\"by\">{}</span></dd></div>\n",
      name, value, by);
}

std::string to(double low, double high) {
  return fmt::format("{:.2f} to {:.2f} %", low * 100, high * 100);
}

/// The figure of a cell, and what stands below it.
std::string cell(const std::string& figure, const std::string& small = {}) {
  return fmt::format("<td><span class=\"nowrap\">{}</span>{}</td>", figure,
                     small.empty() ? "" : "<small>" + small + "</small>");
}

double ratio(std::uint64_t a, std::uint64_t b) {
  return b > 0 ? static_cast<double>(a) / static_cast<double>(b) : 0.0;
}

std::string tiles(const NetworkReport& report, const Verdict& verdict) {
  const NetworkModel &model = report.judged(), &original = report.original();
  const std::string against = "against " + escaped(original.name);
  std::string text = "<dl class=\"tiles\">\n";
  if (report.has_labels)
    text += tile("images right", percent(part(model.correct, report.images)),
                 fmt::format("{} points {}", points_text(verdict.points), against));
  text += tile("same answer", percent(part(model.agree, report.images)), "as " + escaped(original.name));
  text += tile(
      "size", size_text(model.bytes),
      fmt::format("{:.1f} % of {}", ratio(model.bytes, original.bytes) * 100, size_text(original.bytes)));
  text += tile(
      "time an image", time_text(model.time.ns),
      fmt::format("{}; {} before", speed_text(original.time.ns, model.time.ns), time_text(original.time.ns)));
  text += tile(
      "memory of a run", size_text(model.memory),
      fmt::format("{:.1f} % of {}", ratio(model.memory, original.memory) * 100, size_text(original.memory)));
  if (model.joules) text += tile("energy an image", fmt::format("{:.3g} J", *model.joules), "");
  return text + "</dl>\n";
}

/// The layers that hurt, as a short list.
std::string hurting(const NetworkReport& report) {
  const std::string damage = damage_sentence(report);
  if (damage.empty()) return {};
  std::string text =
      fmt::format("<div><h3>Which layers hurt</h3>\n<p>{}</p>\n<table><tbody>\n", escaped(damage));
  const std::vector<std::size_t> worst = worst_layers(report, 3, 1e-9);
  const double most = report.judged().layers[worst[0]].damage;
  for (const std::size_t i : worst) {
    const LayerReport& layer = report.judged().layers[i];
    text += fmt::format(
        "<tr><th scope=\"row\">{} <span class=\"chip\">{}</span></th><td>{:.1f} %<span class=\"meter\" "
        "aria-hidden=\"true\">"
        "<i class=\"other\" style=\"width:{:.1f}%\"></i></span></td></tr>\n",
        escaped(html::shortened(layer.name, 30)), escaped(layer.scheme), layer.damage * 100,
        layer.damage / most * 100);
  }
  return text +
         "</tbody></table><p class=\"note\">Damage: the part of the noise in the output that a layer causes "
         "where it alone is quantized. <a href=\"#layers\">All layers</a></p></div>\n";
}

std::string steps(const NetworkReport& report) {
  std::string text = "<div><h3>What to do next</h3>\n<ol class=\"steps\">\n";
  for (const Advice& advice : advise(report)) {
    text += fmt::format("<li><b>{}</b> {}", escaped(advice.title), escaped(advice.why));
    if (!advice.command.empty()) text += html::command(advice.command);
    text += "</li>\n";
  }
  return text + "</ol></div>\n";
}

std::string row_of(const NetworkReport& report, std::size_t i) {
  const NetworkModel &model = report.models[i], &original = report.original();
  const Verdict verdict = judge(report, i);
  const bool is_reference = i == report.reference;
  std::string text = fmt::format("<tr{}><th scope=\"row\">{}<small>{}, {:.2f} bits a weight</small></th>",
                                 i == report.subject ? " class=\"judged\"" : "", escaped(model.name),
                                 escaped(model.scheme), model.bits);
  if (report.has_labels) {
    const Interval right = wilson(model.correct.value_or(0), report.images);
    text += cell(percent(part(model.correct, report.images)), to(right.low, right.high));
    text += is_reference
                ? cell("")
                : cell(points_text(verdict.points), fmt::format("{} to {}", points_text(verdict.interval.low),
                                                                points_text(verdict.interval.high)));
  }
  const Interval same = wilson(model.agree, report.images);
  text += is_reference ? cell("") : cell(percent(part(model.agree, report.images)), to(same.low, same.high));
  text += cell(size_text(model.bytes), fmt::format("{:.1f} %", ratio(model.bytes, original.bytes) * 100));
  text += cell(time_text(model.time.ns), is_reference ? "" : speed_text(original.time.ns, model.time.ns));
  text += fmt::format("<td class=\"wide\">{}</td><td class=\"wide\">{}</td></tr>\n", size_text(model.memory),
                      is_reference ? "" : decibel(model.error.sqnr_db));
  return text;
}

std::string chart(const char* title, const std::string& svg) {
  return svg.empty() ? "" : fmt::format("<figure><figcaption>{}</figcaption>{}</figure>\n", title, svg);
}

std::string answer(const ChangedAnswer& changed, std::int64_t value, const std::optional<double>& confidence,
                   const char* who) {
  const char* style = !changed.label ? "" : *changed.label == value ? "right" : "wrong";
  return fmt::format(
      "<div>{}: <span class=\"{}\">{}{}</span>{}</div>", who, style, value,
      !changed.label            ? ""
      : *changed.label == value ? " \u2713"
                                : " \u2717",
      confidence ? fmt::format(" <span class=\"quiet\">{:.0f} %</span>", *confidence * 100) : "");
}

}  // namespace

std::string verdict_section(const NetworkReport& report) {
  const Verdict verdict = judge(report);
  constexpr const char* kStyles[] = {"good", "unclear", "bad"};
  constexpr const char* kMarks[] = {"\u2713", "?", "\u2717"};
  const auto kind = static_cast<std::size_t>(verdict.kind);
  std::string text = fmt::format(
      "<section id=\"verdict\" class=\"verdict {}\"><h2><span aria-hidden=\"true\">{}</span> {}</h2>\n"
      "<p class=\"lead\">{}</p>\n",
      kStyles[kind], kMarks[kind], escaped(verdict.headline), escaped(verdict.sentence));
  for (const std::string& line : report.asked) text += fmt::format("<p>{}</p>\n", escaped(line));
  text += tiles(report, verdict);
  text += fmt::format("<div class=\"two\">\n{}{}</div>\n", steps(report), hurting(report));
  return text + "</section>\n";
}

std::string comparison_section(const NetworkReport& report) {
  std::string rows;
  for (std::size_t i = 0; i < report.models.size(); ++i) rows += row_of(report, i);
  std::string text = fmt::format(
      "<section id=\"networks\"><h2>The networks compared</h2>\n<p class=\"quiet\">{} images of {}. Small "
      "figures: "
      "intervals of 95 % confidence (Wilson; Agresti and Min for differences of paired answers).</p>\n",
      with_separators(static_cast<std::uint64_t>(report.images)), escaped(report.data));
  text += fmt::format(
      "<table><thead><tr><th scope=\"col\" class=\"left\">network</th>{}<th scope=\"col\">same answer</th>"
      "<th scope=\"col\">size</th><th scope=\"col\">time</th><th scope=\"col\" class=\"wide\">memory</th>"
      "<th scope=\"col\" class=\"wide\">SQNR, dB</th></tr></thead>\n<tbody>\n{}</tbody></table>\n",
      report.has_labels ? "<th scope=\"col\">right</th><th scope=\"col\">points</th>" : "", rows);
  std::string reading;
  if (report.has_labels && report.subject != report.reference) {
    const NetworkModel& model = report.judged();
    reading = fmt::format(
        "<p class=\"note\">{}: {} images are right in {} only and {} in {} only. Were both equally good, so "
        "uneven a split "
        "or more would "
        "have a probability of {:.2g} (McNemar's test, exact).</p>\n",
        escaped(model.name), model.lost, escaped(report.original().name), model.won, escaped(model.name),
        judge(report).p);
  }
  text += "<div class=\"two\">\n" + chart("Is the difference more than chance?", drop_chart(report)) +
          chart("Accuracy against size; the line joins what nothing beats in both",
                trade_off_chart(report, Cost::bytes)) +
          chart("Accuracy against time; the line joins what nothing beats in both",
                trade_off_chart(report, Cost::time)) +
          "</div>\n" + reading;
  if (!report.front.empty())
    text += fmt::format(
        "<p class=\"note\">Hollow points: networks that the search ran, each against {} on the samples that "
        "it "
        "held out.</p>\n",
        escaped(report.original().name));
  for (const std::string& note : report.notes)
    text += fmt::format("<p class=\"note\">{}</p>\n", escaped(note));
  return text + "</section>\n";
}

std::string answers_section(const NetworkReport& report) {
  if (report.changed.empty()) return {};
  std::string items;
  for (const ChangedAnswer& changed : report.changed) {
    items += "<li>";
    if (!changed.picture.empty())
      items += fmt::format("<img src=\"{}\" width=\"{}\" height=\"{}\" alt=\"image {}\">", changed.picture,
                           changed.width, changed.height, changed.image);
    items += fmt::format("<div class=\"quiet\">image {}{}</div>", changed.image,
                         changed.label ? fmt::format(", label {}", *changed.label) : "");
    items += answer(changed, changed.reference, changed.reference_part, "before");
    items += answer(changed, changed.model, changed.model_part, "now");
    items += "</li>\n";
  }
  const auto all = static_cast<std::uint64_t>(report.images - report.judged().agree);
  return fmt::format(
      "<section id=\"answers\"><h2>Answers that changed</h2>\n<p>{} of {} images have another answer in {} "
      "than "
      "in {}. <span class=\"quiet\">{} of them, right answers that were lost first; the percentage is the "
      "network's confidence.</span></p>\n<ul class=\"answers\">\n{}</ul></section>\n",
      with_separators(all), with_separators(static_cast<std::uint64_t>(report.images)),
      escaped(report.judged().name), escaped(report.original().name), report.changed.size(), items);
}

std::string recovery_section(const NetworkReport& report) {
  if (!report.judged().recovery) return {};
  const RecoveryReport& recovery = *report.judged().recovery;
  std::string rows;
  for (const RecoveryReport::Layer& layer : recovery.layers) {
    std::vector<std::string> kept;
    for (const RecoveryReport::Step& step : layer.steps)
      if (step.kept) kept.push_back(step.name);
    rows += fmt::format(
        "<tr><th scope=\"row\">{}</th><td>{}</td><td>{}</td><td>{}</td><td class=\"left\">{}</td></tr>\n",
        escaped(html::shortened(layer.name, 40)), decibel(layer.sqnr_before), decibel(layer.sqnr_after),
        signed_decibel(layer.sqnr_after - layer.sqnr_before),
        escaped(fmt::format("{}", fmt::join(kept, ", "))));
  }
  return fmt::format(
      "<section id=\"recovery\"><h2>What recovery did</h2>\n<p>{}</p>\n<details><summary>Layer by "
      "layer</summary>\n"
      "<table><thead><tr><th scope=\"col\" class=\"left\">layer</th><th scope=\"col\">SQNR before</th>"
      "<th scope=\"col\">after, dB</th><th scope=\"col\">gain</th><th scope=\"col\" class=\"left\">steps "
      "taken"
      "</th></tr></thead>\n<tbody>\n{}</tbody></table></details></section>\n",
      escaped(recovery_summary(recovery)), rows);
}

std::string floats_section(const NetworkReport& report) {
  const NetworkModel& model = report.judged();
  std::string rows;
  for (const LayerReport& layer : model.layers)
    if (!layer.fallback.empty())
      rows += fmt::format("<tr><th scope=\"row\">{}</th><td class=\"left\">{}</td><td>{}</td></tr>\n",
                          escaped(layer.name), escaped(layer.fallback), time_text(layer.time.ns));
  if (model.coverage.empty() && rows.empty()) return {};
  std::string text =
      fmt::format("<section id=\"floats\"><h2>What stayed fp32</h2>\n<p>{}</p>\n", escaped(model.coverage));
  if (rows.empty()) return text + "<p>No layer that the scheme is for stayed fp32.</p></section>\n";
  return text +
         "<table><thead><tr><th scope=\"col\" class=\"left\">layer</th><th scope=\"col\" "
         "class=\"left\">why</th>"
         "<th scope=\"col\">time</th></tr></thead>\n<tbody>\n" +
         rows + "</tbody></table></section>\n";
}

std::string repeat_section(const NetworkReport& report) {
  std::string text = "<section id=\"repeat\"><h2>To repeat it</h2>\n";
  for (const std::string& command : report.commands) text += html::command(command) + "\n";
  return text + fmt::format(
                    "<p class=\"note\">{}; {}, {} thread{}. Times are of this machine and this moment; "
                    "errors, answers "
                    "and sizes are the same wherever the original's floats are.</p></section>\n",
                    escaped(report.machine.cpu), escaped(report.machine.isa), report.machine.threads,
                    report.machine.threads == 1 ? "" : "s");
}

}  // namespace lowbit::report::page
