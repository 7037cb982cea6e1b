// SPDX-License-Identifier: Apache-2.0
#include "lowbit/core/aligned_bytes.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <cstdio>
#include <cstring>
#if defined(__linux__)
#include <sys/mman.h>

#include <fstream>
#include <string>
#endif

namespace lowbit {
namespace {

constexpr std::size_t kPage = std::size_t{2} << 20;

std::uintptr_t address(const AlignedBytes& bytes) {
  return reinterpret_cast<std::uintptr_t>(bytes.get());
}

TEST(AlignedBytes, AreZeroAlignedAndWritableToTheEnd) {
  for (const std::size_t size :
       {std::size_t{0}, std::size_t{1}, std::size_t{63}, std::size_t{4096}, kPage / 2 - 1, kPage / 2,
        kPage - 1, kPage, kPage + 1, kPage + kPage / 2, 3 * kPage - 1}) {
    const AlignedBytes bytes = aligned_bytes(size);
    EXPECT_EQ(address(bytes) % 64, 0u) << size;
    for (std::size_t i = 0; i < size; i += 4093) EXPECT_EQ(bytes[i], std::byte{0}) << size << " at " << i;
    std::memset(bytes.get(), 0xA5, size);
    if (size > 0) {
      EXPECT_EQ(bytes[size - 1], std::byte{0xA5});
    }
  }
}

TEST(AlignedBytes, MoveWithTheirAlignment) {
  AlignedBytes small = aligned_bytes(100), large = aligned_bytes(kPage);
  small = std::move(large);  // frees a small block, then a large one, each as it was allocated
  EXPECT_EQ(large, nullptr);
  large = aligned_bytes(1);
  EXPECT_EQ(large[0], std::byte{0});
}

#if defined(__linux__)
/// Whether the kernel was asked for large pages at `at`: "hg" among the flags of its mapping.
bool wants_large_pages(std::size_t at) {
  std::ifstream maps("/proc/self/smaps");
  bool here = false;
  for (std::string line; std::getline(maps, line);) {
    std::size_t begin = 0, end = 0;
    int read = 0;
    if (std::sscanf(line.c_str(), "%zx-%zx %n", &begin, &end, &read) == 2 && read > 0)
      here = begin <= at && at < end;
    if (here && line.starts_with("VmFlags:")) return line.find(" hg") != std::string::npos;
  }
  return false;
}

/// Kernels without such pages, and emulators, do not say.
bool says_what_was_asked() {
  void* memory = mmap(nullptr, 2 * kPage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return false;
  const bool says = madvise(memory, 2 * kPage, MADV_HUGEPAGE) == 0 &&
                    wants_large_pages(reinterpret_cast<std::uintptr_t>(memory));
  munmap(memory, 2 * kPage);
  return says;
}

TEST(AlignedBytes, AskForLargePagesFromHalfAPageOn) {
  const AlignedBytes large = unfilled_bytes(3 * kPage + kPage / 2 + 1), small = unfilled_bytes(kPage / 2 - 1);
  if (!says_what_was_asked())
    GTEST_SKIP() << "this system does not tell for which memory large pages were asked";
  EXPECT_EQ(address(large) % kPage, 0u);
  EXPECT_TRUE(wants_large_pages(address(large)));
  EXPECT_TRUE(wants_large_pages(address(large) + 4 * kPage - 1));
  EXPECT_FALSE(wants_large_pages(address(small)));
}
#endif

}  // namespace
}  // namespace lowbit
