// SPDX-License-Identifier: Apache-2.0
// How much of a brute-force comparison a build does: where instructions are watched or emulated, a part of
// it, since the whole runs in native builds without them.
#pragma once

#include <cstdint>

namespace lowbit::testing {

// GCC defines macros for sanitizers; Clang answers __has_feature, which not every GCC knows.
#if defined(__has_feature)
#define LOWBIT_TEST_HAS(feature) __has_feature(feature)
#else
#define LOWBIT_TEST_HAS(feature) 0
#endif
#if defined(__SANITIZE_THREAD__) || LOWBIT_TEST_HAS(thread_sanitizer)
inline constexpr std::uint64_t kSlowdown = 30;
#elif defined(__SANITIZE_ADDRESS__) || LOWBIT_TEST_HAS(address_sanitizer) || defined(__aarch64__)
inline constexpr std::uint64_t kSlowdown = 10;  // aarch64 is usually emulated where this is built
#else
inline constexpr std::uint64_t kSlowdown = 1;
#endif
#undef LOWBIT_TEST_HAS

/// Cases out of `all` that this build runs.
constexpr std::uint64_t affordable(std::uint64_t all) {
  return (all + kSlowdown - 1) / kSlowdown;
}
/// Whether it runs case `index` of some that are all of one kind: every fifth one if it is slow. 5 has no
/// factor in common with the patterns by which cases differ.
constexpr bool affords(std::uint64_t index) {
  return kSlowdown == 1 || index % 5 == 0;
}

}  // namespace lowbit::testing
