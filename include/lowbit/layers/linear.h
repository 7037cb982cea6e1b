// SPDX-License-Identifier: Apache-2.0
// Linear: a quantized fully connected layer for direct use, y = W x + b, with activations quantized at run
// time or left as floats.
#pragma once

#include <memory>

#include "lowbit/core/qparams.h"
#include "lowbit/core/view.h"
#include "lowbit/layers/op_common.h"
#include "lowbit/quant/quantized_matrix.h"
#include "lowbit/runtime/executor.h"

namespace lowbit {

/// How a layer quantizes its input.
struct ActivationQuantization {
  int bits = 8;            ///< 8; 1: signs; or 0: not at all
  bool is_dynamic = true;  ///< range found per row (sample) at run time
  QParams qparams{};       ///< for static ranges: u8 codes, 0 <= zero_point <= 255
};
/// Per sample at run time. The layer throws Error(not_built) unless bits is 8 or, with binary weights, 1:
/// then each sample is its signs times its mean magnitude (XNOR-Net); zeros and NaN count as positive.
constexpr ActivationQuantization dynamic_activations(int bits) {
  return {bits, true, {}};
}
/// Floats: weight-only quantization. Products are exact to the rounding of a fused multiply-add; it pays
/// for a few samples at a time, where the bytes of the weights decide.
constexpr ActivationQuantization weight_only() {
  return {0, false, {}};
}
/// One calibrated range; `qparams` for unsigned 8-bit codes.
constexpr ActivationQuantization static_activations(QParams qparams) {
  return {8, false, qparams};
}

struct LinearOptions {
  VectorCopy bias{};  ///< [out] or empty
  ActivationQuantization activations = dynamic_activations(8);
  std::shared_ptr<Executor> executor{};  ///< null: the calling thread
  ops::Activation activation{};          ///< ReLU: {.lo = 0}; limits what comes out
};

class Linear {
 public:
  /// Packs `weights` for this machine; keeps no reference to them. Throws Error(shape_mismatch) for a bias of
  /// another length, Error(invalid_argument) for impossible qparams, Error(not_built) for activations of
  /// another width, and as QuantizedMatrix::validate and EffectiveWeights do. effective_weights() gives what
  /// it multiplies by. Offsets of scale groups, which EffectiveWeights has no form for, are taken with
  /// float activations.
  explicit Linear(const QuantizedMatrix& weights, const LinearOptions& options = {});

  /// For weights that are not quantized: says so.
  template <class M>
  requires(detail::EigenLike<M> || detail::EigenExpression<M>) explicit Linear(const M&,
                                                                               const LinearOptions& = {}) {
    static_assert(!std::same_as<M, M>,
                  "a Linear takes quantized weights: Linear(quantize(W, \"int8\")); quantize is in "
                  "lowbit/quant/make_quantizer.h");
  }

  std::int64_t in_features() const { return in_; }
  std::int64_t out_features() const { return out_; }
  /// Name of the kernel that runs: "s8/avx512vnni".
  const char* kernel() const;

  /// y = W x + b for each sample of `x` (samples x in); `y` is samples x out. As everywhere, Eigen matrices
  /// hold one sample per column: in x samples and out x samples. `x` and `y` do not overlap. Concurrent calls
  /// are safe; the caller's rounding mode does not matter. Throws Error(shape_mismatch) before anything is
  /// written, std::bad_alloc for its working memory.
  void forward(const TensorView& x, const MutableTensorView& y) const;

  /// Eigen::MatrixXf y = fc(x), one sample per column; needs lowbit/layers/eigen.h, which defines it.
  template <class X>
  auto operator()(const X& x) const;

 private:
  struct State;
  std::shared_ptr<const State> state_;
  std::int64_t in_ = 0, out_ = 0;
};

}  // namespace lowbit
