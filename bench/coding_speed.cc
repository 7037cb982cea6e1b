// SPDX-License-Identifier: Apache-2.0
// lowbit_coding_speed [CODES]: how fast each decoder of this machine decodes codes, and how much larger than
// their entropy they are coded, tables included. Codes are Gaussian weights in integers of 2 to 8 bits, with
// the scale that a uniform quantizer of so many levels has. Medians of rounds, in the processor's time.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <ctime>
#include <vector>

#include "coding/rans.h"
#include "core/random.h"
#include "kernels/coding/rans_kernel.h"
#include "lowbit/kernels/cpu.h"

namespace {

using namespace lowbit;

double seconds() {
  return static_cast<double>(std::clock()) / CLOCKS_PER_SEC;
}

/// `reach`: standard deviations from the middle to the end of the codes.
std::vector<std::uint8_t> gaussian_codes(std::size_t count, int bits, double reach) {
  detail::Random random(static_cast<std::uint64_t>(bits));
  const double half = std::ldexp(1.0, bits - 1);
  std::vector<std::uint8_t> codes(count);
  for (std::uint8_t& c : codes)
    c = static_cast<std::uint8_t>(
        std::clamp(std::nearbyint(half + random.gaussian() / reach * half), 0.0, 2 * half - 1));
  return codes;
}

double entropy_of(const coding::SymbolCounts& counts, double count) {
  double bits = 0;
  for (const std::uint64_t n : counts)
    if (n > 0) bits -= static_cast<double>(n) * std::log2(static_cast<double>(n) / count);
  return bits;
}

double median_rate(const kernels::RansKernel& kernel, const coding::RansCode& code,
                   const std::vector<std::uint32_t>& table, std::vector<std::uint8_t>& out) {
  std::vector<double> rates;
  for (int round = 0; round < 7; ++round) {
    const int repeats = 4;
    const double start = seconds();
    for (int i = 0; i < repeats; ++i) {
      std::vector<std::uint32_t> states = code.states;
      kernels::RansDecode d;
      d.words = code.words.data(), d.word_count = static_cast<std::int64_t>(code.words.size());
      d.states = states.data(), d.streams = static_cast<int>(states.size());
      d.table = table.data(), d.out = out.data(), d.count = static_cast<std::int64_t>(out.size());
      kernel.decode(d);
    }
    rates.push_back(repeats * static_cast<double>(out.size()) / (seconds() - start));
  }
  std::nth_element(rates.begin(), rates.begin() + 3, rates.end());
  return rates[3];
}

}  // namespace

int main(int argc, char** argv) {
  const auto count = static_cast<std::size_t>(argc > 1 ? std::max(1, std::atoi(argv[1])) : 4000000);
  fmt::print("{} codes, {}\n", count, cpu_name());
  std::int64_t kernel_count = 0;
  const kernels::RansKernel* const* all = kernels::rans_kernels(&kernel_count);
  for (const auto& [bits, reach] : {std::pair{8, 4.0}, {6, 3.5}, {4, 2.7}, {3, 2.2}, {2, 1.7}}) {
    const std::vector<std::uint8_t> codes = gaussian_codes(count, bits, reach);
    coding::SymbolCounts counts{};
    coding::count_symbols(codes, counts);
    const coding::FrequencyTable frequencies(coding::FrequencyTable::weights_of(counts));
    const coding::RansCode code = coding::rans_encode(codes, frequencies);
    const double entropy = entropy_of(counts, static_cast<double>(count));
    const double coded = 8.0 * static_cast<double>(code.bytes() + (std::size_t{1} << bits));
    fmt::print("int{}: entropy {:.3f} bits, coded {:.3f} ({:+.2f} %)", bits,
               entropy / static_cast<double>(count), coded / static_cast<double>(count),
               100 * (coded / entropy - 1));
    std::vector<std::uint8_t> out(count);
    const std::vector<std::uint32_t> table = frequencies.decoding_table();
    for (std::int64_t i = 0; i < kernel_count; ++i) {
      if (!has_isa(active_isa(), all[i]->required)) continue;
      const double rate = median_rate(*all[i], code, table, out);
      fmt::print("{}{} {:.2f} GB/s", i == 0 ? ": " : ", ", all[i]->name, rate / 1e9);
      if (out != codes) return 1;
    }
    fmt::print("\n");
  }
  return 0;
}
