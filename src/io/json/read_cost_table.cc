// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include "core/file_io.h"
#include "io/json/fields.h"
#include "io/json/format.h"
#include "lowbit/io/json/cost_table.h"

namespace lowbit {
namespace {

using CostFields = detail::Fields;

double amount(const CostFields& fields, const char* key, bool required = false) {
  const detail::Json* value = required ? &fields.required(key) : fields.optional(key);
  if (!value) return 0;
  const double number = fields.real(key, *value);
  if (!(number >= 0 && number <= 1e300)) throw fields.error(key, "is not a number from 0");
  return number;
}

std::size_t byte_count(const CostFields& fields, const char* key, bool required = false) {
  const detail::Json* value = required ? &fields.required(key) : fields.optional(key);
  return value ? static_cast<std::size_t>(fields.integer(key, *value, 0, std::int64_t{1} << 53)) : 0;
}

double decibels_of(const CostFields& fields, const char* key) {
  const detail::Json* value = fields.optional(key);
  if (!value) return CostTable::kExact;
  const double db = fields.real(key, *value);
  if (!(db >= -1000 && db <= 1000)) throw fields.error(key, "is not a number of dB");
  return db;
}

bool flag(const CostFields& fields, const char* key) {
  const detail::Json* value = fields.optional(key);
  if (value && !value->is_boolean()) throw fields.error(key, "is neither true nor false");
  return value && value->get<bool>();
}

std::string text_of(const CostFields& fields, const char* key) {
  const detail::Json* value = fields.optional(key);
  return value ? fields.text(key, *value) : std::string();
}

Scheme scheme_of(const CostFields& fields, const char* key) {
  const std::string text = fields.text(key, fields.required(key));
  try {
    return parse_scheme(text);
  } catch (const Error& e) {
    throw fields.error(key, fmt::format("is no scheme: {}", e.what()));
  }
}

CostTable::Candidate read_candidate(const detail::Json& json, const std::string& where) {
  CostFields fields(json, where);
  CostTable::Candidate c{.scheme = scheme_of(fields, "scheme")};
  fields.call_it(fmt::format("{} in {}", where, format_scheme(c.scheme)));
  fields.allow_only({"scheme", "kernel", "ns", "ns_spread", "bytes", "loaded_bytes", "layer_sqnr_db",
                     "network_sqnr_db", "joules", "codes"});
  c.kernel = text_of(fields, "kernel");
  c.ns = amount(fields, "ns", true), c.ns_spread = amount(fields, "ns_spread");
  c.bytes = byte_count(fields, "bytes", true), c.loaded_bytes = byte_count(fields, "loaded_bytes");
  c.layer_sqnr_db = decibels_of(fields, "layer_sqnr_db");
  c.network_sqnr_db = decibels_of(fields, "network_sqnr_db");
  c.joules = amount(fields, "joules");
  c.codes = flag(fields, "codes");
  return c;
}

CostTable::Layer read_layer(const detail::Json& json, std::size_t index, const std::string& file) {
  CostFields fields(json, fmt::format("{}: row {} of \"layers\"", file, index + 1));
  CostTable::Layer layer{.name = fields.text("layer", fields.required("layer"))};
  const std::string where = fmt::format("{}: layer '{}'", file, layer.name);
  fields.call_it(where);
  fields.allow_only({"layer", "candidates"});
  for (const detail::Json& c : fields.array("candidates", fields.required("candidates")))
    layer.candidates.push_back(read_candidate(c, where));
  return layer;
}

CostTable::Conversion read_conversion(const detail::Json& json, std::size_t index, const std::string& file,
                                      std::int64_t layers) {
  CostFields fields(json, fmt::format("{}: row {} of \"conversions\"", file, index + 1));
  fields.allow_only({"value", "producer", "readers", "made_as_codes", "read_as_codes", "read_as_floats",
                     "to_codes_ns", "to_floats_ns"});
  CostTable::Conversion c{.value = fields.text("value", fields.required("value"))};
  c.producer = static_cast<int>(fields.integer("producer", fields.required("producer"), -1, layers - 1));
  for (const detail::Json& reader : fields.array("readers", fields.required("readers")))
    c.readers.push_back(static_cast<int>(fields.integer("readers", reader, 0, layers - 1)));
  c.made_as_codes = flag(fields, "made_as_codes"), c.read_as_codes = flag(fields, "read_as_codes");
  c.read_as_floats = flag(fields, "read_as_floats");
  c.to_codes_ns = amount(fields, "to_codes_ns"), c.to_floats_ns = amount(fields, "to_floats_ns");
  return c;
}

CostTable::Whole read_whole(const detail::Json& json, std::size_t index, const std::string& file) {
  CostFields fields(json, fmt::format("{}: row {} of \"wholes\"", file, index + 1));
  fields.allow_only({"scheme", "ns", "ns_spread", "bytes", "workspace_bytes", "network_sqnr_db", "joules"});
  CostTable::Whole w{.scheme = scheme_of(fields, "scheme")};
  w.ns = amount(fields, "ns", true), w.ns_spread = amount(fields, "ns_spread");
  w.bytes = byte_count(fields, "bytes"), w.workspace_bytes = byte_count(fields, "workspace_bytes");
  w.network_sqnr_db = decibels_of(fields, "network_sqnr_db");
  w.joules = amount(fields, "joules");
  return w;
}

/// Calls add(row, index) for each row of a list, which may be missing.
template <class Add>
void each_row(const CostFields& fields, const char* key, const Add& add) {
  const detail::Json* list = fields.optional(key);
  if (!list) return;
  std::size_t index = 0;
  for (const detail::Json& row : fields.array(key, *list)) add(row, index++);
}

}  // namespace

CostTable parse_cost_table(std::string_view text, const std::string& name) {
  const std::string file = fmt::format("'{}'", name);
  const detail::Json json = detail::parse_json(text, file);
  const CostFields fields(json, file);
  detail::check_format(fields, file, "table of costs", detail::kCostFormat, detail::kCostVersion);
  fields.allow_only({"format",        "version",      "model",
                     "cpu",           "isa",          "threads",
                     "batch",         "samples",      "recovery",
                     "energy_source", "rest_scheme",  "rest_ns",
                     "rest_joules",   "rest_bytes",   "rest_loaded_bytes",
                     "compressed",    "extrapolated", "rest_network_sqnr_db",
                     "layers",        "conversions",  "wholes"});
  CostTable table;
  table.model = detail::read_fingerprint(fields);
  table.cpu = text_of(fields, "cpu"), table.isa = text_of(fields, "isa");
  const auto count = [&](const char* key, std::int64_t least, std::int64_t most) {
    return fields.integer(key, fields.required(key), least, most);
  };
  table.threads = static_cast<int>(count("threads", 1, 1024));
  table.batch = count("batch", 1, std::int64_t{1} << 31);
  if (const detail::Json* samples = fields.optional("samples"))
    table.samples = fields.integer("samples", *samples, 0, INT64_MAX);
  table.recovery = text_of(fields, "recovery"), table.energy_source = text_of(fields, "energy_source");
  table.rest_scheme = scheme_of(fields, "rest_scheme");
  table.rest_ns = amount(fields, "rest_ns"), table.rest_joules = amount(fields, "rest_joules");
  table.rest_bytes = byte_count(fields, "rest_bytes");
  table.rest_loaded_bytes = byte_count(fields, "rest_loaded_bytes");
  table.compressed = flag(fields, "compressed");
  table.extrapolated = flag(fields, "extrapolated");
  table.rest_network_sqnr_db = decibels_of(fields, "rest_network_sqnr_db");
  fields.required("layers");
  each_row(fields, "layers",
           [&](const detail::Json& row, std::size_t i) { table.layers.push_back(read_layer(row, i, file)); });
  const auto layers = static_cast<std::int64_t>(table.layers.size());
  each_row(fields, "conversions", [&](const detail::Json& row, std::size_t i) {
    table.conversions.push_back(read_conversion(row, i, file, layers));
  });
  each_row(fields, "wholes",
           [&](const detail::Json& row, std::size_t i) { table.wholes.push_back(read_whole(row, i, file)); });
  try {
    check(table);
  } catch (const Error& e) {
    throw Error(ErrorCode::corrupt_file, fmt::format("{}: {}", file, e.what()));
  }
  return table;
}

CostTable load_cost_table(const std::string& path) {
  const std::vector<std::byte> bytes = read_file(path);
  return parse_cost_table({reinterpret_cast<const char*>(bytes.data()), bytes.size()}, path);
}

}  // namespace lowbit
