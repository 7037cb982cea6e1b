// SPDX-License-Identifier: Apache-2.0
// lowbit_observers [VALUES]: streams that many values (1e9 by default) through every observer with a name, in
// batches of 2^20 that are made as they are needed, and prints the largest number of bytes that each held:
// while it observed, in its stored state, and for a moment while it chose a range for 8 bits. Once for
// Gaussian values with ever new scales, once for floats of any bits, where every exponent occurs. Fails
// unless every observer held less than a megabyte.
#include <fmt/format.h>
#include <malloc.h>

#include <algorithm>
#include <bit>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <new>
#include <string>
#include <vector>

#include "core/random.h"
#include "lowbit/observe/observer.h"

namespace {
std::size_t g_bytes = 0, g_peak = 0;
}  // namespace

// One thread only. GCC takes malloc and free that it sees inside for a mismatch.
[[gnu::noinline]] void* operator new(std::size_t size) {
  void* p = std::malloc(size ? size : 1);
  if (!p) throw std::bad_alloc();
  g_bytes += malloc_usable_size(p);
  g_peak = g_bytes > g_peak ? g_bytes : g_peak;
  return p;
}
[[gnu::noinline]] void operator delete(void* p) noexcept {
  if (p) g_bytes -= malloc_usable_size(p);
  std::free(p);
}
[[gnu::noinline]] void operator delete(void* p, std::size_t) noexcept {
  operator delete(p);
}

namespace {

constexpr std::size_t kBatch = std::size_t{1} << 20;

/// Values that are new all the time, at little cost.
class Stream {
 public:
  explicit Stream(bool any_bits) : any_bits_(any_bits), table_(kBatch), batch_(kBatch) {
    for (float& x : table_) x = random_.gaussian();
  }
  const std::vector<float>& next() {
    const float scale = 1 + 0.5f * random_.uniform();
    for (std::size_t i = 0; i < kBatch; ++i)
      batch_[i] = any_bits_ ? std::bit_cast<float>(static_cast<std::uint32_t>(random_.next()))
                            : table_[(i + offset_) % kBatch] * scale;
    offset_ += 77777;
    return batch_;
  }

 private:
  bool any_bits_;
  std::size_t offset_ = 0;
  lowbit::detail::Random random_{1};
  std::vector<float> table_, batch_;
};

/// Returns the bytes held while it observed.
std::size_t measure(const std::string& name, std::uint64_t values, bool any_bits) {
  Stream stream(any_bits);
  const std::size_t before = g_bytes;
  g_peak = g_bytes;
  double seconds = 0;
  lowbit::AnyObserver observer = lowbit::make_observer(name);
  std::uint64_t batch = 0;
  for (std::uint64_t done = 0; done < values; done += kBatch, ++batch) {
    const std::vector<float>& x = stream.next();
    const auto start = std::chrono::steady_clock::now();
    observer.observe({x.data(), std::min<std::uint64_t>(kBatch, values - done)}, batch);
    seconds += std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  }
  const std::size_t observing = g_peak - before, state = observer.state().size();
  g_peak = g_bytes;
  const std::size_t held = g_bytes;
  const auto start = std::chrono::steady_clock::now();
  const lowbit::Range range = observer.range(lowbit::unsigned_range(8));
  const double choosing = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  fmt::print("{:16} {:>9} {:>9} {:>9} {:>9} {:>8.2f} {:>8.1f}  [{:.4g}, {:.4g}]\n", name,
             any_bits ? "any bits" : "gaussian", observing, state, g_peak - held,
             double(values) * 4e-9 / seconds, choosing * 1e3, range.min, range.max);
  return observing;
}

}  // namespace

int main(int argc, char** argv) {
  const std::uint64_t values = argc > 1 ? static_cast<std::uint64_t>(std::atof(argv[1])) : 1000000000;
  fmt::print("{} values\n{:16} {:>9} {:>9} {:>9} {:>9} {:>8} {:>8}  range\n", values, "observer", "values",
             "bytes", "state", "in range", "GB/s", "ms");
  std::size_t most = 0;
  for (const std::string& name : lowbit::known_observers())
    for (const bool any_bits : {false, true}) most = std::max(most, measure(name, values, any_bits));
  fmt::print("at most {} bytes, {} a megabyte\n", most, most < 1000000 ? "less than" : "NOT less than");
  return most < 1000000 ? 0 : 1;
}
