// SPDX-License-Identifier: Apache-2.0
#include "report/profile_report.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "layers/count_products.h"
#include "model/node_memory.h"
#include "report/figures.h"
#include "report/model_info.h"
#include "report/table.h"

namespace lowbit::report {
namespace {

using Json = nlohmann::ordered_json;

double share_of(double ns, double sum) {
  return sum > 0 ? ns / sum : 0.0;
}

std::string in_microseconds(double ns) {
  return fmt::format("{:.1f}", ns * 1e-3);
}

Json time_json(const MeasuredTime& time) {
  return {{"median", time.ns}, {"spread", time.spread}};
}

}  // namespace

double ProfileRow::gproducts_per_second() const {
  return time.ns > 0 ? static_cast<double>(products) / time.ns : 0.0;
}

double ProfileReport::sum_ns() const {
  double sum = outside_ns;
  for (const ProfileRow& row : rows) sum += row.time.ns;
  return sum;
}

std::vector<ProfileRow> profile_rows(const Model& model, const ModelProfile& profile, std::int64_t batch,
                                     int threads) {
  const ModelInfo info = describe(model, {});
  const std::vector<std::size_t> memory = detail::node_memory(model, batch, threads);
  std::vector<ProfileRow> rows;
  for (std::size_t i = 0; i < info.nodes.size(); ++i) {
    const Graph::Node& node = model.graph().nodes[i];
    std::vector<Shape> inputs;
    for (const ValueId id : node.inputs) inputs.push_back(model.type(id).shape);
    rows.push_back({info.nodes[i].name, info.nodes[i].op, info.nodes[i].scheme, info.nodes[i].kernel,
                    profile.nodes[i],
                    ops::count_products(node.op, inputs, model.type(node.output).shape) * batch,
                    info.nodes[i].bytes, memory[i]});
  }
  return rows;
}

std::string format_profile(const ProfileReport& report, bool colour) {
  using Align = Table::Align;
  const double sum = report.sum_ns();
  Table table({{"layer", Align::left},
               {"op", Align::left},
               {"scheme", Align::left},
               {"kernel", Align::left},
               {"median us"},
               {"+-"},
               {"share"},
               {"Gproducts/s"},
               {"bytes"},
               {"memory"}});
  for (const ProfileRow& row : report.rows)
    table.add_row({row.name, row.op, row.scheme, row.kernel.empty() ? kUnknown : row.kernel,
                   in_microseconds(row.time.ns), in_microseconds(row.time.spread),
                   percent(share_of(row.time.ns, sum)),
                   row.products > 0 ? fmt::format("{:.1f}", row.gproducts_per_second()) : kUnknown,
                   with_separators(row.bytes), with_separators(row.memory)});
  table.add_row({"(inputs and outputs)", "", "", "", in_microseconds(report.outside_ns), "",
                 percent(share_of(report.outside_ns, sum)), "", "", ""});
  const Machine& machine = report.machine;
  return fmt::format("{} ({}) on {}; {}, {}, {} thread{}; batch {}, {} runs\n\n", report.model, report.scheme,
                     report.data, machine.cpu, machine.isa, machine.threads, machine.threads == 1 ? "" : "s",
                     report.batch, report.runs) +
         table.to_string(colour) +
         fmt::format("sum: {} us; whole runs: {} +- {} us; they differ by {:+.1f} %\n", in_microseconds(sum),
                     in_microseconds(report.whole.ns), in_microseconds(report.whole.spread),
                     report.whole.ns > 0 ? (sum / report.whole.ns - 1) * 100 : 0.0) +
         fmt::format("memory: {} bytes of weights, {} of a workspace\n", with_separators(report.weight_bytes),
                     with_separators(report.workspace_bytes)) +
         fmt::format("energy of a run: {:.3g} J, {}\n", report.joules, report.energy_source);
}

Json to_json(const ProfileReport& report) {
  const double sum = report.sum_ns();
  Json layers = Json::array();
  for (const ProfileRow& row : report.rows)
    layers.push_back({{"name", row.name},
                      {"op", row.op},
                      {"scheme", row.scheme},
                      {"kernel", row.kernel.empty() ? Json(nullptr) : Json(row.kernel)},
                      {"ns", time_json(row.time)},
                      {"share", share_of(row.time.ns, sum)},
                      {"products", row.products},
                      {"gproducts_per_second", row.gproducts_per_second()},
                      {"bytes", row.bytes},
                      {"memory", row.memory}});
  return {{"schema", "lowbit-profile-1"},
          {"model", report.model},
          {"scheme", report.scheme},
          {"data", report.data},
          {"machine", to_json(report.machine)},
          {"batch", report.batch},
          {"runs", report.runs},
          {"whole_ns", time_json(report.whole)},
          {"sum_ns", sum},
          {"outside_ns", report.outside_ns},
          {"weight_bytes", report.weight_bytes},
          {"workspace_bytes", report.workspace_bytes},
          {"joules", report.joules},
          {"energy_source", report.energy_source},
          {"layers", layers}};
}

}  // namespace lowbit::report
