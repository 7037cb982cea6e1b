// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <utility>

#include "core/refuse.h"
#include "kernels/gemm/common/weight_codes.inl"
#include "kernels/gemm/format_names.h"
#include "lowbit/core/aligned_bytes.h"
#include "lowbit/kernels/gemm.h"

namespace lowbit::kernels {
namespace {

constexpr std::size_t kAlignment = 64;
// A reference kernel holds code - zero_point in an int16.
constexpr std::int32_t kMaxZeroPoint = 32000;

std::size_t round_up(std::size_t v, std::size_t step) {
  return (v + step - 1) / step * step;
}

bool goes_together(WeightFormat format, ActType act) {
  switch (act) {
    case ActType::u8:
      return format != WeightFormat::lut8;
    case ActType::f32:
      return true;
    case ActType::b1:
      return format == WeightFormat::b1;
  }
  return false;
}

void check_shape(const WeightSpec& spec) {
  if (spec.n == 0 || spec.k == 0 || spec.taps == 0)
    refuse(fmt::format("weights of {} x {} codes in {} taps have a dimension of zero", spec.n, spec.k,
                       spec.taps));
  if (spec.k % spec.taps != 0)
    refuse(fmt::format("the {} codes of a row of weights do not divide into {} taps", spec.k, spec.taps));
  if (spec.k > PackedWeights::kMaxK && spec.act == ActType::u8)
    refuse(fmt::format("a row of {} weights is longer than the {} that 32-bit sums allow", spec.k,
                       PackedWeights::kMaxK));
  if (spec.codes == nullptr) refuse("the weights to pack have no codes");
}

void check_format(const WeightSpec& spec) {
  const auto format = static_cast<std::size_t>(spec.format), act = static_cast<std::size_t>(spec.act);
  if (!goes_together(spec.format, spec.act))
    refuse(fmt::format("{} weights do not go with {} activations", kFormatNames[format], kActNames[act]));
  if (spec.format == WeightFormat::b1 && spec.act == ActType::f32 && spec.scales == nullptr)
    refuse("b1 weights for f32 activations have no scales");
  if (spec.format == WeightFormat::b1 && (spec.planes == 0 || spec.group != 0))
    refuse(fmt::format("b1 weights have {} planes and groups of {}; they need a plane and no groups",
                       spec.planes, spec.group));
  const bool table = spec.format == WeightFormat::lut4 || spec.format == WeightFormat::lut8;
  if (table && (spec.act == ActType::f32 ? spec.real_levels == nullptr : spec.levels == nullptr))
    refuse(fmt::format("{} weights for {} activations have no table of levels", kFormatNames[format],
                       kActNames[act]));
}

void check_groups(const WeightSpec& spec) {
  const std::uint32_t groups = group_count(spec);
  if (groups > 1 && spec.scales == nullptr)
    refuse(fmt::format("weights with {} scale groups have no scales", groups));
  if (spec.zero_points == nullptr) return;
  if (!is_affine(spec)) refuse("weights that are looked up in a table have zero points");
  for (std::size_t i = 0; i < std::size_t{spec.n} * groups; ++i) {
    const std::int32_t z = spec.zero_points[i];
    if (z < -kMaxZeroPoint || z > kMaxZeroPoint)
      refuse(fmt::format("the zero point {} of weight row {} is outside [{}, {}]", z, i / groups,
                         -kMaxZeroPoint, kMaxZeroPoint));
  }
}

const WeightSpec& checked(const WeightSpec& spec) {
  check_shape(spec);
  check_format(spec);
  check_groups(spec);
  return spec;
}

/// Cuts K at the ends of taps and of scale groups.
std::vector<KRun> cut_runs(const WeightSpec& spec) {
  const std::uint32_t per_tap = spec.k / spec.taps;
  const std::uint32_t group = group_count(spec) == 1 || spec.format == WeightFormat::b1 ? spec.k : spec.group;
  std::vector<KRun> runs;
  for (std::uint32_t k = 0; k < spec.k;) {
    const std::uint32_t tap = k / per_tap, g = k / group;
    const std::uint64_t tap_end = std::uint64_t{tap + 1} * per_tap, group_end = std::uint64_t{g + 1} * group;
    const std::uint64_t row_end = spec.k;
    std::uint64_t end = tap_end < group_end ? tap_end : group_end;
    if (end > row_end) end = row_end;
    runs.push_back({.tap = tap,
                    .offset = k - tap * per_tap,
                    .codes = static_cast<std::uint32_t>(end) - k,
                    .group = g,
                    .flush = end == group_end || end == row_end});
    k = static_cast<std::uint32_t>(end);
  }
  if (spec.format == WeightFormat::b1 && spec.act != ActType::f32) {
    const std::size_t one_plane = runs.size();
    for (std::size_t i = one_plane; i < one_plane * spec.planes; ++i) {
      runs.push_back(runs[i - one_plane]);
      ++runs.back().group;
    }
  }
  return runs;
}

}  // namespace

PackedWeights::PackedWeights(const WeightSpec& spec, Isa isa)
    : PackedWeights(spec, select_gemm_kernel(checked(spec), isa)) {}

PackedWeights::PackedWeights(const WeightSpec& spec, const GemmKernel& kernel)
    : n_(checked(spec).n), k_(spec.k), taps_(spec.taps), groups_(group_count(spec)), kernel_(&kernel) {
  if (kernel.act != spec.act || !kernel.supports(spec))
    refuse(fmt::format("the kernel {} does not take {} weights with {} groups", kernel.name,
                       kFormatNames[static_cast<std::size_t>(spec.format)], groups_));
  runs_ = cut_runs(spec);
  const auto run_count = static_cast<std::uint32_t>(runs_.size());
  const std::uint32_t nr = kernel.nr;
  for (std::uint32_t n0 = 0; n0 < n_; n0 += nr) {
    panel_offsets_.push_back(bytes_);
    bytes_ +=
        round_up(kernel.panel_bytes(spec, n0, std::min(nr, n_ - n0), runs_.data(), run_count), kAlignment);
  }
  data_ = unfilled_bytes(bytes_);
  for (std::uint32_t n0 = 0; n0 < n_; n0 += nr) {
    // Zeros panel by panel: each is written while they are in the cache.
    const std::size_t p = n0 / nr, end = p + 1 < panel_offsets_.size() ? panel_offsets_[p + 1] : bytes_;
    std::byte* panel = data_.get() + panel_offsets_[p];
    std::memset(panel, 0, end - panel_offsets_[p]);
    kernel.pack(spec, n0, std::min(nr, n_ - n0), runs_.data(), run_count, panel, report_);
  }
  if (groups_ == 1 && spec.act == ActType::u8) sum_columns(spec);
}

void PackedWeights::unpack(const WeightSpec& spec, const UnpackedWeights& to) const {
  const auto run_count = static_cast<std::uint32_t>(runs_.size());
  const std::uint32_t nr = kernel_->nr;
  for (std::uint32_t p = 0; p < panels(); ++p)
    kernel_->unpack(spec, p * nr, std::min(nr, n_ - p * nr), runs_.data(), run_count, panel(p), to);
}

void PackedWeights::sum_columns(const WeightSpec& spec) {
  // The product of a row of ones: as fast as the kernel, and the sums of what it really multiplies by.
  const std::vector<std::uint8_t> ones(round_up(k_ / taps_, 4), 1);
  const std::vector<std::ptrdiff_t> offsets(taps_, 0);
  column_sums_.resize(n_);
  GemmOut out;
  out.c = column_sums_.data();
  gemm({.a = ones.data(), .rows = 1, .offsets = offsets.data()}, *this, out, serial_executor());

  std::vector<std::int32_t> kept(n_);
  bool any_kept = false;
  for (std::uint32_t j = 0; is_affine(spec) && j < n_; ++j) {
    kept[j] = zero_point_at(spec, j, 0) - folded_zero_point(spec, j);
    any_kept = any_kept || kept[j] != 0;
    column_sums_[j] = static_cast<std::int32_t>(static_cast<std::uint32_t>(column_sums_[j]) -
                                                k_ * static_cast<std::uint32_t>(kept[j]));
  }
  if (!any_kept) return;
  if (k_ > kMaxKAsymmetric)
    refuse(fmt::format("a row of {} asymmetric weights is longer than the {} that 32-bit sums allow", k_,
                       kMaxKAsymmetric));
  weight_zero_points_ = std::move(kept);
}

}  // namespace lowbit::kernels
