// SPDX-License-Identifier: Apache-2.0
// What the programs of this folder share. Each writes the bits of what a header-only program can compute to
// standard output: compiled several ways, it must write the same. Inputs come from integers, and sweep what
// rounding, overflow and NaN make of them.
#pragma once

#include <bit>
#include <cstdint>
#include <cstdio>
#include <limits>
#include <vector>

#include "lowbit/core/error.h"

namespace header_only {

template <class T>
void write(const std::vector<T>& values) {
  if (!values.empty()) std::fwrite(values.data(), sizeof(T), values.size(), stdout);
}

// Floats of every exponent, both signs, ties among them; then the special ones.
inline std::vector<float> inputs() {
  std::vector<float> x;
  std::uint32_t state = 1;
  for (int i = 0; i < 20000; ++i) {
    state = state * 1664525u + 1013904223u;
    x.push_back(std::bit_cast<float>(state & ((i & 1) != 0 ? 0xFFFFFFFFu : 0xFFF80000u)));
    x.push_back(static_cast<float>(static_cast<std::int32_t>(state) >> 16) * 0.0078125f);
  }
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  for (const float v : {0.0f, -0.0f, kInfinity, -kInfinity, std::numeric_limits<float>::quiet_NaN()})
    x.push_back(v);
  return x;
}

/// Bytes of numbers follow each other in the output; of vectors, behind how many elements there are.
template <class T>
void write_counted(const std::vector<T>& values) {
  std::printf("%zu ", values.size());
  write(values);
}

template <class Function>
void write_refusal(Function function) {
  try {
    function();
    std::puts("accepted");
  } catch (const lowbit::Error& e) {
    std::printf("%d: %s\n", static_cast<int>(e.code()), e.what());
  }
}

}  // namespace header_only
