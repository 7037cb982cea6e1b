// SPDX-License-Identifier: Apache-2.0
#include "lowbit/core/aligned_bytes.h"

#include <cstdint>
#include <cstring>

#include "core/large_floats.h"
#if defined(__linux__)
#include <sys/mman.h>
#endif

namespace lowbit {
namespace {

#if defined(__linux__)
constexpr std::size_t kPage = std::size_t{2} << 20;
#endif

}  // namespace

AlignedBytes unfilled_bytes(std::size_t size) {
  AlignedDelete deleter;
#if defined(__linux__)
  // A last page that is less than half used is left to small pages.
  const std::size_t on_pages = (size + kPage / 2) / kPage * kPage;
  if (on_pages != 0) {
    deleter.alignment = std::align_val_t{kPage};
    if (size < on_pages) size = on_pages;
  }
#endif
  AlignedBytes bytes(static_cast<std::byte*>(::operator new[](size, deleter.alignment)), deleter);
#if defined(__linux__)
  // Advice: where the system has no such pages, small ones do.
  if (on_pages != 0) static_cast<void>(madvise(bytes.get(), on_pages, MADV_HUGEPAGE));
#endif
  return bytes;
}

AlignedBytes aligned_bytes(std::size_t size) {
  AlignedBytes bytes = unfilled_bytes(size);
  std::memset(bytes.get(), 0, size);
  return bytes;
}

std::vector<float> large_floats(std::size_t count) {
  std::vector<float> floats;
  floats.reserve(count);
#if defined(__linux__)
  // Whole large pages inside of the vector's memory: no more memory is taken than without.
  const auto begin = reinterpret_cast<std::uintptr_t>(floats.data()), end = begin + count * sizeof(float);
  const std::uintptr_t first = (begin + kPage - 1) / kPage * kPage, last = end / kPage * kPage;
  if (first < last)
    static_cast<void>(
        madvise(reinterpret_cast<std::byte*>(floats.data()) + (first - begin), last - first, MADV_HUGEPAGE));
#endif
  floats.resize(count);
  return floats;
}

}  // namespace lowbit
