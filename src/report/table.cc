// SPDX-License-Identifier: Apache-2.0
#include "report/table.h"

#include <fmt/format.h>

#include <algorithm>
#include <stdexcept>
#include <utility>

#include "report/printable.h"
#include "report/terminal.h"

namespace lowbit::report {
namespace {

// Characters, not bytes: names in a model may be UTF-8.
std::size_t display_width(const std::string& text) {
  return static_cast<std::size_t>(std::count_if(
      text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
}

std::string padded(const std::string& text, std::size_t width, Table::Align align) {
  const std::string fill(width - std::min(width, display_width(text)), ' ');
  return align == Table::Align::left ? text + fill : fill + text;
}

std::string without_trailing_spaces(std::string line) {
  line.erase(line.find_last_not_of(' ') + 1);
  return line;
}

}  // namespace

Table::Table(std::vector<Column> columns) : columns_(std::move(columns)) {}

void Table::add_row(std::vector<std::string> cells) {
  if (cells.size() != columns_.size())
    throw std::logic_error(
        fmt::format("a row of {} cells in a table of {} columns", cells.size(), columns_.size()));
  for (std::string& cell : cells) cell = printable(cell);
  rows_.push_back(std::move(cells));
}

std::string Table::to_string(bool colour) const {
  std::vector<std::size_t> widths;
  for (const Column& column : columns_) widths.push_back(display_width(column.title));
  for (const auto& row : rows_)
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], display_width(row[i]));

  std::string titles, rule, text;
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    const std::string gap = i ? "  " : "";
    titles += gap + padded(columns_[i].title, widths[i], columns_[i].align);
    rule += gap + std::string(widths[i], '-');
  }
  text = styled(without_trailing_spaces(titles), Style::bold, colour) + "\n" +
         styled(rule, Style::dim, colour) + "\n";
  for (const auto& row : rows_) {
    std::string line;
    for (std::size_t i = 0; i < row.size(); ++i)
      line += (i ? "  " : "") + padded(row[i], widths[i], columns_[i].align);
    text += without_trailing_spaces(line) + "\n";
  }
  return text;
}

}  // namespace lowbit::report
