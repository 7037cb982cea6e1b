// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <limits>
#include <nlohmann/json.hpp>
#include <set>
#include <system_error>

#include "core/file_io.h"
#include "io/json/format.h"
#include "lowbit/core/error.h"
#include "lowbit/io/json/range_table.h"

namespace lowbit {
namespace {

using Json = nlohmann::ordered_json;
constexpr std::size_t kShown = 80;  // of what stands in a file, in a sentence

/// One object of the file, which knows what to call itself.
class Fields {
 public:
  Fields(const Json& object, std::string where) : object_(object), where_(std::move(where)) {
    if (!object.is_object()) throw error("is not an object");
  }

  Error error(const std::string& what) const {
    return {ErrorCode::corrupt_file, fmt::format("{} {}", where_, what)};
  }
  Error error(const char* key, const std::string& what) const {
    return error(fmt::format("has a \"{}\" that {}", key, what));
  }
  void call_it(std::string where) { where_ = std::move(where); }
  /// A misspelt key would otherwise be one that has no effect.
  void allow_only(std::initializer_list<const char*> keys) const {
    for (const auto& item : object_.items())
      if (std::find(keys.begin(), keys.end(), item.key()) == keys.end())
        throw error(fmt::format("has a key \"{}\", which is not known", item.key().substr(0, kShown)));
  }
  /// Null where the key is missing or its value is null.
  const Json* optional(const char* key) const {
    const auto found = object_.find(key);
    return found == object_.end() || found->is_null() ? nullptr : &*found;
  }
  const Json& required(const char* key) const {
    const Json* value = optional(key);
    if (!value) throw error(fmt::format("has no \"{}\"", key));
    return *value;
  }

  std::string text(const char* key, const Json& value) const {
    if (!value.is_string()) throw error(key, "is not a text");
    return value.get<std::string>();
  }
  double real(const char* key, const Json& value) const {
    if (!value.is_number()) throw error(key, "is not a number");
    return value.get<double>();
  }
  /// A number that is none of float's infinities.
  float real32(const char* key, const Json& value) const {
    const double v = real(key, value);
    if (!(std::fabs(v) <= double{std::numeric_limits<float>::max()})) throw error(key, "is too large");
    return static_cast<float>(v);
  }
  std::int64_t integer(const char* key, const Json& value, std::int64_t least, std::int64_t most) const {
    const bool fits = value.is_number_integer() &&
                      (!value.is_number_unsigned() || value.get<std::uint64_t>() <= INT64_MAX) &&
                      value.get<std::int64_t>() >= least && value.get<std::int64_t>() <= most;
    if (!fits) throw error(key, fmt::format("is not an integer from {} to {}", least, most));
    return value.get<std::int64_t>();
  }
  const Json& array(const char* key, const Json& value) const {
    if (!value.is_array()) throw error(key, "is not an array");
    return value;
  }

 private:
  const Json& object_;
  std::string where_;
};

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

std::uint64_t read_fingerprint(const Fields& fields) {
  const Json* value = fields.optional("model");
  if (!value) return 0;
  const std::string text = fields.text("model", *value);
  if (text.size() != 16 || text.find_first_not_of("0123456789abcdef") != std::string::npos)
    throw fields.error("model", "is not 16 hexadecimal digits");
  return std::stoull(text, nullptr, 16);
}

/// Throws for a key that an object has twice: the parser would keep one of the two.
class KeysOnce {
 public:
  explicit KeysOnce(std::string file) : file_(std::move(file)) {}
  bool operator()(int, Json::parse_event_t event, const Json& parsed) {
    if (event == Json::parse_event_t::object_start) open_.emplace_back();
    if (event == Json::parse_event_t::object_end) open_.pop_back();
    if (event == Json::parse_event_t::key && !open_.back().insert(parsed.get<std::string>()).second)
      throw Error(ErrorCode::corrupt_file, fmt::format("{} has the key \"{}\" twice in one object", file_,
                                                       parsed.get<std::string>().substr(0, kShown)));
    return true;
  }

 private:
  std::string file_;
  std::vector<std::set<std::string>> open_;
};

Json parse_json(std::string_view text, const std::string& file) {
  try {
    return Json::parse(text, KeysOnce(file));
  } catch (const Json::parse_error& e) {
    const std::size_t at = std::min(e.byte, text.size());
    const auto line = 1 + std::count(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(at), '\n');
    throw Error(ErrorCode::corrupt_file, fmt::format("{} is not JSON: it goes wrong in line {}", file, line));
  } catch (const Json::exception&) {  // a number beyond double
    throw Error(ErrorCode::corrupt_file, fmt::format("{} is not JSON: a number is too large", file));
  }
}

void check_format(const Fields& fields, const std::string& file) {
  const Json* format = fields.optional("format");
  if (!format || !format->is_string() || format->get<std::string>() != detail::kJsonFormat)
    throw fields.error(
        fmt::format("is no calibration table: its \"format\" is not \"{}\"", detail::kJsonFormat));
  const std::int64_t version = fields.integer("version", fields.required("version"), 1, INT32_MAX);
  if (version != detail::kJsonVersion)
    throw Error(ErrorCode::unsupported, fmt::format("{} has version {}, this lowbit reads version {}", file,
                                                    version, detail::kJsonVersion));
}

}  // namespace

RangeTable parse_range_table(std::string_view text, const std::string& name) {
  const std::string file = fmt::format("'{}'", name);
  const Json json = parse_json(text, file);
  const Fields fields(json, file);
  check_format(fields, file);
  fields.allow_only({"format", "version", "model", "observer", "data", "samples", "tensors"});
  RangeTable table;
  table.model = read_fingerprint(fields);
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
