// SPDX-License-Identifier: Apache-2.0
// Which kernel runs: the lists of this build, and the choice from them. The lists are made by CMake
// (src/kernels/CMakeLists.txt), best first, scalar references last.
#include <fmt/format.h>

#include <array>
#include <iterator>

#include "kernels/dispatch/wide_gemm_kernel.h"
#include "kernels/gemm/format_names.h"
#include "lowbit/core/error.h"
#include "lowbit/kernels/cpu.h"
#include "lowbit/kernels/depthwise_kernel.h"
#include "lowbit/kernels/elementwise_kernel.h"
#include "lowbit/kernels/gemm_kernel.h"

#include "kernels/kernel_list.h"

namespace lowbit::kernels {
namespace {

const ElementwiseKernel& best_elementwise() {
  for (const ElementwiseKernel* kernel : kElementwiseKernels)
    if (has_isa(active_isa(), kernel->required)) return *kernel;
  return **std::rbegin(kElementwiseKernels);
}

}  // namespace

const GemmKernel* const* gemm_kernels(std::size_t* count) {
  *count = std::size(kGemmKernels);
  return kGemmKernels;
}

// A kernel that is meant for the format comes first, then any other whose `supports` accepts the matrix (an
// s8 kernel takes one-group matrices of the other formats, widened when packed), then the reference of the
// format.
const GemmKernel& select_gemm_kernel(const WeightSpec& spec, Isa isa) {
  const GemmKernel* other = nullptr;
  const GemmKernel* reference = nullptr;
  for (const GemmKernel* kernel : kGemmKernels) {
    if (!has_isa(isa, kernel->required) || kernel->act != spec.act) continue;
    const bool own = kernel->format == spec.format;
    if (kernel->reference) {
      if (own) reference = kernel;
    } else if (kernel->supports(spec)) {
      if (own) return *kernel;
      if (other == nullptr) other = kernel;
    }
  }
  if (other == nullptr && reference == nullptr)
    throw Error(ErrorCode::not_built,
                fmt::format("this build has no kernels for {} weights with {} activations: the CMake option "
                            "LOWBIT_FORMATS left them out",
                            kFormatNames[static_cast<std::size_t>(spec.format)],
                            kActNames[static_cast<std::size_t>(spec.act)]));
  return other != nullptr ? *other : *reference;
}

const GemmKernel& select_wide_gemm_kernel(const WeightSpec& spec, Isa isa) {
  for (const GemmKernel* kernel : kGemmKernels)
    if (kernel->format == WeightFormat::s8 && kernel->act == ActType::u8 && spec.act == ActType::u8 &&
        (has_isa(kernel->required, Isa::avx512vnni) || has_isa(kernel->required, Isa::avxvnni)) &&
        has_isa(isa, kernel->required) && kernel->supports(spec))
      return *kernel;
  return select_gemm_kernel(spec, isa);
}

const DepthwiseKernel* const* depthwise_kernels(std::size_t* count) {
  *count = std::size(kDepthwiseKernels);
  return kDepthwiseKernels;
}

const DepthwiseKernel& select_depthwise_kernel(Isa isa) {
  for (const DepthwiseKernel* kernel : kDepthwiseKernels)
    if (has_isa(isa, kernel->required)) return *kernel;
  return **std::rbegin(kDepthwiseKernels);
}

const ElementwiseKernel* const* elementwise_kernels(std::size_t* count) {
  *count = std::size(kElementwiseKernels);
  return kElementwiseKernels;
}

const ElementwiseKernel& elementwise() {
  static const ElementwiseKernel& best = best_elementwise();
  return best;
}

}  // namespace lowbit::kernels
