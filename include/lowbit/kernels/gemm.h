// SPDX-License-Identifier: Apache-2.0
// PackedWeights and the GEMM driver: a canonical weight matrix is packed once for the kernel that this
// machine selects; `gemm` then multiplies u8 rows by it, cutting the product into tiles over the executor's
// threads.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "lowbit/core/aligned_bytes.h"
#include "lowbit/core/config.h"
#include "lowbit/kernels/cpu.h"
#include "lowbit/kernels/gemm_kernel.h"
#include "lowbit/runtime/executor.h"

namespace lowbit {

/// What is known of several packings together.
inline PackReport& operator+=(PackReport& sum, const PackReport& part) {
  sum.pairs += part.pairs;
  sum.excess_pairs += part.excess_pairs;
  sum.panels += part.panels;
  sum.proven_panels += part.proven_panels;
  sum.wide_panels += part.wide_panels;
  return sum;
}

}  // namespace lowbit

namespace lowbit::kernels {

/// Weights in the layout of one kernel, with the column sums that zero points need. Immutable; never written
/// to files.
class PackedWeights {
 public:
  /// 65,536 products of a u8 and an s8 stay below 2^31; the padding of runs adds zeros only.
  static constexpr std::uint32_t kMaxK = 65536;
  /// Zero points on both sides: |a - z_a| and |w - z_w| reach 255, and 33,025 such products stay below 2^31.
  static constexpr std::uint32_t kMaxKAsymmetric = 33025;

  PackedWeights() = default;
  /// Packs for the best kernel that `isa` allows. Throws Error(invalid_argument) when a dimension is zero, k
  /// is not a multiple of taps, the format does not go with the activations, a table or scales are missing,
  /// or K is so large that an int32 accumulator could overflow (k > kMaxK, or k > kMaxKAsymmetric with
  /// 8-bit codes and zero points of their own).
  explicit PackedWeights(const WeightSpec& spec, Isa isa = active_isa());
  /// Packs for a given kernel, as tests and benchmarks do; it must support the matrix and this machine the
  /// kernel.
  PackedWeights(const WeightSpec& spec, const GemmKernel& kernel);

  std::uint32_t n() const { return n_; }
  std::uint32_t k() const { return k_; }
  std::uint32_t taps() const { return taps_; }
  std::uint32_t groups() const { return groups_; }
  const GemmKernel& kernel() const { return *kernel_; }
  std::size_t bytes() const { return bytes_; }
  std::span<const KRun> runs() const { return runs_; }
  /// Sum over k of the integer weights: what one unit of activation zero point costs. [n]; empty unless
  /// there is one group and activations are u8.
  std::span<const std::int32_t> column_sums() const { return column_sums_; }
  /// Zero points of the weights [n] that the kernel does not fold into the panel; empty when there are none.
  /// The driver then needs row sums of A.
  std::span<const std::int32_t> weight_zero_points() const { return weight_zero_points_; }
  /// What the packer found out; all zero but for kernels of saturating instructions.
  const PackReport& report() const { return report_; }
  /// Panel of columns [nr * i, ...).
  const std::byte* panel(std::uint32_t i) const { return data_.get() + panel_offsets_[i]; }
  /// Whether unpack() can be called: f32 activations.
  bool can_unpack() const { return kernel_ != nullptr && kernel_->unpack != nullptr; }
  /// Gives back what was packed: codes, and scales and zero points where there are several groups. `spec` as
  /// it was then; its pointers are not followed.
  void unpack(const WeightSpec& spec, const UnpackedWeights& to) const;
  std::uint32_t panels() const { return static_cast<std::uint32_t>(panel_offsets_.size()); }

 private:
  void sum_columns(const WeightSpec& spec);

  std::uint32_t n_ = 0, k_ = 0, taps_ = 1, groups_ = 1;
  const GemmKernel* kernel_ = nullptr;
  std::size_t bytes_ = 0;
  PackReport report_;
  std::vector<KRun> runs_;
  std::vector<std::int32_t> column_sums_, weight_zero_points_;
  std::vector<std::size_t> panel_offsets_;
  AlignedBytes data_;
};

/// The left-hand side of a product: `rows` rows for each of `images` images. Row i of image b at tap t starts
/// at
///   a + b * image_stride + (offsets ? offsets[t * rows + i] : i * row_stride)       bytes.
/// Distances are in bytes whatever the activations are; KRun says how far a run of a row is readable.
struct GemmLhs {
  const std::uint8_t* a = nullptr;  ///< u8 codes, floats or sign bits, as the weights' ActType says
  std::size_t images = 1;
  std::size_t rows = 0;
  std::ptrdiff_t image_stride = 0;
  std::ptrdiff_t row_stride = 0;
  const std::ptrdiff_t* offsets = nullptr;  ///< [taps][rows]; null: a plain matrix, one tap
};

/// Where the product goes and what is done to it. Row i of image b is written at
/// c + b * c_image_stride + i * c_row_bytes; `epilogue` pointers are those of the whole product: [images *
/// rows] for row terms, [n] for columns. Row i of image b of the residual lies at epilogue.residual
/// + b * residual_image_stride + i * epilogue.residual_row_bytes. `c` overlaps neither A nor the residual.
struct GemmOut {
  void* c = nullptr;
  std::ptrdiff_t c_image_stride = 0;
  std::size_t c_row_bytes = 0;
  std::ptrdiff_t residual_image_stride = 0;
  Epilogue epilogue;
};

/// C = epilogue(A * W^T). Allocates nothing, throws nothing. When the weights keep zero points of their own,
/// `epilogue.row_b` must hold the sums of the rows of A and `epilogue.col_b` weight_zero_points() (see
/// row_sums).
void gemm(const GemmLhs& lhs, const PackedWeights& weights, const GemmOut& out, Executor& executor) noexcept;

/// sums[b * rows + i] = sum of the codes of row i of image b over all runs of `weights`; u8 activations.
void row_sums(const GemmLhs& lhs, const PackedWeights& weights, std::int32_t* sums) noexcept;

}  // namespace lowbit::kernels
