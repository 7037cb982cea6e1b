// SPDX-License-Identifier: Apache-2.0
#include "train/weight_masks.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <string_view>

#include "core/refuse.h"
#include "model/node_schemes.h"
#include "recover/prune_scores.h"

namespace lowbit::train {
namespace {

/// How often weights go: sorting them all takes longer than a step of a small network.
constexpr std::int64_t kPrunings = 64;

void check_share(double share) {
  if (!(share >= 0 && share < 1))
    refuse(fmt::format("training: the part of the weights that becomes zero is from 0 to below 1, not {}",
                       share));
}

/// "conv1" of "conv1.weight".
std::string_view node_of(std::string_view parameter) {
  return parameter.substr(0, parameter.rfind('.'));
}

}  // namespace

WeightMasks::WeightMasks(std::span<const Parameter> parameters, const PruningSchedule& schedule,
                         std::int64_t steps)
    : is_on_(schedule.is_on()) {
  if (!is_on_) return;
  check_share(schedule.sparsity);
  if (!(schedule.until >= 0 && schedule.until <= 1))
    refuse(fmt::format("training: weights go in a part of all steps, which is not {}", schedule.until));
  std::vector<bool> used(schedule.overrides.size());
  for (const Parameter& p : parameters) {
    if (p.kind != ParameterKind::weight) continue;
    Layer layer{p, false, schedule.sparsity};
    for (std::size_t i = 0; i < used.size(); ++i) {
      if (!glob_match(schedule.overrides[i].first, node_of(p.name))) continue;
      check_share(schedule.overrides[i].second);
      layer.alone = true, layer.share = schedule.overrides[i].second, used[i] = true;
    }
    layer.zero.resize(p.value.size());
    prunes_ = prunes_ || layer.share > 0;
    layers_.push_back(std::move(layer));
  }
  for (std::size_t i = 0; i < used.size(); ++i)
    if (!used[i])
      refuse(
          fmt::format("training: no layer whose weights could go matches '{}'", schedule.overrides[i].first));
  last_ = std::min(static_cast<std::int64_t>(std::llround(schedule.until * static_cast<double>(steps))),
                   steps - 1);
  interval_ = std::max<std::int64_t>(last_ / kPrunings, 1);
}

void WeightMasks::prune(std::int64_t i) {
  if (!prunes_ || i > last_ || (i % interval_ != 0 && i != last_)) return;
  const double left = last_ == 0 ? 0 : 1 - static_cast<double>(i) / static_cast<double>(last_);
  const double part = 1 - left * left * left;
  std::vector<std::vector<double>> scores;
  std::vector<Layer*> together;
  const auto clear = [](Layer& layer, const std::vector<bool>& gone) {
    for (std::size_t w = 0; w < gone.size(); ++w)
      if (gone[w]) layer.weight.value[w] = 0;
  };
  double share = 0;
  for (Layer& layer : layers_) {
    if (layer.share == 0) continue;
    std::vector<double> own = detail::lamp_scores(layer.weight.value);
    if (layer.alone) {
      clear(layer, detail::least_scores(std::span(&own, 1), layer.share * part)[0]);
    } else {
      share = layer.share * part;
      scores.push_back(std::move(own));
      together.push_back(&layer);
    }
  }
  const auto gone = detail::least_scores(scores, share);
  for (std::size_t n = 0; n < gone.size(); ++n) clear(*together[n], gone[n]);
}

void WeightMasks::before_step() {
  for (Layer& layer : layers_)
    for (std::size_t w = 0; w < layer.zero.size(); ++w) layer.zero[w] = layer.weight.value[w] == 0;
}

void WeightMasks::after_step() {
  for (Layer& layer : layers_)
    for (std::size_t w = 0; w < layer.zero.size(); ++w)
      if (layer.zero[w]) layer.weight.value[w] = 0;
}

}  // namespace lowbit::train
