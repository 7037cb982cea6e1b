// SPDX-License-Identifier: Apache-2.0
#include "report/search_summary.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>

#include "report/figures.h"
#include "report/table.h"

namespace lowbit::report {
namespace {

using SearchJson = nlohmann::ordered_json;

std::string microseconds(double ns) {
  return fmt::format("{:.1f}", ns * 1e-3);
}

std::string accuracy(const NetworkMeasurement& m) {
  const std::int64_t right = m.correct ? *m.correct : m.agree;
  return percent(double(right) / double(std::max<std::int64_t>(m.samples, 1)));
}

std::string asked_text(const SearchLimits& asked) {
  std::vector<std::string> parts;
  if (asked.max_drop) parts.push_back(fmt::format("at most {:g} points less accuracy", *asked.max_drop));
  if (asked.min_speedup) parts.push_back(fmt::format("{:g} times as fast as fp32", *asked.min_speedup));
  if (asked.max_bytes) parts.push_back(fmt::format("at most {} bytes", with_separators(*asked.max_bytes)));
  if (asked.max_memory)
    parts.push_back(fmt::format("at most {} bytes of memory", with_separators(*asked.max_memory)));
  if (asked.max_joules) parts.push_back(fmt::format("at most {:g} J a run", *asked.max_joules));
  return fmt::format("{}", fmt::join(parts, ", "));
}

/// "18 layers int4, 2 layers int8".
std::string mixture_text(const FrontPoint& point) {
  std::map<std::string, int> counts;
  for (const LayerChoice& choice : point.layers) ++counts[format_scheme(choice.scheme)];
  std::vector<std::pair<int, std::string>> order;
  for (const auto& [scheme, count] : counts) order.emplace_back(-count, scheme);
  std::sort(order.begin(), order.end());
  std::vector<std::string> parts;
  for (const auto& [count, scheme] : order)
    parts.push_back(fmt::format("{} layer{} {}", -count, count == -1 ? "" : "s", scheme));
  return fmt::format("{}", fmt::join(parts, ", "));
}

const NetworkMeasurement* measured_as(const SearchResult& result, const Scheme& scheme) {
  for (const FrontPoint& point : result.uniform)
    if (point.name == format_scheme(scheme) && point.measured) return &*point.measured;
  return nullptr;
}

std::string verdict(const SearchResult& result) {
  std::string text = fmt::format("Asked: {}.\n", asked_text(result.asked));
  if (result.missed.empty()) {
    text += "Given: a network that keeps this, as measured on samples that the search held out.\n";
  } else {
    text += "Given: NO network was found that keeps this; the nearest one misses:\n";
    for (const std::string& sentence : result.missed) text += "  - " + sentence + "\n";
  }
  return text + "  " + mixture_text(result.given) + "\n";
}

void add_network(Table& table, const std::string& name, const NetworkMeasurement& m,
                 const NetworkMeasurement& fp32, bool is_fp32) {
  table.add_row({name, accuracy(m),
                 is_fp32 ? kUnknown : fmt::format("{:.2f} +- {:.2f}", m.drop, m.drop_error),
                 decibel(m.sqnr_db), with_separators(m.file_bytes),
                 fmt::format("{:.1f} %", 100.0 * double(m.file_bytes) /
                                             double(std::max<std::size_t>(fp32.file_bytes, 1))),
                 microseconds(m.ns), m.ns > 0 ? fmt::format("{:.2f}x", fp32.ns / m.ns) : kUnknown,
                 with_separators(m.memory), m.joules > 0 ? fmt::format("{:.3g}", m.joules * 1e6) : kUnknown});
}

std::string networks(const SearchResult& result, bool colour) {
  Table table({{"network", Table::Align::left},
               {result.fp32.correct ? "top-1" : "agree"},
               {"drop"},
               {"SQNR dB"},
               {"bytes"},
               {"of fp32"},
               {"us"},
               {"speed-up"},
               {"memory"},
               {"uJ"}});
  add_network(table, "fp32", result.fp32, result.fp32, true);
  const Scheme& rest = result.table.rest_scheme;
  if (const NetworkMeasurement* plain = measured_as(result, rest))
    add_network(table, format_scheme(rest), *plain, result.fp32, false);
  if (result.given.measured) add_network(table, "given", *result.given.measured, result.fp32, false);
  return table.to_string(colour);
}

std::string layers(const SearchResult& result, bool colour) {
  Table table({{"layer", Table::Align::left},
               {"scheme", Table::Align::left},
               {"kernel", Table::Align::left},
               {"us"},
               {"bytes"},
               {"layer SQNR dB"},
               {"output SQNR dB"}});
  for (const LayerChoice& choice : result.given.layers) {
    // Layers of SearchOptions::uniform are in no table.
    const bool known = choice.ns > 0;
    table.add_row({choice.layer, format_scheme(choice.scheme), choice.kernel,
                   known ? microseconds(choice.ns) : kUnknown, with_separators(choice.bytes),
                   known ? decibel(choice.layer_sqnr_db) : kUnknown,
                   known ? decibel(choice.network_sqnr_db) : kUnknown});
  }
  return table.to_string(colour);
}

std::string training(const SearchResult& result) {
  if (!result.refinement) return {};
  const SearchRefinement& made = *result.refinement;
  std::string text = "Training: " + made.description;
  if (made.after)
    text += fmt::format("; a drop of {:.2f} +- {:.2f} points, {:.2f} +- {:.2f} before: {}", made.after->drop,
                        made.after->drop_error, made.before.drop, made.before.drop_error,
                        made.kept ? "kept" : "not kept");
  return text + "\n";
}

std::string notes(const SearchResult& result) {
  std::string text =
      fmt::format("{} ({}), {} thread{}, a batch of {}; {:.0f} s, {} networks run", result.table.cpu,
                  result.table.isa, result.table.threads, result.table.threads == 1 ? "" : "s",
                  result.table.batch, result.seconds, result.uniform.size() + result.tried.size());
  text += result.out_of_time ? ", ended by its limit of time with the best so far\n" : "\n";
  if (!result.table.energy_source.empty()) text += "Energy: " + result.table.energy_source + "\n";
  for (const std::string& note : result.notes) text += "Note: " + note + "\n";
  return text;
}

SearchJson limits_json(const SearchLimits& limits) {
  SearchJson json = SearchJson::object();
  if (limits.max_drop) json["max_drop"] = *limits.max_drop;
  if (limits.min_speedup) json["min_speedup"] = *limits.min_speedup;
  if (limits.max_bytes) json["max_bytes"] = *limits.max_bytes;
  if (limits.max_memory) json["max_memory"] = *limits.max_memory;
  if (limits.max_joules) json["max_joules"] = *limits.max_joules;
  return json;
}

SearchJson measurement_json(const NetworkMeasurement& m) {
  SearchJson json{{"ns", m.ns},
                  {"ns_spread", m.ns_spread},
                  {"file_bytes", m.file_bytes},
                  {"memory", m.memory},
                  {"joules", m.joules},
                  {"sqnr_db", number(m.sqnr_db)},
                  {"samples", m.samples},
                  {"agree", m.agree},
                  {"drop", m.drop},
                  {"drop_error", m.drop_error}};
  json["correct"] = m.correct ? SearchJson(*m.correct) : SearchJson(nullptr);
  return json;
}

SearchJson point_json(const FrontPoint& point, bool with_layers) {
  SearchJson json{{"name", point.name},
                  {"mixture", mixture_text(point)},
                  {"recovered", point.recovered},
                  {"refined", point.refined},
                  {"predicted",
                   {{"ns", point.predicted.ns},
                    {"bytes", point.predicted.bytes},
                    {"sqnr_db", number(point.predicted.sqnr_db())},
                    {"joules", point.predicted.joules},
                    {"memory", point.predicted.memory}}}};
  json["measured"] = point.measured ? measurement_json(*point.measured) : SearchJson(nullptr);
  if (!with_layers) return json;
  json["layers"] = SearchJson::array();
  for (const LayerChoice& choice : point.layers)
    json["layers"].push_back({{"layer", choice.layer},
                              {"scheme", format_scheme(choice.scheme)},
                              {"kernel", choice.kernel},
                              {"ns", choice.ns},
                              {"bytes", choice.bytes},
                              {"layer_sqnr_db", number(choice.layer_sqnr_db)},
                              {"network_sqnr_db", number(choice.network_sqnr_db)}});
  return json;
}

SearchJson points_json(const std::vector<FrontPoint>& points, bool with_layers) {
  SearchJson json = SearchJson::array();
  for (const FrontPoint& point : points) json.push_back(point_json(point, with_layers));
  return json;
}

SearchJson training_json(const SearchResult& result) {
  if (!result.refinement) return nullptr;
  const SearchRefinement& made = *result.refinement;
  return {{"description", made.description},
          {"before", measurement_json(made.before)},
          {"after", made.after ? measurement_json(*made.after) : SearchJson(nullptr)},
          {"kept", made.kept}};
}

}  // namespace

std::string format_search(const SearchResult& result, bool colour) {
  return verdict(result) + "\n" + networks(result, colour) + "\n" + layers(result, colour) + "\n" +
         training(result) + notes(result);
}

nlohmann::ordered_json to_json(const SearchResult& result) {
  return {{"schema", "lowbit-auto-1"},
          {"machine",
           {{"cpu", result.table.cpu},
            {"isa", result.table.isa},
            {"threads", result.table.threads},
            {"batch", result.table.batch}}},
          {"asked", limits_json(result.asked)},
          {"keeps_limits", result.keeps_limits()},
          {"missed", result.missed},
          {"fp32", measurement_json(result.fp32)},
          {"given", point_json(result.given, true)},
          {"front", points_json(result.front, true)},
          {"predicted_front", points_json(result.predicted_front, true)},
          {"uniform", points_json(result.uniform, false)},
          {"tried", points_json(result.tried, true)},
          {"training", training_json(result)},
          {"energy_source", result.table.energy_source},
          {"notes", result.notes},
          {"out_of_time", result.out_of_time},
          {"seconds", result.seconds}};
}

}  // namespace lowbit::report
