// SPDX-License-Identifier: Apache-2.0
#include "layers/packed_b.h"

#include <vector>

#include "core/refuse.h"
#include "layers/weight_rows.h"
#include "lowbit/quant/effective.h"

namespace lowbit {
namespace {

PackedB::State pack(const QuantizedMatrix& weights, kernels::ActType act, Isa isa) {
  weights.validate();
  if (act == kernels::ActType::b1)
    refuse("a PackedB of sign bits is not to be had: A is of integers or floats");
  const EffectiveWeights effective(weights, act);
  PackedB::State state{.weights = kernels::PackedWeights(effective.spec(), isa)};
  const std::span<const float> scales = effective.column_scales();
  const std::vector<float>& units = effective.units();
  if (scales.empty() && units.empty()) return state;
  state.column_scales.assign(state.weights.n(), 1.0f);
  for (std::size_t j = 0; j < state.column_scales.size(); ++j) {
    if (!scales.empty() && state.weights.groups() == 1) state.column_scales[j] = scales[j];
    if (!units.empty()) state.column_scales[j] *= units[units.size() > 1 ? j : 0];
  }
  return state;
}

}  // namespace

PackedB::PackedB(const IntegerView& b, const Options& options) {
  const WeightRows rows = weight_rows(b.transposed(), options.zero_points, "B", "b_zero_points");
  state_ = std::make_shared<const State>(State{.weights = kernels::PackedWeights(rows.spec, options.isa)});
}

PackedB::PackedB(const QuantizedMatrix& weights, kernels::ActType act, Isa isa)
    : state_(std::make_shared<const State>(pack(weights, act, isa))) {}

std::int64_t PackedB::k() const {
  return state_->weights.k();
}
std::int64_t PackedB::n() const {
  return state_->weights.n();
}
const char* PackedB::kernel() const {
  return state_->weights.kernel().name;
}
std::size_t PackedB::bytes() const {
  return state_->weights.bytes();
}

}  // namespace lowbit
