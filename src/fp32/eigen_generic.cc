// SPDX-License-Identifier: Apache-2.0
// The FP32 kernel for the baseline of the architecture: SSE2 or Advanced SIMD. Eigen is compiled here under
// its own name and these flags, see eigen_kernels.inl.
#define Eigen lowbit_eigen_generic
#include <Eigen/Core>
#include <cstring>

#include "fp32/fp32_kernel.h"

namespace lowbit::fp32 {
namespace {

constexpr int kMr = 6, kNv = 2;
constexpr const char* kName = "eigen/generic";
constexpr Isa kRequired = Isa::scalar;

#include "fp32/eigen_kernels.inl"

}  // namespace

extern const Fp32Kernel kFp32Kernel_generic;
const Fp32Kernel kFp32Kernel_generic = kKernel;

}  // namespace lowbit::fp32
