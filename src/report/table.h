// SPDX-License-Identifier: Apache-2.0
// Table: rows of text in aligned columns, for terminals and pipes alike.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace lowbit::report {

class Table {
 public:
  enum class Align { left, right };
  struct Column {
    std::string title;
    Align align = Align::right;
  };

  explicit Table(std::vector<Column> columns);
  /// Cells become printable. Throws std::logic_error when `cells` has not one cell a column.
  void add_row(std::vector<std::string> cells);
  /// Lines without trailing spaces, each ended by a newline; a rule below the titles. `colour` makes the
  /// titles bold.
  std::string to_string(bool colour = false) const;

 private:
  std::vector<Column> columns_;
  std::vector<std::vector<std::string>> rows_;
};

}  // namespace lowbit::report
