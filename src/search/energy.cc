// SPDX-License-Identifier: Apache-2.0
#include "search/energy.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <system_error>

#include "layers/weight_of.h"
#include "lowbit/layers/ops.h"
#include "search/search_layers.h"

namespace lowbit::detail {
namespace {

std::optional<std::uint64_t> read_number(const std::string& file) {
  std::ifstream stream(file);
  std::uint64_t number = 0;
  if (!(stream >> number)) return std::nullopt;
  return number;
}

}  // namespace

EnergyCounter::EnergyCounter(const std::string& dir) {
  std::error_code error;
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(dir, error))
    names.push_back(entry.path().filename().string());
  std::sort(names.begin(), names.end());
  for (const std::string& name : names) {
    // "intel-rapl:0" is a package, "intel-rapl:0:1" a part of it, which the package has counted.
    if (name.find("rapl:") == std::string::npos || std::count(name.begin(), name.end(), ':') != 1) continue;
    const std::string folder = dir + "/" + name;
    const auto now = read_number(folder + "/energy_uj"), range = read_number(folder + "/max_energy_range_uj");
    if (now) domains_.push_back({folder + "/energy_uj", *now, range.value_or(0)});
  }
}

std::optional<double> EnergyCounter::joules() {
  if (domains_.empty()) return std::nullopt;
  double sum = 0;
  for (Domain& domain : domains_) {
    const auto now = read_number(domain.file);
    if (!now) return std::nullopt;
    const std::uint64_t turned = *now < domain.last ? domain.range : 0;
    sum += static_cast<double>(*now + turned - domain.last) * 1e-6;
    domain.last = *now;
  }
  return sum;
}

double estimated_joules(const Scheme& scheme, double products, double weight_bytes, double values) {
  // Horowitz 2014, 45 nm, 0.9 V: multiply and add in 8 bits (sums in 32) 0.2 + 0.1 pJ, in float 3.7 + 0.9 pJ;
  // 64 bits from a cache of 1 MB 100 pJ.
  constexpr double kInteger = 0.3e-12, kFloat = 4.6e-12, kByte = 12.5e-12;
  const bool floats = scheme.is_fp32() || scheme.activation_bits == 0;
  return products * (floats ? kFloat : kInteger) + (weight_bytes + values * (floats ? 4 : 1)) * kByte;
}

double estimated_joules(const Model& model, std::int64_t batch) {
  const Graph& graph = model.graph();
  const double samples = static_cast<double>(batch);
  double joules = 0;
  for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
    if (!ops::has_weights(graph.nodes[i].op)) continue;
    const NodeQuantization& quantization = model.quantization(static_cast<int>(i));
    const SearchLayer layer = search_layer(graph, i);
    joules += samples *
              estimated_joules(quantization.weights ? quantization.scheme : Scheme(), layer.products,
                               static_cast<double>(loaded_weight_bytes(model, i)) / samples, layer.values);
  }
  return joules;
}

}  // namespace lowbit::detail
