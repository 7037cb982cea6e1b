// SPDX-License-Identifier: Apache-2.0
// The word kernels of this build.
#include <iterator>

#include "kernels/dispatch/select_kernel.h"
#include "kernels/words/word_kernel.h"

namespace lowbit::kernels {
namespace {

constexpr const WordKernel* kWordKernels[] = {
#ifdef LOWBIT_HAVE_WORDS_AVX2
    &kWordsAvx2,
#endif
#ifdef LOWBIT_HAVE_WORDS_NEON
    &kWordsNeon,
#endif
    &kWordsScalar,
};

}  // namespace

const WordKernel* const* word_kernels(std::int64_t* count) {
  *count = std::ssize(kWordKernels);
  return kWordKernels;
}

const WordKernel& select_word_kernel(Isa isa) {
  return select_kernel(kWordKernels, isa);
}

}  // namespace lowbit::kernels
