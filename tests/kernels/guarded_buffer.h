// SPDX-License-Identifier: Apache-2.0
// Memory between two pages that nobody may touch: an access before the beginning or beyond the end of an
// array faults at once.
#pragma once

#include <sys/mman.h>
#include <unistd.h>

#include <cstddef>
#include <new>

namespace lowbit::testing {

class GuardedBuffer {
 public:
  explicit GuardedBuffer(std::size_t capacity) {
    page_ = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
    capacity_ = (capacity + page_ - 1) / page_ * page_;
    void* p =
        mmap(nullptr, capacity_ + 2 * page_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED) throw std::bad_alloc();
    base_ = static_cast<std::byte*>(p) + page_;
    mprotect(base_ - page_, page_, PROT_NONE);
    mprotect(base_ + capacity_, page_, PROT_NONE);
  }
  ~GuardedBuffer() { munmap(base_ - page_, capacity_ + 2 * page_); }
  GuardedBuffer(const GuardedBuffer&) = delete;
  GuardedBuffer& operator=(const GuardedBuffer&) = delete;

  /// `count` elements that end at a guard page; overwrites what an earlier call placed.
  template <class T>
  T* place(std::size_t count) {
    require(count * sizeof(T));
    return reinterpret_cast<T*>(base_ + capacity_) - count;
  }
  /// `count` elements that begin at a guard page.
  template <class T>
  T* place_front(std::size_t count) {
    require(count * sizeof(T));
    return reinterpret_cast<T*>(base_);
  }

 private:
  void require(std::size_t bytes) const {
    if (bytes > capacity_) throw std::bad_alloc();
  }

  std::byte* base_ = nullptr;
  std::size_t capacity_ = 0, page_ = 0;
};

}  // namespace lowbit::testing
