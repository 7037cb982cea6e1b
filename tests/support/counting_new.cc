// SPDX-License-Identifier: Apache-2.0
#include "support/counting_new.h"

#include <malloc.h>

#include <atomic>
#include <cstdlib>
#include <new>

namespace {
std::atomic<std::size_t> g_allocations{0}, g_live{0}, g_peak{0};

void* taken(void* p) {
  const std::size_t live = g_live += malloc_usable_size(p);
  std::size_t peak = g_peak;
  while (live > peak && !g_peak.compare_exchange_weak(peak, live)) {
  }
  return p;
}

void give_back(void* p) noexcept {
  g_live -= malloc_usable_size(p);
  std::free(p);
}
}  // namespace

extern "C" void* __real_malloc(std::size_t);

namespace {
void* allocate(std::size_t size, std::size_t alignment) {
  ++g_allocations;
  void* p = alignment > alignof(std::max_align_t)
                ? std::aligned_alloc(alignment, (size + alignment - 1) / alignment * alignment)
                : __real_malloc(size ? size : 1);
  if (!p) throw std::bad_alloc();
  return taken(p);
}
}  // namespace

// The linker sends the library's own calls of malloc here (--wrap): Eigen takes its packing buffers there.
extern "C" {
void* __real_calloc(std::size_t, std::size_t);
void* __wrap_malloc(std::size_t size) {
  ++g_allocations;
  return __real_malloc(size);
}
void* __wrap_calloc(std::size_t n, std::size_t size) {
  ++g_allocations;
  return __real_calloc(n, size);
}
}

namespace lowbit::testing {
std::size_t allocations() {
  return g_allocations;
}
std::size_t live_bytes() {
  return g_live;
}
std::size_t peak_bytes() {
  return g_peak;
}
void restart_peak() {
  g_peak = g_live.load();
}
}  // namespace lowbit::testing

void* operator new(std::size_t size) {
  return allocate(size, 0);
}
void* operator new[](std::size_t size) {
  return allocate(size, 0);
}
void* operator new(std::size_t size, std::align_val_t a) {
  return allocate(size, static_cast<std::size_t>(a));
}
void* operator new[](std::size_t size, std::align_val_t a) {
  return allocate(size, static_cast<std::size_t>(a));
}
void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
  ++g_allocations;
  void* p = __real_malloc(size ? size : 1);
  return p ? taken(p) : p;
}
void* operator new[](std::size_t size, const std::nothrow_t&) noexcept {
  ++g_allocations;
  void* p = __real_malloc(size ? size : 1);
  return p ? taken(p) : p;
}
void operator delete(void* p) noexcept {
  give_back(p);
}
void operator delete[](void* p) noexcept {
  give_back(p);
}
void operator delete(void* p, std::size_t) noexcept {
  give_back(p);
}
void operator delete[](void* p, std::size_t) noexcept {
  give_back(p);
}
void operator delete(void* p, std::align_val_t) noexcept {
  give_back(p);
}
void operator delete[](void* p, std::align_val_t) noexcept {
  give_back(p);
}
void operator delete(void* p, std::size_t, std::align_val_t) noexcept {
  give_back(p);
}
void operator delete[](void* p, std::size_t, std::align_val_t) noexcept {
  give_back(p);
}
