// SPDX-License-Identifier: Apache-2.0
// The FP32 kernel for AVX-512. Eigen is compiled here under its own name and these flags, see
// eigen_kernels.inl.
#define Eigen lowbit_eigen_avx512
#include <Eigen/Core>
#include <cstring>

#include "fp32/fp32_kernel.h"

namespace lowbit::fp32 {
namespace {

constexpr int kMr = 12, kNv = 2;
constexpr const char* kName = "eigen/avx512";
constexpr Isa kRequired = Isa::avx512;

#include "fp32/eigen_kernels.inl"

}  // namespace

extern const Fp32Kernel kFp32Kernel_avx512;
const Fp32Kernel kFp32Kernel_avx512 = kKernel;

}  // namespace lowbit::fp32
