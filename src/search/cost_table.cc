// SPDX-License-Identifier: Apache-2.0
#include "lowbit/search/cost_table.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "lowbit/core/error.h"
#include "lowbit/model/serialize.h"
#include "lowbit/search/search.h"
#include "search/cost_parts.h"

namespace lowbit {
namespace {

[[noreturn]] void refuse_table(const std::string& what) {
  throw Error(ErrorCode::invalid_argument, "a table of costs " + what);
}

void check_amount(double value, const std::string& of) {
  if (!(value >= 0) || std::isinf(value))
    refuse_table(fmt::format("has {} for {}: it is a number from 0", value, of));
}

void check_sqnr(double db, const std::string& of) {
  if (std::isnan(db) || db == -INFINITY) refuse_table(fmt::format("has {} dB for {}", db, of));
}

void check_layer(const CostTable::Layer& layer) {
  const std::string of = fmt::format("layer '{}'", layer.name);
  if (layer.candidates.empty()) refuse_table("has no scheme for " + of);
  for (std::size_t i = 0; i < layer.candidates.size(); ++i) {
    const CostTable::Candidate& c = layer.candidates[i];
    const std::string here = fmt::format("{} in {}", of, format_scheme(c.scheme));
    for (std::size_t j = 0; j < i; ++j)
      if (layer.candidates[j].scheme == c.scheme) refuse_table(fmt::format("has {} twice", here));
    check_amount(c.ns, "the time of " + here);
    check_amount(c.ns_spread, "the spread of " + here);
    check_amount(c.joules, "the energy of " + here);
    check_sqnr(c.layer_sqnr_db, here);
    check_sqnr(c.network_sqnr_db, here);
  }
}

void check_conversion(const CostTable::Conversion& conversion, int layers) {
  const auto is_layer = [&](int i) { return i >= 0 && i < layers; };
  const bool known = (conversion.producer == -1 || is_layer(conversion.producer)) &&
                     std::all_of(conversion.readers.begin(), conversion.readers.end(), is_layer);
  if (!known) refuse_table(fmt::format("has a layer for value '{}' that does not exist", conversion.value));
  check_amount(conversion.to_codes_ns, fmt::format("value '{}'", conversion.value));
  check_amount(conversion.to_floats_ns, fmt::format("value '{}'", conversion.value));
}

}  // namespace

namespace detail {

double noise_of(double sqnr_db) {
  return std::pow(10.0, -sqnr_db / 10);
}

double conversion_ns(const CostTable::Conversion& c, const std::function<bool(int)>& codes) {
  bool as_codes = c.read_as_codes, as_floats = c.read_as_floats;
  for (const int reader : c.readers) (codes(reader) ? as_codes : as_floats) = true;
  // A product leaves floats where anybody wants them.
  const bool made_as_codes = c.producer >= 0 ? codes(c.producer) && !as_floats : c.made_as_codes;
  if (made_as_codes) return as_floats ? c.to_floats_ns : 0;
  return as_codes ? c.to_codes_ns : 0;
}

std::size_t loaded_bytes(const CostTable::Candidate& candidate) {
  return candidate.loaded_bytes > 0 ? candidate.loaded_bytes : candidate.bytes;
}

std::size_t rest_loaded_bytes(const CostTable& table) {
  return table.rest_loaded_bytes > 0 ? table.rest_loaded_bytes : table.rest_bytes;
}

std::size_t workspace_of(const CostTable& table, const Scheme& scheme) {
  for (const CostTable::Whole& whole : table.wholes)
    if (whole.scheme == scheme) return whole.workspace_bytes;
  return 0;
}

}  // namespace detail

double CostSum::sqnr_db() const {
  return -10 * std::log10(noise);
}

CostSum add_up(const CostTable& table, const std::vector<int>& choice) {
  if (choice.size() != table.layers.size())
    throw Error(ErrorCode::invalid_argument, fmt::format("a choice for {} layers does not fit a table of {}",
                                                         choice.size(), table.layers.size()));
  const auto candidate = [&](std::size_t layer) -> const CostTable::Candidate& {
    const std::vector<CostTable::Candidate>& all = table.layers[layer].candidates;
    const int c = choice[layer];
    if (c < 0 || static_cast<std::size_t>(c) >= all.size())
      throw Error(ErrorCode::invalid_argument,
                  fmt::format("layer '{}' has no candidate {}", table.layers[layer].name, c));
    return all[static_cast<std::size_t>(c)];
  };
  CostSum sum{table.rest_ns, table.rest_bytes, detail::noise_of(table.rest_network_sqnr_db),
              table.rest_joules, 0};
  std::size_t workspace = detail::workspace_of(table, table.rest_scheme),
              loaded = detail::rest_loaded_bytes(table);
  for (std::size_t l = 0; l < choice.size(); ++l) {
    const CostTable::Candidate& c = candidate(l);
    sum.ns += c.ns, sum.bytes += c.bytes, sum.joules += c.joules;
    sum.noise += detail::noise_of(c.network_sqnr_db);
    loaded += detail::loaded_bytes(c);
    workspace = std::max(workspace, detail::workspace_of(table, c.scheme));
  }
  for (const CostTable::Conversion& conversion : table.conversions)
    sum.ns += detail::conversion_ns(
        conversion, [&](int layer) { return candidate(static_cast<std::size_t>(layer)).codes; });
  sum.memory = loaded + workspace;
  return sum;
}

void check(const CostTable& table) {
  if (table.layers.empty()) refuse_table("has no layers");
  if (table.threads < 1 || table.batch < 1)
    refuse_table(fmt::format("is of {} threads and a batch of {}", table.threads, table.batch));
  check_amount(table.rest_ns, "the time beside the layers");
  check_amount(table.rest_joules, "the energy beside the layers");
  check_sqnr(table.rest_network_sqnr_db, "what is no layer");
  std::set<std::string> names;
  for (const CostTable::Layer& layer : table.layers) {
    if (!names.insert(layer.name).second) refuse_table(fmt::format("has the layer '{}' twice", layer.name));
    check_layer(layer);
  }
  for (const CostTable::Conversion& conversion : table.conversions)
    check_conversion(conversion, static_cast<int>(table.layers.size()));
  for (const CostTable::Whole& whole : table.wholes) {
    check_amount(whole.ns, "a whole network in " + format_scheme(whole.scheme));
    check_amount(whole.joules, "a whole network in " + format_scheme(whole.scheme));
  }
}

void check_made_for(const CostTable& costs, const Model& fp32) {
  check(costs);
  const auto refuse = [](const std::string& why) {
    throw Error(ErrorCode::invalid_argument, "the table of costs was made for another model: " + why);
  };
  if (costs.model != 0 && costs.model != fingerprint(fp32))
    refuse(fmt::format("that has the fingerprint {:016x}, this one {:016x}", costs.model, fingerprint(fp32)));
  std::vector<std::string> names;
  for (const Graph::Node& node : fp32.graph().nodes)
    if (ops::has_weights(node.op)) names.push_back(node.name);
  if (names.size() != costs.layers.size())
    refuse(fmt::format("that has {} layers with weights, this one {}", costs.layers.size(), names.size()));
  for (std::size_t l = 0; l < names.size(); ++l)
    if (names[l] != costs.layers[l].name)
      refuse(fmt::format("its layer {} is '{}', this one's '{}'", l + 1, costs.layers[l].name, names[l]));
}

}  // namespace lowbit
