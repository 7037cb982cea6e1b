// SPDX-License-Identifier: Apache-2.0
#include "table_reporter.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>

#include "lowbit/kernels/cpu.h"
#include "rounds.h"
#ifndef _WIN32
#include <stdlib.h>
#include <unistd.h>
#endif

namespace lowbit::bench {
namespace {

bool is_terminal() {
#ifdef _WIN32
  return false;
#else
  return isatty(STDOUT_FILENO) != 0;
#endif
}

std::string load_average() {
#ifdef _WIN32
  return "unknown";
#else
  double loads[3] = {};
  if (getloadavg(loads, 3) != 3) return "unknown";
  return fmt::format("{:.2f} {:.2f} {:.2f}", loads[0], loads[1], loads[2]);
#endif
}

std::string compiler() {
#if defined(__clang__)
  return "clang " __clang_version__;
#elif defined(__GNUC__)
  return "g++ " __VERSION__;
#else
  return "an unknown compiler";
#endif
}

/// The element called `name`, added at the end if there is none.
template <class T>
T& named(std::vector<T>& list, const std::string& name) {
  const auto found = std::find_if(list.begin(), list.end(), [&](const T& t) { return t.name == name; });
  if (found != list.end()) return *found;
  list.emplace_back();
  list.back().name = name;
  return list.back();
}

}  // namespace

TableCell table_cell(const std::string& name) {
  std::size_t row = 0;
  while (row < name.size() && !std::isdigit(static_cast<unsigned char>(name[row]))) {
    const std::size_t slash = name.find('/', row);
    if (slash == std::string::npos) return {"", name, ""};
    row = slash + 1;
  }
  if (row == 0) return {"", "", name};
  const std::size_t column = name.rfind('/', row - 2);
  const std::size_t start = column == std::string::npos ? 0 : column + 1;
  return {start == 0 ? "" : name.substr(0, start - 1), name.substr(start, row - 1 - start), name.substr(row)};
}

TableReporter::TableReporter()
    : ConsoleReporter(is_terminal() ? ConsoleReporter::OO_Color : ConsoleReporter::OO_None) {}

void TableReporter::add(const TableCell& cell, double value) {
  Table& table = named(tables_, cell.table);
  if (std::find(table.rows.begin(), table.rows.end(), cell.row) == table.rows.end())
    table.rows.push_back(cell.row);
  named(table.columns, cell.column).cells[cell.row].push_back(value);
}

void TableReporter::ReportRuns(const std::vector<Run>& runs) {
  ConsoleReporter::ReportRuns(runs);
  for (const Run& run : runs) {
    if (run.run_type == Run::RT_Aggregate && run.aggregate_name != "median") continue;
    const auto eigen = run.counters.find("x_eigen");
    if (eigen == run.counters.end()) continue;
    TableCell cell = table_cell(run.run_name.str());
    add(cell, eigen->second.value);
    // How oneDNN compares with Eigen follows from the two ratios of the kernel.
    const auto onednn = run.counters.find("x_onednn");
    if (onednn == run.counters.end()) continue;
    cell.column = "oneDNN";
    add(cell, eigen->second.value / onednn->second.value);
  }
}

void TableReporter::print(const Table& table) {
  fmt::print("\n{}\n\n| |", table.name);
  for (const Column& column : table.columns) fmt::print(" {} |", column.name);
  fmt::print("\n|---|");
  for (std::size_t i = 0; i < table.columns.size(); ++i) fmt::print("--:|");
  fmt::print("\n");
  for (const std::string& row : table.rows) {
    fmt::print("| {} |", row);
    for (const Column& column : table.columns) {
      const auto cell = column.cells.find(row);
      fmt::print(" {} |", cell == column.cells.end() ? "" : fmt::format("{:.2f}", median(cell->second)));
    }
    fmt::print("\n");
  }
}

void TableReporter::print_tables() const {
  fmt::print("\n{}, {} active; {}; {}; load average {}\n", cpu_name(), isa_name(active_isa()), compiler(),
             LOWBIT_BENCH_FLAGS, load_average());
  fmt::print("x_eigen: times as fast as Eigen in FP32 on the same shape in the same run, one thread.\n");
  for (const Table& table : tables_) print(table);
}

}  // namespace lowbit::bench
