// SPDX-License-Identifier: Apache-2.0
// Collects x_eigen of what runs and prints it as tables, a line for each shape and a column for each kernel.
#pragma once

#include <benchmark/benchmark.h>

#include <map>
#include <string>
#include <vector>

namespace lowbit::bench {

/// A name is <table>/<column>/<row>: the row starts at the first part that begins with a digit.
struct TableCell {
  std::string table, column, row;
};
TableCell table_cell(const std::string& benchmark_name);

class TableReporter final : public benchmark::ConsoleReporter {
 public:
  TableReporter();
  void ReportRuns(const std::vector<Run>& runs) override;
  /// Markdown: what the figures were made on, then a table for each format.
  void print_tables() const;

 private:
  struct Column {
    std::string name;
    std::map<std::string, std::vector<double>> cells;  // by row
  };
  struct Table {
    std::string name;
    std::vector<std::string> rows;
    std::vector<Column> columns;
  };
  void add(const TableCell& cell, double value);
  static void print(const Table& table);

  std::vector<Table> tables_;  // everything in order of appearance
};

}  // namespace lowbit::bench
