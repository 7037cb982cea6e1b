// SPDX-License-Identifier: Apache-2.0
// The FP32 baseline of a product, measured in the same process: Eigen's own GEMM (GEMV for one row), compiled
// for the best ISA of the machine, or of what LOWBIT_ISA leaves.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "fp32/fp32_kernel.h"
#include "lowbit/core/aligned_bytes.h"
#include "lowbit/kernels/cpu.h"

namespace lowbit::bench {

/// One product C = A * W^T of m x k by n x k, ready to run, with one or more copies of W that take turns.
class EigenGemm {
 public:
  EigenGemm(std::int64_t m, std::int64_t n, std::int64_t k, std::size_t copies = 1)
      : kernel_(fp32::fp32_kernel(active_isa())),
        a_(static_cast<std::size_t>(m * k), 0.5f),
        c_(static_cast<std::size_t>(m * n)),
        w_(copies, std::vector<float>(static_cast<std::size_t>(n * k), 0.25f)),
        scratch_(
            aligned_bytes(static_cast<std::size_t>(kernel_.gemm_scratch(m, n, k)) * sizeof(float) + 64)) {
    args_.m = m, args_.n = n, args_.k = k;
    args_.a = a_.data(), args_.a_stride = k;
    args_.w_stride = k;
    args_.c = c_.data(), args_.c_stride = n;
    args_.lo = -1e30f, args_.hi = 1e30f;
    args_.scratch = reinterpret_cast<float*>(scratch_.get());
  }
  EigenGemm(const EigenGemm&) = delete;
  EigenGemm& operator=(const EigenGemm&) = delete;

  void run() {
    args_.w = w_[next_].data();
    next_ = (next_ + 1) % w_.size();
    kernel_.gemm(args_);
  }

 private:
  const fp32::Fp32Kernel& kernel_;
  std::vector<float> a_, c_;
  std::vector<std::vector<float>> w_;
  std::size_t next_ = 0;
  AlignedBytes scratch_;
  fp32::GemmArgs args_;
};

}  // namespace lowbit::bench
