// SPDX-License-Identifier: Apache-2.0
// Memory for vector kernels: aligned to cache lines, and on large pages where there is much of it.
#pragma once

#include <cstddef>
#include <memory>
#include <new>

#include "lowbit/core/config.h"

namespace lowbit {

/// Frees memory from aligned_bytes() and unfilled_bytes().
struct AlignedDelete {
  std::align_val_t alignment{64};
  void operator()(std::byte* p) const noexcept { ::operator delete[](p, alignment); }
};
using AlignedBytes = std::unique_ptr<std::byte[], AlignedDelete>;

/// 64-byte aligned, zero-filled. Throws std::bad_alloc. From 1 MiB on, the system is asked for pages of 2 MiB
/// (Linux: transparent huge pages): a product of one row, which reads all weights once, spends a tenth of its
/// time on address translation otherwise. At most half of the last page is unused.
AlignedBytes aligned_bytes(std::size_t size);
/// The same, not filled.
AlignedBytes unfilled_bytes(std::size_t size);

}  // namespace lowbit
