// The word kernels of this build.
#include <iterator>

#include "kernels/words/word_kernel.h"

namespace lowbit::kernels {
namespace {

constexpr const WordKernel* kKernels[] = {
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
  *count = std::ssize(kKernels);
  return kKernels;
}

const WordKernel& select_word_kernel(Isa isa) {
  for (const WordKernel* kernel : kKernels)
    if (has_isa(isa, kernel->required)) return *kernel;
  return kWordsScalar;
}

}  // namespace lowbit::kernels
