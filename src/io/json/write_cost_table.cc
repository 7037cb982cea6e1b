// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "core/file_io.h"
#include "io/json/format.h"
#include "lowbit/core/error.h"
#include "lowbit/io/json/cost_table.h"

namespace lowbit {
namespace {

using CostJson = nlohmann::ordered_json;

/// JSON has no infinity.
CostJson decibels(double db) {
  return std::isfinite(db) ? CostJson(db) : CostJson(nullptr);
}

CostJson candidate_json(const CostTable::Candidate& c) {
  return {{"scheme", format_scheme(c.scheme)},
          {"kernel", c.kernel},
          {"ns", c.ns},
          {"ns_spread", c.ns_spread},
          {"bytes", c.bytes},
          {"loaded_bytes", c.loaded_bytes},
          {"layer_sqnr_db", decibels(c.layer_sqnr_db)},
          {"network_sqnr_db", decibels(c.network_sqnr_db)},
          {"joules", c.joules},
          {"codes", c.codes}};
}

CostJson layer_json(const CostTable::Layer& layer) {
  CostJson candidates = CostJson::array();
  for (const CostTable::Candidate& c : layer.candidates) candidates.push_back(candidate_json(c));
  return {{"layer", layer.name}, {"candidates", candidates}};
}

CostJson conversion_json(const CostTable::Conversion& c) {
  return {{"value", c.value},
          {"producer", c.producer},
          {"readers", c.readers},
          {"made_as_codes", c.made_as_codes},
          {"read_as_codes", c.read_as_codes},
          {"read_as_floats", c.read_as_floats},
          {"to_codes_ns", c.to_codes_ns},
          {"to_floats_ns", c.to_floats_ns}};
}

CostJson whole_json(const CostTable::Whole& w) {
  return {{"scheme", format_scheme(w.scheme)},
          {"ns", w.ns},
          {"ns_spread", w.ns_spread},
          {"bytes", w.bytes},
          {"workspace_bytes", w.workspace_bytes},
          {"network_sqnr_db", decibels(w.network_sqnr_db)},
          {"joules", w.joules}};
}

template <class Item, class ToJson>
CostJson list_json(const std::vector<Item>& items, const ToJson& to_json) {
  CostJson list = CostJson::array();
  for (const Item& item : items) list.push_back(to_json(item));
  return list;
}

}  // namespace

std::string format_cost_table(const CostTable& table) {
  check(table);
  const CostJson json{
      {"format", detail::kCostFormat},
      {"version", detail::kCostVersion},
      {"model", table.model ? CostJson(fmt::format("{:016x}", table.model)) : CostJson(nullptr)},
      {"cpu", table.cpu},
      {"isa", table.isa},
      {"threads", table.threads},
      {"batch", table.batch},
      {"samples", table.samples},
      {"recovery", table.recovery},
      {"energy_source", table.energy_source},
      {"extrapolated", table.extrapolated},
      {"compressed", table.compressed},
      {"rest_scheme", format_scheme(table.rest_scheme)},
      {"rest_ns", table.rest_ns},
      {"rest_joules", table.rest_joules},
      {"rest_bytes", table.rest_bytes},
      {"rest_loaded_bytes", table.rest_loaded_bytes},
      {"rest_network_sqnr_db", decibels(table.rest_network_sqnr_db)},
      {"layers", list_json(table.layers, layer_json)},
      {"conversions", list_json(table.conversions, conversion_json)},
      {"wholes", list_json(table.wholes, whole_json)}};
  try {
    return json.dump(1) + "\n";
  } catch (const CostJson::exception&) {
    throw Error(ErrorCode::unsupported,
                "a name in a table of costs is not UTF-8 and cannot be written as JSON");
  }
}

void save(const CostTable& table, const std::string& path) {
  const std::string text = format_cost_table(table);
  write_file(path, std::as_bytes(std::span(text.data(), text.size())));
}

}  // namespace lowbit
