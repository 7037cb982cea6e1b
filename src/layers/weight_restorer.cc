// SPDX-License-Identifier: Apache-2.0
#include "layers/weight_restorer.h"

#include "core/free_memory.h"

namespace lowbit {
namespace {

std::size_t entries(const QuantizedMatrix& w) {
  return static_cast<std::size_t>(w.rows * w.groups());
}

}  // namespace

void WeightRestorer::release(QuantizedMatrix& weights) {
  free_memory(weights.codes);
  if (weights.groups() == 1) return;
  free_memory(weights.scales);
  free_memory(weights.zero_points);
}

void WeightRestorer::prepare(QuantizedMatrix& weights) const {
  weights.codes.assign(static_cast<std::size_t>(weights.rows * weights.planes()) * weights.row_bytes(), 0);
  if (weights.groups() == 1) return;
  weights.scales.resize(entries(weights));
  if (zero_points_) weights.zero_points.resize(entries(weights));
}

void WeightRestorer::restore(const kernels::PackedWeights& packed, std::int64_t first,
                             QuantizedMatrix& weights) {
  kernels::WeightSpec spec = weights.spec(packed.taps());
  spec.act = packed.kernel().act;
  spec.n = packed.n();
  const auto row = static_cast<std::size_t>(first);
  kernels::UnpackedWeights to;
  to.codes = weights.codes.data() + row * static_cast<std::size_t>(weights.planes()) * weights.row_bytes();
  to.scales = weights.scales.data() + row * packed.groups();
  if (!weights.zero_points.empty()) to.zero_points = weights.zero_points.data() + row * packed.groups();
  packed.unpack(spec, to);
}

}  // namespace lowbit
