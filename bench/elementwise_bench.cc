// SPDX-License-Identifier: Apache-2.0
// Speed of the elementwise loops on one thread, data in the first cache:
// elementwise/<function>/<kernel>/<elements>. B_per_cycle counts the bytes of the wider side, in core cycles:
// floats or sums read when quantizing, requantizing or looking for extremes, floats written when
// dequantizing, codes in bytes read or written otherwise. It is the median over many short samples, each with
// the rate of the core measured next to it; B_per_cycle_p95 is what 5 % of the samples exceed, for machines
// that have other things to do.
#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <limits>
#include <vector>

#include "core/random.h"
#include "cycles.h"
#include "lowbit/core/aligned_bytes.h"
#include "lowbit/kernels/cpu.h"
#include "lowbit/kernels/elementwise_kernel.h"
#include "options.h"
#include "registers.h"

namespace lowbit::bench {
namespace {

constexpr std::size_t kSizes[] = {2000, 4000};
constexpr int kCalls = 32;  // of a sample

/// 64-byte aligned, like the library's own values.
template <class T>
class Array {
 public:
  explicit Array(std::size_t n) : bytes_(aligned_bytes(n * sizeof(T))) {}
  T* data() const { return reinterpret_cast<T*>(bytes_.get()); }
  T& operator[](std::size_t i) const { return data()[i]; }

