// SPDX-License-Identifier: Apache-2.0
#include "data/csv_file.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/file_io.h"
#include "lowbit/core/error.h"

namespace lowbit::data {
namespace {

constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";

std::string without_spaces_around(const std::string& text) {
  const std::size_t first = text.find_first_not_of(" \t"), last = text.find_last_not_of(" \t");
  return first == std::string::npos ? std::string() : text.substr(first, last - first + 1);
}

}  // namespace

CsvFile::CsvFile(const std::string& path) : path_(path) {
  const std::vector<std::byte> bytes = read_file(path);
  text_.assign(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  if (text_.starts_with(kByteOrderMark)) at_ = kByteOrderMark.size();
  if (!read_line(columns_))
    throw Error(ErrorCode::corrupt_file, fmt::format("{} is empty: it has no line of names", path));
}

bool CsvFile::next(std::vector<std::string>& fields) {
  if (!read_line(fields)) return false;
  if (fields.size() != columns_.size())
    throw Error(ErrorCode::corrupt_file, fmt::format("{}, line {} has {} columns; the first line names {}",
                                                     path_, line_, fields.size(), columns_.size()));
  return true;
}

std::string CsvFile::place(std::size_t column) const {
  return fmt::format("{}, line {}, column {} ({})", path_, line_, column + 1, columns_[column]);
}

bool CsvFile::read_line(std::vector<std::string>& fields) {
  for (;;) {
    if (at_ == text_.size()) return false;
    fields.clear();
    line_ = next_line_;
    fields.push_back(read_field());
    while (at_ < text_.size() && text_[at_] == ',') {
      ++at_;
      fields.push_back(read_field());
    }
    if (at_ < text_.size() && text_[at_] == '\r') ++at_;
    if (at_ < text_.size() && text_[at_] == '\n') ++at_;
    ++next_line_;
    if (fields.size() > 1 || !fields[0].empty()) return true;
  }
}

// Ends before a comma or the end of the line.
std::string CsvFile::read_field() {
  const std::size_t first = text_.find_first_not_of(" \t", at_);
  if (first == std::string::npos || text_[first] != '"') {
    const std::size_t end = std::min(text_.find_first_of(",\r\n", at_), text_.size());
    const std::string field = text_.substr(at_, end - at_);
    at_ = end;
    return without_spaces_around(field);
  }
  std::string field;
  for (at_ = first + 1;; ++at_) {
    if (at_ >= text_.size())
      throw Error(ErrorCode::corrupt_file, fmt::format("{}: a quote of line {} is not closed", path_, line_));
    if (text_[at_] == '\n') ++next_line_;
    if (text_[at_] != '"') {
      field += text_[at_];
    } else if (at_ + 1 < text_.size() && text_[at_ + 1] == '"') {
      field += text_[at_++];
    } else {
      break;
    }
  }
  at_ = std::min(text_.find_first_of(",\r\n", at_), text_.size());
  return field;
}

}  // namespace lowbit::data
