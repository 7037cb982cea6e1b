// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <charconv>
#include <cstdint>
#include <set>
#include <system_error>

#include "core/file_io.h"
#include "io/json/fields.h"
#include "io/json/format.h"
#include "lowbit/core/error.h"
#include "lowbit/io/json/range_table.h"

namespace lowbit {
namespace {

using detail::Fields;
using detail::Json;
using detail::kShown;

Shape read_shape(const Fields& fields) {
  constexpr const char* key = "shape";
  std::vector<std::int64_t> dims;
  for (const Json& d : fields.array(key, fields.required(key)))
    dims.push_back(fields.integer(key, d, 0, std::int64_t{1} << 31));
  try {
    return Shape(std::span<const std::int64_t>(dims));
  } catch (const Error&) {
    throw fields.error(key, "is no shape");
  }
}

std::vector<RangeTable::Percentile> read_percentiles(const Fields& fields) {
  constexpr const char* key = "percentiles";
  std::vector<RangeTable::Percentile> result;
  const Json* object = fields.optional(key);
  if (!object) return result;
  if (!object->is_object()) throw fields.error(key, "is not an object");
  for (const auto& item : object->items()) {
    const std::string& text = item.key();
    const char* end = text.data() + text.size();
    double percent = 0;  // strtod would go by the program's locale
    const auto parsed = std::from_chars(text.data(), end, percent, std::chars_format::fixed);
    if (parsed.ec != std::errc() || parsed.ptr != end || !(percent >= 0 && percent <= 100))
      throw fields.error(key, fmt::format("has \"{}\" for a number from 0 to 100", text.substr(0, kShown)));
    result.push_back({percent, fields.real32(key, item.value())});
  }
  return result;
}

Range read_clip(const Fields& fields) {
  constexpr const char* key = "clip";
  const Json& clip = fields.array(key, fields.required(key));
  if (clip.size() != 2) throw fields.error(key, "is not two numbers");
  const Range range{fields.real32(key, clip[0]), fields.real32(key, clip[1])};
  if (!(range.min <= range.max)) throw fields.error(key, "ends below its start");
  return range;
}

/// Whether scale and zero point of the file, where it has them, are those of its clip.
bool says_the_same(const Fields& fields, QParams qparams) {
  const Json *scale = fields.optional("scale"), *zero = fields.optional("zero_point");
  const bool same_scale = scale && fields.real32("scale", *scale) == qparams.scale;
  const bool same_zero =
      zero && fields.integer("zero_point", *zero, INT32_MIN, INT32_MAX) == std::int64_t{qparams.zero_point};
  return same_scale && same_zero;
}

RangeTable::Row read_row(const Json& json, std::size_t index, const std::string& file) {
  Fields fields(json, fmt::format("{}: row {} of \"tensors\"", file, index + 1));
  RangeTable::Row row;
  row.tensor = fields.text("tensor", fields.required("tensor"));
  fields.call_it(fmt::format("{}: tensor '{}'", file, row.tensor));
  fields.allow_only({"tensor", "shape", "count", "non_finite", "min", "max", "percentiles", "clip", "bits",
                     "scale", "zero_point", "sqnr_db", "clipped"});
  row.shape = read_shape(fields);
  const auto count = [&](const char* key, std::optional<std::uint64_t>& to) {
    if (const Json* v = fields.optional(key))
      to = static_cast<std::uint64_t>(fields.integer(key, *v, 0, INT64_MAX));
  };
  count("count", row.count), count("non_finite", row.non_finite);
  if (const Json* v = fields.optional("min")) row.min = fields.real32("min", *v);
  if (const Json* v = fields.optional("max")) row.max = fields.real32("max", *v);
  row.percentiles = read_percentiles(fields);
  row.bits = static_cast<int>(fields.integer("bits", fields.required("bits"), 2, 16));
  row.set_clip(read_clip(fields));
  const Json *sqnr = fields.optional("sqnr_db"), *clipped = fields.optional("clipped");
  const std::optional<double> sqnr_db = sqnr ? std::optional(fields.real("sqnr_db", *sqnr)) : std::nullopt;
  const std::optional<double> share =
      clipped ? std::optional(fields.real("clipped", *clipped)) : std::nullopt;
  if (says_the_same(fields, row.qparams)) row.sqnr_db = sqnr_db, row.clipped = share;
  return row;
}

}  // namespace

RangeTable parse_range_table(std::string_view text, const std::string& name) {
  const std::string file = fmt::format("'{}'", name);
  const Json json = detail::parse_json(text, file);
  const Fields fields(json, file);
  detail::check_format(fields, file, "calibration table", detail::kJsonFormat, detail::kJsonVersion);
  fields.allow_only({"format", "version", "model", "observer", "data", "samples", "tensors"});
  RangeTable table;
  table.model = detail::read_fingerprint(fields);
  if (const Json* v = fields.optional("observer")) table.observer = fields.text("observer", *v);
  if (const Json* v = fields.optional("data")) table.data = fields.text("data", *v);
  table.samples = fields.integer("samples", fields.required("samples"), 1, INT64_MAX);
  std::set<std::string> seen;
  for (const Json& row : fields.array("tensors", fields.required("tensors"))) {
    table.rows.push_back(read_row(row, table.rows.size(), file));
    if (!seen.insert(table.rows.back().tensor).second)
      throw fields.error(fmt::format("has tensor '{}' twice", table.rows.back().tensor));
  }
  return table;
}

RangeTable load_range_table(const std::string& path) {
  const std::vector<std::byte> bytes = read_file(path);
  return parse_range_table({reinterpret_cast<const char*>(bytes.data()), bytes.size()}, path);
}

}  // namespace lowbit
