// SPDX-License-Identifier: Apache-2.0
// ConvProduct: the product of a convolution over samples, and the two products of its gradients, all by the
// FP32 kernel of this machine. The gradient of the input is a convolution too, of the output's gradient by
// the weights turned around. Where the stride is more than one, pixels that are a stride apart share taps:
// each such phase is a convolution of its own.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "fp32/fp32_kernel.h"
#include "lowbit/core/aligned_bytes.h"
#include "lowbit/layers/conv2d.h"
#include "lowbit/layers/layout.h"

namespace lowbit::train {

class ConvProduct {
 public:
  ConvProduct(const ops::Conv2dOp& op, const SampleLayout& in, const SampleLayout& out, Isa isa);

  /// `weights`: [out][in / groups][height][width]. Keeps what forward() and input_gradient() need of them.
  void pack(std::span<const float> weights) noexcept;

  /// Floats that a call of one of the others needs, 64-byte aligned.
  std::int64_t scratch() const { return scratch_; }
  struct Output {
    const float* bias = nullptr;      ///< [out]
    const float* residual = nullptr;  ///< like the output; null: none
    ops::Activation activation{};
  };
  void forward(const float* in, const Output& end, float* out, float* scratch) const noexcept;
  /// Adds the gradient of the weights to weight_sums() floats in an order of their own.
  void weight_gradient(const float* in, const float* gradient, float* sums, float* scratch) const noexcept;
  std::int64_t weight_sums() const { return group_sums_ * groups_; }
  /// From such sums to the order of the weights: elements of output channel `o`.
  void order_sums(const float* sums, std::int64_t o, float* weights) const noexcept;
  /// Overwrites `in_gradient`, or adds to it.
  void input_gradient(const float* gradient, float* in_gradient, bool adds, float* scratch) const noexcept;

 private:
  float* weights(const AlignedBytes& m) const { return reinterpret_cast<float*>(m.get()); }
  void pack_depthwise(std::span<const float> weights) noexcept;
  void pack_groups(std::span<const float> weights) noexcept;
  void pack_back(std::span<const float> weights) noexcept;
  void spread(const float* gradient, float* to) const noexcept;
  void depthwise_weight_gradient(const float* in, const float* gradient, float* sums) const noexcept;

  /// The input pixels that are a stride apart: a convolution of the output's gradient by every stride-th tap.
  struct Phase {
    fp32::ConvShape shape;
    std::int64_t rows = 0, columns = 0;            ///< pixels
    std::int64_t first_row = 0, first_column = 0;  ///< in the input
    std::int64_t tap_row = 0, tap_column = 0;      ///< first taps
    std::int64_t packed = 0, packed_size = 0;      ///< in packed_back_, of the first group; of each group
  };
  void plan_phases(const ops::Window& window);
  void run_phase(const Phase& phase, const float* gradient, float* to, float* scratch) const noexcept;

  const fp32::Fp32Kernel& kernel_;
  SampleLayout in_, out_;
  fp32::ConvShape shape_;  ///< of one group
  std::int64_t groups_ = 1, in_per_group_ = 0, out_per_group_ = 0, taps_ = 0;
  std::int64_t packed_size_ = 0, group_sums_ = 0, scratch_ = 0;
  std::int64_t spread_size_ = 0;  ///< floats of a sample's gradient with zeros between; 0: none are needed
  std::int64_t tap_stride_height_ = 1, tap_stride_width_ = 1;  ///< of a phase
  bool is_depthwise_ = false;
  std::vector<Phase> phases_;
  std::vector<float> zeros_;  ///< a bias
  AlignedBytes packed_, packed_back_, ordered_;
};

}  // namespace lowbit::train
