// SPDX-License-Identifier: Apache-2.0
// What each fuzzer defines. fuzz_main.cc makes a libFuzzer program of it.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

namespace lowbit::fuzz {

using Bytes = std::vector<std::byte>;

/// Takes hostile input. Error and std::bad_alloc are answers; any other exception, a crash or a call that
/// does not end is a fault.
void try_input(std::span<const std::byte> input);
/// Good inputs, from which others are made.
std::vector<Bytes> seeds();

inline Bytes bytes_of(const std::string& text) {
  const auto all = std::as_bytes(std::span(text));
  return {all.begin(), all.end()};
}
inline std::string text_of(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace lowbit::fuzz
