// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <charconv>
#include <cmath>
#include <nlohmann/json.hpp>

#include "core/file_io.h"
#include "io/json/format.h"
#include "lowbit/core/error.h"
#include "lowbit/io/json/range_table.h"

namespace lowbit {
namespace {

constexpr const char* kUnknown = "null";

/// The shortest text that a reader of doubles turns back into `v`.
std::string number(float v) {
  if (!std::isfinite(v))
    throw Error(ErrorCode::invalid_argument,
                fmt::format("a range table with {} cannot be written as JSON", v));
  const std::string text = fmt::format("{}", v);
  double read = 0;  // strtod would go by the program's locale
  std::from_chars(text.data(), text.data() + text.size(), read);
  return static_cast<float>(read) == v ? text : fmt::format("{}", double{v});
}

std::string number(const std::optional<float>& v) {
  return v ? number(*v) : kUnknown;
}

std::string number(const std::optional<std::uint64_t>& v) {
  return v ? fmt::format("{}", *v) : kUnknown;
}

/// JSON has no infinity. Adding 0 takes the sign from -0.
std::string number(const std::optional<double>& v, const char* format) {
  if (!v || !std::isfinite(*v)) return kUnknown;
  const std::string text = fmt::format(fmt::runtime(format), *v + 0.0);
  return text == "-0.00" ? "0.00" : text;
}

std::string quoted(const std::string& text) {
  try {
    return nlohmann::json(text).dump();
  } catch (const nlohmann::json::exception&) {
    throw Error(ErrorCode::unsupported,
                "the name of a tensor, observer or data set is not UTF-8 and cannot "
                "be written as JSON");
  }
}

std::string percentiles(const RangeTable::Row& row) {
  if (row.percentiles.empty()) return kUnknown;
  std::vector<std::string> items;
  for (const RangeTable::Percentile& p : row.percentiles)
    items.push_back(fmt::format("\"{}\": {}", p.percent, number(p.value)));
  return fmt::format("{{{}}}", fmt::join(items, ", "));
}

std::string format_row(const RangeTable::Row& row) {
  std::string text = fmt::format("    {{\n      \"tensor\": {},\n", quoted(row.tensor));
  const auto add = [&](const char* key, const std::string& value, const char* end = ",\n") {
    text += fmt::format("      \"{}\": {}{}", key, value, end);
  };
  add("shape", fmt::format("[{}]", fmt::join(row.shape.dims(), ", ")));
  add("count", number(row.count));
  add("non_finite", number(row.non_finite));
  add("min", number(row.min));
  add("max", number(row.max));
  add("percentiles", percentiles(row));
  add("clip", fmt::format("[{}, {}]", number(row.clip.min), number(row.clip.max)));
  add("bits", fmt::format("{}", row.bits));
  add("scale", number(row.qparams.scale));
  add("zero_point", fmt::format("{}", row.qparams.zero_point));
  add("sqnr_db", number(row.sqnr_db, "{:.2f}"));
  add("clipped", number(row.clipped, "{:.6g}"), "\n    }");
  return text;
}

}  // namespace

std::string format_range_table(const RangeTable& table) {
  std::vector<std::string> rows;
  for (const RangeTable::Row& row : table.rows) rows.push_back(format_row(row));
  return fmt::format(
      "{{\n"
      "  \"format\": \"{}\",\n"
      "  \"version\": {},\n"
      "  \"model\": {},\n"
      "  \"observer\": {},\n"
      "  \"data\": {},\n"
      "  \"samples\": {},\n"
      "  \"tensors\": [\n{}\n  ]\n"
      "}}\n",
      detail::kJsonFormat, detail::kJsonVersion,
      table.model ? fmt::format("\"{:016x}\"", table.model) : kUnknown, quoted(table.observer),
      quoted(table.data), table.samples, fmt::join(rows, ",\n"));
}

void save(const RangeTable& table, const std::string& path) {
  const std::string text = format_range_table(table);
  write_file(path, std::as_bytes(std::span(text.data(), text.size())));
}

}  // namespace lowbit
