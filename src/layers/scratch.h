// SPDX-License-Identifier: Apache-2.0
// Bump allocation inside a step's scratch memory, and the same arithmetic for asking how much is needed.
#pragma once

#include <cstddef>

namespace lowbit {

constexpr std::size_t align64(std::size_t bytes) {
  return (bytes + 63) & ~std::size_t{63};
}

/// Hands out 64-byte aligned pieces of a block; with a null block it only counts.
class Scratch {
 public:
  explicit Scratch(std::byte* block) : block_(block) {}
  template <class T>
  T* take(std::size_t count) {
    T* piece = block_ ? reinterpret_cast<T*>(block_ + used_) : nullptr;
    used_ += align64(count * sizeof(T));
    return piece;
  }
  std::size_t used() const { return used_; }

 private:
  std::byte* block_;
  std::size_t used_ = 0;
};

}  // namespace lowbit