 private:
  AlignedBytes bytes_;
};

struct Data {
  explicit Data(std::size_t n)
      : floats(n), scales(n), out(n), sums(n), zeros(n), codes(2 * n), packed(n), bytes(2 * n) {
    detail::Random random(1);
    for (std::size_t i = 0; i < n; ++i) {
      floats[i] = random.gaussian() * 50;
      scales[i] = 1.0f + random.uniform() * 0.5f;
      sums[i] = static_cast<std::int32_t>(random.integer(-100000, 100000));
      zeros[i] = static_cast<std::int32_t>(random.integer(0, 255));
      packed[i] = codes[i] = static_cast<std::uint8_t>(random.next());
      codes[n + i] = static_cast<std::uint8_t>(random.next());
    }
  }
  Array<float> floats, scales, out;
  Array<std::int32_t> sums, zeros;
  Array<std::uint8_t> codes, packed, bytes;
};

int sample_count() {
  return options().short_set ? 300 : 1500;
}

using Run = void (*)(const kernels::ElementwiseKernel& k, Data& d, std::size_t n);
struct Case {
  const char* name;
  double bytes;  // of one element
  Run run;
};

const kernels::QuantizeParams kU8 = {.inverse_scale = 1.3f, .lo = -101, .hi = 154, .zero_point = 101};
const kernels::QuantizeParams kS8 = {
    .inverse_scale = 1.3f, .lo = -128, .hi = 127, .type = kernels::CodeType::s8};

const Case kCases[] = {
    {"quantize_u8", 4,
     [](const kernels::ElementwiseKernel& k, Data& d, std::size_t n) {
       k.quantize(d.floats.data(), n, kU8, d.bytes.data(), nullptr);
     }},
    {"quantize_u8_sum", 4,
     [](const kernels::ElementwiseKernel& k, Data& d, std::size_t n) {
       std::int32_t sum = 0;
       k.quantize(d.floats.data(), n, kU8, d.bytes.data(), &sum);
       benchmark::DoNotOptimize(sum);
     }},
    {"quantize_u8_zero0", 4,
     [](const kernels::ElementwiseKernel& k, Data& d, std::size_t n) {
       k.quantize(d.floats.data(), n, {.inverse_scale = 1.3f, .lo = 0, .hi = 255}, d.bytes.data(), nullptr);
     }},
    {"quantize_u8_one_nan", 4,
     [](const kernels::ElementwiseKernel& k, Data& d, std::size_t n) {
       d.floats[n / 2] = std::numeric_limits<float>::quiet_NaN();
       k.quantize(d.floats.data(), n, kU8, d.bytes.data(), nullptr);
     }},
    {"quantize_s8", 4,
     [](const kernels::ElementwiseKernel& k, Data& d, std::size_t n) {
       k.quantize(d.floats.data(), n, kS8, d.bytes.data(), nullptr);
     }},
    {"quantize_u8_channels", 4,
     [](const kernels::ElementwiseKernel& k, Data& d, std::size_t n) {
       kernels::QuantizeParams q = kU8;
       q.inverse_scales = d.scales.data();
       q.zero_points = d.zeros.data();
       k.quantize(d.floats.data(), n, q, d.bytes.data(), nullptr);
     }},
    {"requantize_u8", 4,
     [](const kernels::ElementwiseKernel& k, Data& d, std::size_t n) {
       k.requantize(d.sums.data(), n, {.multiplier = 1e-3f, .lo = -101, .hi = 154, .zero_point = 101},
                    d.bytes.data());
     }},
    {"requantize_s8", 4,
     [](const kernels::ElementwiseKernel& k, Data& d, std::size_t n) {
       k.requantize(d.sums.data(), n, {.multiplier = 1e-3f, .type = kernels::CodeType::s8}, d.bytes.data());
     }},
    {"requantize_s8_channels", 4,
     [](const kernels::ElementwiseKernel& k, Data& d, std::size_t n) {
       k.requantize(d.sums.data(), n, {.type = kernels::CodeType::s8, .multipliers = d.scales.data()},
                    d.bytes.data());
     }},
    {"dequantize_u8", 4,
     [](const kernels::ElementwiseKernel& k, Data& d, std::size_t n) {
       k.dequantize(d.codes.data(), n, {.scale = 0.3f, .zero_point = 101}, d.out.data());
     }},
    {"dequantize_s8", 4,
     [](const kernels::ElementwiseKernel& k, Data& d, std::size_t n) {
       k.dequantize(d.codes.data(), n, {.scale = 0.3f, .type = kernels::CodeType::s8}, d.out.data());
     }},
    {"dequantize_u8_channels", 4,
     [](const kernels::ElementwiseKernel& k, Data& d, std::size_t n) {
       k.dequantize(d.codes.data(), n, {.scales = d.scales.data(), .zero_points = d.zeros.data()},
                    d.out.data());
     }},
    {"min_max", 4,
     [](const kernels::ElementwiseKernel& k, Data& d, std::size_t n) {
       float range[2];
       k.min_max(d.floats.data(), n, &range[0], &range[1]);
       benchmark::DoNotOptimize(range);
     }},
    {"sum_u8", 1,
     [](const kernels::ElementwiseKernel& k, Data& d, std::size_t n) {
       benchmark::DoNotOptimize(k.sum_u8(d.codes.data(), n));
     }},
    {"map_u8", 1,
     [](const kernels::ElementwiseKernel& k, Data& d, std::size_t n) {
       k.map_u8(d.codes.data(), n, d.packed.data(), d.bytes.data());
     }},
    {"add_u8", 2,
     [](const kernels::ElementwiseKernel& k, Data& d, std::size_t n) {
       const kernels::AddParams p = {.a_zero = 3, .b_zero = 101, .a_multiplier = 0.5f, .b_multiplier = 0.6f};
       k.add_u8(d.codes.data(), d.codes.data() + n, n, p, d.bytes.data());
     }},
    {"pack_u4", 1,
     [](const kernels::ElementwiseKernel& k, Data& d, std::size_t n) {
       k.pack(d.codes.data(), n, 4, d.bytes.data());
     }},
    {"pack_u2", 1,
     [](const kernels::ElementwiseKernel& k, Data& d, std::size_t n) {
       k.pack(d.codes.data(), n, 2, d.bytes.data());
     }},
    {"unpack_u4", 1,
     [](const kernels::ElementwiseKernel& k, Data& d, std::size_t n) {
       k.unpack(d.packed.data(), n, 4, d.bytes.data());
     }},
    {"unpack_u2", 1,
     [](const kernels::ElementwiseKernel& k, Data& d, std::size_t n) {
       k.unpack(d.packed.data(), n, 2, d.bytes.data());
     }},
};

/// Bytes a cycle in each of many short samples, ascending.
std::vector<double> sample(const Case& c, const kernels::ElementwiseKernel& kernel, Data& data,
                           std::size_t n) {
  std::vector<double> samples;
  double rate = cycles_per_second();
  for (int s = 0; s < sample_count(); ++s) {
    c.run(kernel, data, n);
    const double start = steady_seconds();
    for (int i = 0; i < kCalls; ++i) {
      c.run(kernel, data, n);
      benchmark::ClobberMemory();
    }
    const double seconds = steady_seconds() - start, rate_after = cycles_per_second();
    samples.push_back(c.bytes * static_cast<double>(n) * kCalls / (seconds * (rate + rate_after) / 2));
    rate = rate_after;
  }
  std::sort(samples.begin(), samples.end());
  return samples;
}

void run_case(benchmark::State& state, const Case& c, const kernels::ElementwiseKernel& kernel,
              std::size_t n) {
  Data data(n);
  const std::vector<double> samples = sample(c, kernel, data, n);
  for (auto _ : state) {
    c.run(kernel, data, n);
    benchmark::ClobberMemory();
  }
  state.counters["B_per_cycle"] = samples[samples.size() / 2];
  state.counters["B_per_cycle_p95"] = samples[samples.size() * 95 / 100];
}

}  // namespace

void register_elementwise_benchmarks() {
  std::size_t count = 0;
  const kernels::ElementwiseKernel* const* kernels = kernels::elementwise_kernels(&count);
  for (const Case& c : kCases)
    for (std::size_t i = 0; i < count; ++i) {
      const kernels::ElementwiseKernel& kernel = *kernels[i];
      if (!has_isa(active_isa(), kernel.required)) continue;
      if (options().short_set && kernel.required == Isa::scalar && !options().reference) continue;
      for (const std::size_t n : kSizes) {
        if (options().short_set && n != kSizes[0]) continue;
        const std::string name =
            fmt::format("elementwise/{}/{}/{}", c.name, std::strrchr(kernel.name, '/') + 1, n);
        benchmark::RegisterBenchmark(name.c_str(),
                                     [&c, &kernel, n](benchmark::State& s) { run_case(s, c, kernel, n); });
      }
    }
}

}  // namespace lowbit::bench
