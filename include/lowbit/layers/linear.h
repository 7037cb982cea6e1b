// Linear: a quantized fully connected layer for direct use, y = W x + b, with activations quantized at run
// time.
#pragma once

#include <memory>

#include "lowbit/core/qparams.h"
#include "lowbit/core/view.h"
#include "lowbit/kernels/executor.h"
#include "lowbit/quant/quantized_matrix.h"

namespace lowbit {

/// How a layer quantizes its input.
struct ActivationQuantization {
  int bits = 8;
  bool is_dynamic = true;  ///< range found per row (sample) at run time
  QParams qparams{};       ///< for static ranges: u8 codes, 0 <= zero_point <= 255
};
/// Per sample at run time. Throws Error(not_built) from the layer unless bits is 8.
constexpr ActivationQuantization dynamic(int bits) {
  return {bits, true, {}};
}
/// One calibrated range; `qparams` for unsigned 8-bit codes.
constexpr ActivationQuantization static_range(QParams qparams) {
  return {8, false, qparams};
}

struct LinearOptions {
  VectorView bias{};  ///< [out] or empty; copied
  ActivationQuantization activations = dynamic(8);
  std::shared_ptr<Executor> executor{};  ///< null: the calling thread
};

class Linear {
 public:
  /// Packs `weights` for this machine. Throws Error(shape_mismatch) for a bias of another length,
  /// Error(invalid_argument) for impossible qparams.
  explicit Linear(const QuantizedMatrix& weights, const LinearOptions& options = {});

  std::int64_t in_features() const { return in_; }
  std::int64_t out_features() const { return out_; }
  /// Name of the kernel that runs: "s8/avx512vnni".
  const char* kernel() const;

  /// y(i) = W x(i) + b for each row x(i) of `x` (samples x in); `y` is samples x out. Concurrent calls are
  /// safe. Throws Error(shape_mismatch) before anything is written.
  void forward(const MatrixView& x, const MutableMatrixView& y) const;

  /// For Eigen, one sample per column: Eigen::MatrixXf y = fc(x). Include lowbit/layers/eigen.h.
  template <class X>
  auto operator()(const X& x) const;

 private:
  struct State;
  std::shared_ptr<const State> state_;
  std::int64_t in_ = 0, out_ = 0;
};

}  // namespace lowbit
