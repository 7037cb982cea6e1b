// Memory that ends at a page nobody may touch: an access beyond the end of an array faults at once.
#pragma once

#include <sys/mman.h>
#include <unistd.h>

#include <cstddef>
#include <new>

namespace lowbit::testing {

class GuardedBuffer {
 public:
  explicit GuardedBuffer(std::size_t capacity) {
    const auto page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
    capacity_ = (capacity + page - 1) / page * page;
    void* p = mmap(nullptr, capacity_ + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED) throw std::bad_alloc();
    base_ = static_cast<std::byte*>(p);
    mprotect(base_ + capacity_, page, PROT_NONE);
    mapped_ = capacity_ + page;
  }
  ~GuardedBuffer() { munmap(base_, mapped_); }
  GuardedBuffer(const GuardedBuffer&) = delete;
  GuardedBuffer& operator=(const GuardedBuffer&) = delete;

  /// `count` elements that end at the guard page; overwrites what an earlier call placed.
  template <class T>
  T* place(std::size_t count) {
    if (count * sizeof(T) > capacity_) throw std::bad_alloc();
    return reinterpret_cast<T*>(base_ + capacity_) - count;
  }

 private:
  std::byte* base_ = nullptr;
  std::size_t capacity_ = 0, mapped_ = 0;
};

}  // namespace lowbit::testing
