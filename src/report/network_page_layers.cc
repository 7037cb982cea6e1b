// SPDX-License-Identifier: Apache-2.0
// What the page says of single layers: the network as a chain, distributions, time.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "report/dot_axis.h"
#include "report/figures.h"
#include "report/html.h"
#include "report/network_page.h"
#include "report/svg.h"
#include "report/verdict.h"

namespace lowbit::report::page {
namespace {

using html::escaped;

constexpr std::size_t kNameLetters = 34, kOpenCards = 3, kSlowest = 8;
constexpr double kSmallShare = 0.01;

/// The end of a name, with all of it where a pointer rests.
std::string name_cell(const std::string& name) {
  return fmt::format("<span title=\"{}\">{}</span>", escaped(name),
                     escaped(html::shortened(name, kNameLetters)));
}

std::string chip(const LayerReport& layer) {
  return fmt::format("<span class=\"chip{}\">{}</span>", layer.scheme == "fp32" ? " float" : "",
                     escaped(layer.scheme));
}

std::string meter(double share, const char* style, double was = -1) {
  const auto bar = [](double part, const char* class_name) {
    return fmt::format("<i class=\"{}\" style=\"width:{:.1f}%\"></i>", class_name,
                       std::clamp(part, 0.0, 1.0) * 100);
  };
  return fmt::format("<span class=\"meter\" aria-hidden=\"true\">{}{}</span>", bar(share, style),
                     was >= 0 ? bar(was, "was") : "");
}

DotAxis decibel_axis(const std::vector<LayerReport>& layers) {
  std::vector<double> all;
  for (const LayerReport& layer : layers)
    all.insert(all.end(), {layer.own_db, layer.after_db, layer.final_db});
  return DotAxis(all);
}

std::string dots_of(const LayerReport& layer, const DotAxis& axis) {
  if (std::isnan(layer.after_db)) return {};
  return axis.dots({{layer.own_db, "own"}, {layer.after_db, "after"}, {layer.final_db, "final"}});
}

std::string decibels_of(const LayerReport& layer) {
  if (std::isnan(layer.after_db)) return {};
  return fmt::format("<small>{} / {} / {}</small>", decibel(layer.own_db), decibel(layer.after_db),
                     decibel(layer.final_db));
}

struct Totals {
  double ns = 0, most_ns = 0;
  std::uint64_t most_bytes = 0;

