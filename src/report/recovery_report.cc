// SPDX-License-Identifier: Apache-2.0
#include "report/recovery_report.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "report/figures.h"
#include "report/table.h"

namespace lowbit::report {
namespace {

using Json = nlohmann::ordered_json;

Json steps_json(const std::vector<RecoveryReport::Step>& steps) {
  Json all = Json::array();
  for (const RecoveryReport::Step& step : steps) {
    Json item{{"step", step.name},
              {"sqnr_before", number(step.sqnr_before)},
              {"sqnr_after", number(step.sqnr_after)},
              {"seconds", step.seconds},
              {"taken", step.kept}};
    if (step.failed) item["failed"] = true;
    if (!step.note.empty()) item["note"] = step.note;
    all.push_back(std::move(item));
  }
  return all;
}

Json memory_json(const RecoveryMemory& memory) {
  Json layers = Json::object();
  for (const RecoveryMemory::Layer& layer : memory.layers) layers[layer.name] = layer.bytes;
  return {{"peak", memory.peak()},
          {"values", memory.values},
          {"models", memory.models},
          {"layers", std::move(layers)}};
}

void add_steps(Table& table, const std::string& layer, const std::vector<RecoveryReport::Step>& steps) {
  for (const RecoveryReport::Step& step : steps)
    table.add_row({&step == &steps[0] ? layer : "", step.name, decibel(step.sqnr_before),
                   decibel(step.sqnr_after), fmt::format("{:.2f}", step.seconds),
                   step.failed ? "FAILED"
                   : step.kept ? "taken"
                               : "no",
                   step.note});
}

}  // namespace

std::string recovery_summary(const RecoveryReport& report) {
  const auto better = std::count_if(report.layers.begin(), report.layers.end(),
                                    [](const auto& layer) { return layer.sqnr_after > layer.sqnr_before; });
  std::string text = fmt::format(
      "SQNR {} -> {} dB, {} of {} layers better, {:.1f} s ({} samples, {} kept aside; {} MB at most)",
      decibel(report.sqnr_before), decibel(report.sqnr_after), better, report.layers.size(), report.seconds,
      report.samples, report.held_out, (report.memory.peak() >> 20) + 1);
  const std::vector<std::string> failures = report.failures();
  if (failures.size() == 1) text += fmt::format("\n1 step FAILED: {}", failures[0]);
  if (failures.size() > 1)
    text += fmt::format("\n{} steps FAILED:\n  {}", failures.size(), fmt::join(failures, "\n  "));
  return text;
}

std::string format_recovery(const RecoveryReport& report, bool colour) {
  using Align = Table::Align;
  Table table({{"layer", Align::left},
               {"step", Align::left},
               {"SQNR dB"},
               {"after"},
               {"seconds"},
               {"", Align::left},
               {"", Align::left}});
  add_steps(table, "(network)", report.network);
  for (const RecoveryReport::Layer& layer : report.layers) {
    add_steps(table, layer.name, layer.steps);
    if (layer.steps.empty()) table.add_row({layer.name, kUnknown, "", "", "", "", layer.note});
  }
  return table.to_string(colour);
}

Json to_json(const RecoveryReport& report) {
  Json layers = Json::array();
  for (const RecoveryReport::Layer& layer : report.layers) {
    Json item{{"layer", layer.name},
              {"sqnr_before", number(layer.sqnr_before)},
              {"sqnr_after", number(layer.sqnr_after)},
              {"seconds", layer.seconds},
              {"steps", steps_json(layer.steps)}};
    if (!layer.note.empty()) item["note"] = layer.note;
    layers.push_back(std::move(item));
  }
  return {{"samples", report.samples},
          {"held_out", report.held_out},
          {"sqnr_before", number(report.sqnr_before)},
          {"sqnr_after", number(report.sqnr_after)},
          {"seconds", report.seconds},
          {"memory", memory_json(report.memory)},
          {"steps", steps_json(report.network)},
          {"layers", std::move(layers)}};
}

}  // namespace lowbit::report
