#include "lowbit/core/aligned_bytes.h"

#include <cstring>
#if defined(__linux__)
#include <sys/mman.h>
#endif

namespace lowbit {

AlignedBytes unfilled_bytes(std::size_t size) {
  AlignedDelete deleter;
#if defined(__linux__)
  constexpr std::size_t kPage = std::size_t{2} << 20;
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

}  // namespace lowbit
