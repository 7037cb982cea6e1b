// SPDX-License-Identifier: Apache-2.0
// The program around a fuzzer: libFuzzer calls it. With LOWBIT_FUZZ_SEEDS=FOLDER it writes the seeds there
// instead, and ends.
#include <fmt/format.h>

#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <new>

#include "fuzz.h"
#include "lowbit/core/error.h"

extern "C" int LLVMFuzzerInitialize(int*, char***) {
  const char* folder = std::getenv("LOWBIT_FUZZ_SEEDS");
  if (!folder) return 0;
  std::filesystem::create_directories(folder);
  int number = 0;
  for (const lowbit::fuzz::Bytes& seed : lowbit::fuzz::seeds())
    std::ofstream(fmt::format("{}/seed-{}", folder, number++), std::ios::binary)
        .write(reinterpret_cast<const char*>(seed.data()), static_cast<std::streamsize>(seed.size()));
  std::exit(number > 0 ? 0 : 1);
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  try {
    lowbit::fuzz::try_input(std::as_bytes(std::span(data, size)));
  } catch (const lowbit::Error&) {
  } catch (const std::bad_alloc&) {
  }
  return 0;
}
