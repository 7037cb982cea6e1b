// SPDX-License-Identifier: Apache-2.0
#include "report/network_report.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "report/figures.h"
#include "report/html.h"
#include "report/network_page.h"
#include "report/recovery_report.h"
#include "report/table.h"
#include "report/terminal.h"
#include "report/verdict.h"

namespace lowbit::report {
namespace {

using Json = nlohmann::ordered_json;

Json interval_json(const Interval& interval) {
  return {interval.low, interval.high};
}

Json histogram_json(const std::optional<HistogramFigure>& figure) {
  if (!figure) return nullptr;
  return {{"low", figure->low},
          {"high", figure->high},
          {"clip", {figure->clip_low, figure->clip_high}},
          {"clipped", figure->clipped},
          {"levels", figure->levels},
          {"fp32", figure->fp32},
          {"quantized", figure->quantized}};
}

Json layer_json(const LayerReport& layer) {
  Json channels = Json::array();
  for (const ChannelRange& c : layer.channels) channels.push_back({c.fp32_low, c.fp32_high, c.low, c.high});
  return {{"name", layer.name},
          {"op", layer.op},
          {"shape", layer.shape},
          {"scheme", layer.scheme},
          {"kernel", layer.kernel.empty() ? Json(nullptr) : Json(layer.kernel)},
          {"type", layer.type},
          {"fallback", layer.fallback.empty() ? Json(nullptr) : Json(layer.fallback)},
          {"bytes", layer.bytes},
          {"fp32_bytes", layer.fp32_bytes},
          {"memory", layer.memory},
          {"bits", layer.bits},
          {"ns", layer.time.ns},
          {"ns_spread", layer.time.spread},
          {"fp32_ns", number(layer.fp32_ns)},
          {"gproducts_per_second", layer.gproducts_per_second},
          {"own_sqnr_db", number(layer.own_db)},
          {"accumulated_sqnr_db", number(layer.after_db)},
          {"output_sqnr_db", number(layer.final_db)},
          {"damage", layer.damage},
          {"weights", histogram_json(layer.weights)},
          {"activations", histogram_json(layer.activations)},
          {"channels", channels}};
}

Json model_json(const NetworkReport& report, std::size_t i) {
  const NetworkModel& model = report.models[i];
  const Verdict verdict = judge(report, i);
  Json layers = Json::array();
  for (const LayerReport& layer : model.layers) layers.push_back(layer_json(layer));
  Json json{
      {"name", model.name},
      {"path", model.path.empty() ? Json(nullptr) : Json(model.path)},
      {"scheme", model.scheme},
      {"bits", model.bits},
      {"bytes", model.bytes},
      {"memory", model.memory},
      {"top1", number(part(model.correct, report.images))},
      {"top1_interval",
       report.has_labels ? interval_json(wilson(model.correct.value_or(0), report.images)) : Json(nullptr)},
      {"agree", number(part(model.agree, report.images))},
      {"agree_interval", interval_json(wilson(model.agree, report.images))},
      {"points", verdict.points},
      {"points_interval", interval_json(verdict.interval)},
      {"lost", model.lost},
      {"won", model.won},
      {"mcnemar_p", report.has_labels ? Json(verdict.p) : Json(nullptr)},
      {"sqnr_db", number(model.error.sqnr_db)},
      {"cosine", number(model.error.cosine)},
      {"ns", model.time.ns},
      {"ns_spread", model.time.spread},
      {"joules", number(model.joules)},
      {"layers", layers}};
  if (model.recovery) json["recovery"] = to_json(*model.recovery);
  return json;
}

Json verdict_json(const NetworkReport& report) {
  constexpr const char* kKinds[] = {"good", "unclear", "bad"};
  const Verdict verdict = judge(report);
  Json advice = Json::array();
  for (const Advice& step : advise(report))
    advice.push_back({{"title", step.title},
                      {"why", step.why},
                      {"command", step.command.empty() ? Json(nullptr) : Json(step.command)}});
  Json worst = Json::array();
  for (const std::size_t i : worst_layers(report, 3, 1e-9)) worst.push_back(report.judged().layers[i].name);
  return {{"verdict", kKinds[static_cast<int>(verdict.kind)]},
          {"headline", verdict.headline},
          {"sentence", verdict.sentence},
          {"max_drop", report.max_drop},
          {"worst_layers", worst},
          {"advice", advice}};
}

}  // namespace

Json to_json(const NetworkReport& report) {
  Json models = Json::array(), changed = Json::array(), front = Json::array();
  for (std::size_t i = 0; i < report.models.size(); ++i) models.push_back(model_json(report, i));
  for (const ChangedAnswer& c : report.changed)
    changed.push_back({{"image", c.image},
                       {"label", c.label ? Json(*c.label) : Json(nullptr)},
                       {"reference", c.reference},
                       {"model", c.model},
                       {"reference_confidence", number(c.reference_part)},
                       {"model_confidence", number(c.model_part)},
                       {"picture", c.picture.empty() ? Json(nullptr) : Json(c.picture)}});
  for (const TradeOff& t : report.front)
    front.push_back({{"name", t.name},
                     {"bytes", t.bytes},
                     {"ns", t.ns},
                     {"accuracy", number(t.accuracy)},
                     {"points", number(t.points)},
                     {"sqnr_db", number(t.sqnr_db)},
                     {"on_front", t.on_front}});
  Json json{{"schema", "lowbit-report-1"}};
  json.update(verdict_json(report));
  json.update({{"data", report.data},
               {"preprocess", report.preprocess},
               {"images", report.images},
               {"labels", report.has_labels},
               {"machine", to_json(report.machine)},
               {"reference", report.original().name},
               {"judged", report.judged().name},
               {"probe_images", report.probe_images},
               {"models", models},
               {"changed", changed},
               {"front", front},
               {"commands", report.commands}});
  return json;
}

std::string to_html(const NetworkReport& report) {
  const struct {
    const char *id, *name;
    std::string text;
  } sections[] = {{"networks", "Networks", page::comparison_section(report)},
                  {"layers", "Layers", page::layers_section(report)},
                  {"values", "Weights and activations", page::distributions_section(report)},
                  {"answers", "Changed answers", page::answers_section(report)},
                  {"time", "Time", page::time_section(report)},
                  {"recovery", "Recovery", page::recovery_section(report)},
                  {"floats", "Stayed fp32", page::floats_section(report)},
                  {"repeat", "Repeat", page::repeat_section(report)}};
  std::string links, body;
  for (const auto& section : sections) {
    if (section.text.empty()) continue;
    links += fmt::format("<a href=\"#{}\">{}</a>\n", section.id, section.name);
    body += section.text;
  }
  const std::string title = report.judged().name + " against " + report.original().name;
  return html::page(
      title, fmt::format(
                 "<a class=\"skip\" href=\"#verdict\">To the verdict</a>\n<header><p class=\"kicker\">lowbit "
                 "report</p><h1>{}</h1>\n<p class=\"quiet\">{} images of {}; {}, {} "
                 "thread{}</p></header>\n<main>\n{}"
                 "<nav aria-label=\"Sections\">{}</nav>\n{}</main>\n",
                 html::escaped(title), with_separators(static_cast<std::uint64_t>(report.images)),
                 html::escaped(report.data), html::escaped(report.machine.cpu), report.machine.threads,
                 report.machine.threads == 1 ? "" : "s", page::verdict_section(report), links, body));
}

std::string format_network_report(const NetworkReport& report, bool colour) {
  const Verdict verdict = judge(report);
  std::string text = styled(verdict.headline, Style::bold, colour) + " " + verdict.sentence + "\n";
  const std::string damage = damage_sentence(report);
  if (!damage.empty()) text += damage + "\n";
  Table table({{"network", Table::Align::left},
               {"scheme", Table::Align::left},
               {"top-1"},
               {"agree"},
               {"bytes"},
               {"time"},
               {"speed"}});
  for (const NetworkModel& model : report.models)
    table.add_row({model.name, model.scheme, percent(part(model.correct, report.images)),
                   percent(part(model.agree, report.images)), with_separators(model.bytes),
                   time_text(model.time.ns), speed_text(report.original().time.ns, model.time.ns)});
  text += fmt::format("\n{}\nnext:\n", table.to_string(colour));
  for (const Advice& advice : advise(report)) {
    text += fmt::format("- {} {}\n", advice.title, advice.why);
    if (!advice.command.empty()) text += "  " + advice.command + "\n";
  }
  return text;
}

}  // namespace lowbit::report