  explicit Totals(const NetworkModel& model) {
    for (const LayerReport& layer : model.layers) {
      ns += layer.time.ns;
      most_ns = std::max({most_ns, layer.time.ns, layer.fp32_ns.value_or(0)});
      most_bytes = std::max({most_bytes, layer.bytes, layer.fp32_bytes});
    }
  }
};

std::string layer_row(const LayerReport& layer, const Totals& totals, const DotAxis& axis, double most_damage,
                      bool worst) {
  const double most_bytes = static_cast<double>(std::max<std::uint64_t>(totals.most_bytes, 1));
  std::string text =
      fmt::format("<tr{}><th scope=\"row\">{}{} {}<small><span class=\"wide\">{} {} {}</span></small></th>",
                  worst ? " class=\"worst\"" : "", name_cell(layer.name),
                  worst ? " <span class=\"tag\">hurts most</span>" : "", chip(layer), escaped(layer.op),
                  escaped(layer.shape), escaped(layer.kernel));
  text += std::isnan(layer.final_db)
              ? std::string("<td></td>")
              : fmt::format("<td>{:.1f} %{}</td>", layer.damage * 100,
                            meter(most_damage > 0 ? layer.damage / most_damage : 0, "other"));
  text += fmt::format("<td>{}{}</td>", dots_of(layer, axis), decibels_of(layer));
  text += fmt::format("<td>{}<small class=\"wide\">{:.1f} %</small>{}</td>", time_text(layer.time.ns),
                      totals.ns > 0 ? layer.time.ns / totals.ns * 100 : 0.0,
                      meter(totals.most_ns > 0 ? layer.time.ns / totals.most_ns : 0, "bar",
                            layer.fp32_ns && totals.most_ns > 0 ? *layer.fp32_ns / totals.most_ns : -1));
  const std::string memory =
      layer.memory > 0
          ? fmt::format("<small class=\"wide\">memory of its run {}</small>", size_text(layer.memory))
          : std::string();
  text += layer.has_weights ? fmt::format("<td>{}<small class=\"wide\">{:.2f} bits a weight</small>{}{}</td>",
                                          size_text(layer.bytes), layer.bits, memory,
                                          meter(static_cast<double>(layer.bytes) / most_bytes, "bar",
                                                static_cast<double>(layer.fp32_bytes) / most_bytes))
                            : "<td>" + memory + "</td>";
  return text + "</tr>\n";
}

std::string chain(const NetworkReport& report, const NetworkModel& model) {
  const Totals totals(model);
  const DotAxis axis = decibel_axis(model.layers);
  double most_damage = 0, others_ns = 0;
  std::size_t worst = model.layers.size(), others = 0;
  for (std::size_t i = 0; i < model.layers.size(); ++i)
    if (model.layers[i].damage > most_damage) most_damage = model.layers[i].damage, worst = i;
  std::string rows;
  for (std::size_t i = 0; i < model.layers.size(); ++i) {
    const LayerReport& layer = model.layers[i];
    // What neither has weights nor takes time tells nothing.
    if (!layer.has_weights && layer.time.ns < kSmallShare * totals.ns && layer.damage < kSmallShare) {
      others_ns += layer.time.ns, ++others;
      continue;
    }
    rows += layer_row(layer, totals, axis, most_damage, i == worst);
  }
  if (others > 0)
    rows += fmt::format(
        "<tr><th scope=\"row\" class=\"quiet\">{} other "
        "node{}</th><td></td><td></td><td>{}</td><td></td></tr>\n",
        others, others == 1 ? "" : "s", time_text(others_ns));
  return fmt::format(
             "<table class=\"layers\"><caption class=\"note\">{} from its input to its output. Outlined "
             "bars: {}."
             "</caption>\n<thead><tr><th scope=\"col\" class=\"left name\">layer</th><th scope=\"col\" "
             "class=\"dam\">"
             "damage</th><th scope=\"col\" class=\"err\">SQNR, dB{}</th><th scope=\"col\" "
             "class=\"tim\">time</th>"
             "<th scope=\"col\" class=\"siz\">size</th></tr></thead>\n<tbody>\n",
             escaped(model.name), escaped(report.original().name), axis.numbers()) +
         rows + "</tbody></table>\n";
}

std::string distribution_card(const LayerReport& layer) {
  std::string text = fmt::format("<article><h3>{} {}</h3>\n", name_cell(layer.name), chip(layer));
  if (layer.weights)
    text += fmt::format(
        "<figure><figcaption>weights, over the largest of their channel{}</figcaption>{}</figure>\n",
        layer.weights->clipped > 0.00005 ? fmt::format("; {:.2f} % clipped", layer.weights->clipped * 100)
                                         : "",
        histogram_chart(*layer.weights, "histogram of the weights of " + layer.name, false));
  if (!layer.channels.empty())
    text +=
        fmt::format("<figure><figcaption>range of the weights, channel by channel</figcaption>{}</figure>\n",
                    channels_chart(layer.channels, "ranges of the channels of " + layer.name));
  if (layer.activations)
    text += fmt::format(
        "<figure><figcaption>outputs in fp32, square-root scale; {}</figcaption>{}</figure>\n",
        layer.activations->clipped > 0 ? fmt::format("{:.3f} % clipped", layer.activations->clipped * 100)
                                       : "none clipped",
        histogram_chart(*layer.activations, "histogram of the outputs of " + layer.name, true));
  return text + "</article>\n";
}

bool has_distributions(const LayerReport& layer) {
  return layer.weights.has_value();
}

}  // namespace

std::string layers_section(const NetworkReport& report) {
  if (report.judged().layers.empty()) return {};
  std::string text = "<section id=\"layers\"><h2>Layer by layer</h2>\n";
  const std::string damage = damage_sentence(report);
  text +=
      damage.empty()
          ? "<p>The layers of this network could not be compared one by one.</p>\n"
          : fmt::format(
                "<p>{} <span class=\"quiet\">Damage: a layer's part of all noise that layers, each quantized "
                "alone, cause in the network's output, over {} images.</span></p>\n<ul class=\"key\"><li><i "
                "class=\"own\">"
                "</i>its own error, inputs exact</li><li><i class=\"after\"></i>error so far, all layers "
                "before it "
                "quantized</li><li><i class=\"final\"></i>error of the network's output, only this layer "
                "quantized"
                "</li><li>further right is better</li></ul>\n",
                escaped(damage), report.probe_images);
  text += chain(report, report.judged());
  for (std::size_t i = 0; i < report.models.size(); ++i)
    if (i != report.subject && i != report.reference && !report.models[i].layers.empty())
      text += fmt::format("<details><summary>The layers of {}</summary>\n{}</details>\n",
                          escaped(report.models[i].name), chain(report, report.models[i]));
  return text + "</section>\n";
}

std::string distributions_section(const NetworkReport& report) {
  const std::vector<LayerReport>& layers = report.judged().layers;
  std::vector<std::size_t> shown = worst_layers(report, kOpenCards, 1e-9);
  std::erase_if(shown, [&](std::size_t i) { return !has_distributions(layers[i]); });
  std::string open, rest;
  std::size_t count = 0;
  for (const std::size_t i : shown) open += distribution_card(layers[i]);
  for (std::size_t i = 0; i < layers.size(); ++i)
    if (has_distributions(layers[i]) && std::find(shown.begin(), shown.end(), i) == shown.end())
      rest += distribution_card(layers[i]), ++count;
  if (open.empty() && rest.empty()) return {};
  std::string text =
      "<section id=\"values\"><h2>Weights and activations</h2>\n<p>Pale: the original. Dark: what "
      "quantization made of "
      "it, at the levels that codes stand for. Dashed: the ends of the codes' range; what lies beyond is "
      "clipped. "
      "<span class=\"quiet\">Each histogram has its own height. The layers that do most damage come "
      "first.</span></p>\n";
  if (!open.empty()) text += fmt::format("<div class=\"cards\">\n{}</div>\n", open);
  if (!rest.empty())
    text += fmt::format(
        "<details{}><summary>{} {}layer{}</summary>\n<div class=\"cards\">\n{}</div></details>\n",
        open.empty() ? " open" : "", count, open.empty() ? "" : "other ", count == 1 ? "" : "s", rest);
  return text + "</section>\n";
}

std::string time_section(const NetworkReport& report) {
  const NetworkModel& model = report.judged();
  const Totals totals(model);
  if (totals.ns <= 0) return {};
  std::vector<const LayerReport*> slowest;
  for (const LayerReport& layer : model.layers) slowest.push_back(&layer);
  std::stable_sort(slowest.begin(), slowest.end(),
                   [](const LayerReport* a, const LayerReport* b) { return a->time.ns > b->time.ns; });
  if (slowest.size() > kSlowest) slowest.resize(kSlowest);
  std::string rows;
  for (const LayerReport* layer : slowest)
    rows += fmt::format(
        "<tr><th scope=\"row\">{} {}<small class=\"wide\">{}</small></th><td>{}<small>\u00b1 "
        "{}</small></td><td>{:.1f} %{}</td>"
        "<td class=\"wide\">{}</td><td>{}</td></tr>\n",
        name_cell(layer->name), chip(*layer), escaped(layer->kernel.empty() ? "plain loops" : layer->kernel),
        time_text(layer->time.ns), time_text(layer->time.spread), layer->time.ns / totals.ns * 100,
        meter(layer->time.ns / slowest[0]->time.ns, "bar"),
        layer->gproducts_per_second > 0 ? fmt::format("{:.1f}", layer->gproducts_per_second) : kUnknown,
        layer->fp32_ns ? speed_text(*layer->fp32_ns, layer->time.ns) : kUnknown);
  return fmt::format(
             "<section id=\"time\"><h2>Where the time goes</h2>\n<p>{} takes {} an image (\u00b1 {}: half of "
             "the distance "
             "between the quartiles), batch 1, {} thread{}; the sum of its nodes is {}. <span "
             "class=\"quiet\">The {} "
             "slowest nodes:</span></p>\n",
             escaped(model.name), time_text(model.time.ns), time_text(model.time.spread),
             report.machine.threads, report.machine.threads == 1 ? "" : "s", time_text(totals.ns),
             slowest.size()) +
         "<table><thead><tr><th scope=\"col\" class=\"left\">node</th><th scope=\"col\">time</th><th "
         "scope=\"col\">share</th>"
         "<th scope=\"col\" class=\"wide\">10\u2079 products a second</th><th scope=\"col\">against " +
         escaped(report.original().name) + "</th></tr></thead>\n<tbody>\n" + rows +
         "</tbody></table></section>\n";
}

}  // namespace lowbit::report::page
