// SPDX-License-Identifier: Apache-2.0
#include "report/eval_report.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "report/deployment_line.h"
#include "report/figures.h"
#include "report/recovery_report.h"
#include "report/table.h"
#include "report/terminal.h"

namespace lowbit::report {
namespace {

using Json = nlohmann::ordered_json;

// Lines of a terminal that most people have.
constexpr std::size_t kLineWidth = 110;

std::optional<double> sqnr(const EvalRow& row) {
  if (row.outputs.empty()) return std::nullopt;
  return row.outputs[0].error.sqnr_db;
}

std::string format_coverage(const EvalReport& report, bool colour) {
  std::string line;
  std::string lines;
  bool complete = true;
  for (const EvalRow& row : report.rows) {
    if (row.coverage.empty()) continue;
    line += (line.empty() ? "" : "; ") + row.coverage;
    lines += fmt::format("{}: {}\n", row.scheme, row.coverage);
    complete = complete && row.fallbacks == 0;
  }
  if (line.empty()) return {};
  if (complete && line.size() <= kLineWidth) return styled(line, Style::green, colour) + "\n";
  lines.pop_back();
  return styled(lines, complete ? Style::green : Style::yellow, colour) + "\n";
}

std::string format_warnings(const EvalReport& report, bool colour) {
  std::string lines;
  for (const std::string& warning : report.warnings)
    lines += styled("warning: " + warning, Style::yellow, colour) + "\n";
  return lines;
}

Json output_json(const OutputComparison& output) {
  return {{"name", output.name},
          {"sqnr_db", number(output.error.sqnr_db)},
          {"cosine", number(output.error.cosine)},
          {"mean_cosine", number(output.mean_cosine)},
          {"max_error", number(output.error.max)}};
}

}  // namespace

std::string format_report(const EvalReport& report, bool colour) {
  using Align = Table::Align;
  std::vector<Table::Column> columns{
      {"scheme", Align::left}, {"bits/weight"}, {"model bytes"}, {"top-1"}, {"agree"}, {"SQNR dB"},
      {"median ms"},           {"p90 ms"},      {"speed-up"}};
  const bool several = !report.rows.empty() && !report.rows[0].model.empty();
  if (several) columns.insert(columns.begin(), {"model", Align::left});
  Table table(columns);
  for (const EvalRow& row : report.rows) {
    const auto ratio = sqnr(row);
    std::vector<std::string> cells{row.scheme,
                                   row.bits ? fmt::format("{:.2f}", *row.bits) : kUnknown,
                                   with_separators(row.bytes),
                                   percent(part(row.correct, report.images)),
                                   percent(part(row.agree, report.images)),
                                   ratio ? decibel(*ratio) : kUnknown,
                                   fmt::format("{:.4f}", row.ms_median),
                                   fmt::format("{:.4f}", row.ms_p90),
                                   row.speedup ? fmt::format("{:.2f}x", *row.speedup) : kUnknown};
    if (several) cells.insert(cells.begin(), row.model);
    table.add_row(std::move(cells));
  }
  std::string recoveries;
  for (const EvalRow& row : report.rows)
    if (row.recovery)
      recoveries += fmt::format("{} recovered: {}\n", row.scheme, recovery_summary(*row.recovery));
  const std::string deployed = report.deployed ? deployment_line(*report.deployed) + "\n" : std::string();
  return table.to_string(colour) + format_coverage(report, colour) + recoveries + deployed +
         format_warnings(report, colour);
}

std::string format_outputs(const EvalReport& report, bool colour) {
  Table table({{"scheme", Table::Align::left},
               {"output", Table::Align::left},
               {"SQNR dB"},
               {"cosine"},
               {"mean cosine"},
               {"largest error"}});
  for (const EvalRow& row : report.rows)
    for (const OutputComparison& output : row.outputs)
      table.add_row({row.scheme, output.name, decibel(output.error.sqnr_db),
                     fmt::format("{:.6f}", output.error.cosine), fmt::format("{:.6f}", output.mean_cosine),
                     fmt::format("{:.6g}", output.error.max)});
  return table.to_string(colour);
}

Json to_json(const EvalReport& report, bool with_outputs) {
  Json rows = Json::array();
  for (const EvalRow& row : report.rows) {
    Json item;
    item["scheme"] = row.scheme;
    item["bits"] = number(row.bits);
    item["bytes"] = row.bytes;
    item["correct"] = row.correct ? Json(*row.correct) : Json(nullptr);
    item["top1"] = number(part(row.correct, report.images));
    item["agree"] = number(part(row.agree, report.images));
    item["sqnr_db"] = number(sqnr(row));
    item["ms_per_image"] = number(row.ms_median);
    item["speedup"] = number(row.speedup);
    item["fallbacks"] = row.fallbacks;
    if (!row.model.empty()) item["model"] = row.model;
    if (row.recovery) item["recovery"] = to_json(*row.recovery);
    if (with_outputs) {
      item["outputs"] = Json::array();
      for (const OutputComparison& output : row.outputs) item["outputs"].push_back(output_json(output));
    }
    rows.push_back(std::move(item));
  }
  Json result;
  result["schema"] = "lowbit-eval-1";
  result["model"] = report.model;
  result["data"] = report.data;
  result["images"] = report.images;
  result["calib_images"] = report.calib_images;
  result["observer"] = report.observer ? Json(*report.observer) : Json(nullptr);
  result["machine"] = to_json(report.machine);
  result["warnings"] = report.warnings;
  result["rows"] = std::move(rows);
  if (report.deployed) result["deployed"] = deployment_json(*report.deployed);
  return result;
}

}  // namespace lowbit::report
