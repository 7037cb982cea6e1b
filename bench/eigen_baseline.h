// The FP32 baseline of a product, measured in the same process: Eigen's own GEMM (GEMV for one row), compiled
// for the best ISA that the machine has.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <vector>

#include "fp32/fp32_kernel.h"
#include "lowbit/kernels/cpu.h"
#include "lowbit/kernels/gemm.h"

namespace lowbit::bench {

inline double seconds_now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

/// One product C = A * W^T of m x k by n x k, ready to run.
class EigenGemm {
 public:
  EigenGemm(std::int64_t m, std::int64_t n, std::int64_t k)
      : kernel_(fp32::fp32_kernel(detected_isa())),
        a_(static_cast<std::size_t>(m * k), 0.5f),
        w_(static_cast<std::size_t>(n * k), 0.25f),
        c_(static_cast<std::size_t>(m * n)),
        scratch_(
            aligned_bytes(static_cast<std::size_t>(kernel_.gemm_scratch(m, n, k)) * sizeof(float) + 64)) {
    args_.m = m, args_.n = n, args_.k = k;
    args_.a = a_.data(), args_.a_stride = k;
    args_.w = w_.data(), args_.w_stride = k;
    args_.c = c_.data(), args_.c_stride = n;
    args_.lo = -1e30f, args_.hi = 1e30f;
    args_.scratch = reinterpret_cast<float*>(scratch_.get());
  }

  /// Median time of a product over at least `budget` seconds and three rounds, after one that warms up.
  double seconds(double budget = 0.02) {
    kernel_.gemm(args_);
    std::vector<double> times;
    const double start = seconds_now();
    while (times.size() < 3 || seconds_now() - start < budget) {
      const double before = seconds_now();
      kernel_.gemm(args_);
      times.push_back(seconds_now() - before);
    }
    std::nth_element(times.begin(), times.begin() + static_cast<std::ptrdiff_t>(times.size() / 2),
                     times.end());
    return times[times.size() / 2];
  }

 private:
  const fp32::Fp32Kernel& kernel_;
  std::vector<float> a_, w_, c_;
  AlignedBytes scratch_;
  fp32::GemmArgs args_;
};

}  // namespace lowbit::bench
