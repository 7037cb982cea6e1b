// SPDX-License-Identifier: Apache-2.0
// CsvFile: the lines of a .csv file, field by field (RFC 4180: commas, quotes, line breaks inside of quotes).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace lowbit::data {

class CsvFile {
 public:
  /// The whole file and its first line, the names of its columns. Throws as read_file, Error(corrupt_file)
  /// where there is no such line.
  explicit CsvFile(const std::string& path);

  const std::string& path() const { return path_; }
  const std::vector<std::string>& columns() const { return columns_; }
  /// Reads the next line that is not empty into `fields`; false at the end. Throws Error(corrupt_file) for a
  /// quote that is not closed, or a line that has not a field for each column.
  bool next(std::vector<std::string>& fields);
  /// Of the fields that next() gave, in the file, from 1.
  std::int64_t line() const { return line_; }
  /// "FILE, line 3, column 2 (width)": for messages about a field of that line.
  std::string place(std::size_t column) const;

 private:
  bool read_line(std::vector<std::string>& fields);
  std::string read_field();

  std::string path_, text_;
  std::size_t at_ = 0;
  std::int64_t line_ = 0, next_line_ = 1;
  std::vector<std::string> columns_;
};

}  // namespace lowbit::data
