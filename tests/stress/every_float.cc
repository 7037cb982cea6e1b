// SPDX-License-Identifier: Apache-2.0
// every_float [STEP]: feeds every bit pattern of a float, or one of STEP, to each vectorized conversion and
// function of this machine, and compares with the scalar entry byte for byte. All 2^32 take some minutes.
#include <fmt/format.h>

#include <bit>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <string>
#include <vector>

#include "kernels/functions/function_kernel.h"
#include "lowbit/kernels/cpu.h"
#include "lowbit/kernels/elementwise_kernel.h"

namespace lowbit {
namespace {

constexpr std::size_t kBlock = 1 << 16;

using Convert = std::function<void(const float*, std::size_t, std::byte*)>;

/// One conversion by all entries that this machine runs, the scalar one last.
struct Case {
  std::string name;
  std::size_t bytes;  ///< at most, of an element
  std::vector<std::pair<std::string, Convert>> entries{};
};

Case quantize_case(const kernels::QuantizeParams& q, const std::string& name) {
  Case c{name, 1};
  std::size_t count = 0;
  const auto* const* all = kernels::elementwise_kernels(&count);
  for (std::size_t i = 0; i < count; ++i)
    if (const auto* kernel = all[i]; has_isa(detected_isa(), kernel->required))
      c.entries.emplace_back(kernel->name, [kernel, q](const float* x, std::size_t n, std::byte* out) {
        kernel->quantize(x, n, q, out, nullptr);
      });
  return c;
}

Case minifloat_case(int bits, int mantissa, float inverse_scale) {
  Case c{fmt::format("minifloat of {} bits, {} of mantissa, times {}", bits, mantissa, inverse_scale), 1};
  std::size_t count = 0;
  const auto* const* all = kernels::elementwise_kernels(&count);
  for (std::size_t i = 0; i < count; ++i)
    if (const auto* kernel = all[i]; has_isa(detected_isa(), kernel->required))
      c.entries.emplace_back(kernel->name, [=](const float* x, std::size_t n, std::byte* out) {
        kernel->encode_minifloat(x, n, inverse_scale, bits, mantissa, reinterpret_cast<std::uint8_t*>(out));
      });
  return c;
}

Case function_case(
    const std::string& name,
    const std::function<void(const kernels::FunctionKernel&, const float*, std::size_t, float*)>& f) {
  Case c{name, sizeof(float)};
  std::size_t count = 0;
  const auto* const* all = kernels::function_kernels(&count);
  for (std::size_t i = 0; i < count; ++i)
    if (const auto* kernel = all[i]; has_isa(detected_isa(), kernel->required))
      c.entries.emplace_back(kernel->name, [kernel, f](const float* x, std::size_t n, std::byte* out) {
        f(*kernel, x, n, reinterpret_cast<float*>(out));
      });
  return c;
}

std::vector<Case> all_cases() {
  using kernels::CodeType;
  using Kernel = kernels::FunctionKernel;
  std::vector<Case> cases{
      quantize_case({1.0f, -128.0f, 127.0f, 0, CodeType::s8}, "s8, scale 1"),
      quantize_case({37.25f, -7.0f, 7.0f, 0, CodeType::s8}, "s4, scale 1 / 37.25"),
      quantize_case({0.37f, -117.0f, 138.0f, 117, CodeType::u8}, "u8, scale 1 / 0.37, zero point 117"),
      quantize_case({1e30f, 0.0f, 255.0f, 0, CodeType::u8}, "u8, scale 1e-30")};
  for (const auto& [bits, mantissa] : {std::pair(8, 3), {8, 2}, {6, 3}, {6, 2}, {4, 1}})
    for (const float inverse_scale : {1.0f, 0.013f})
      cases.push_back(minifloat_case(bits, mantissa, inverse_scale));
  const auto plain = [&](const char* name, void (*Kernel::*f)(const float*, std::size_t, float*)) {
    cases.push_back(function_case(
        name, [f](const Kernel& k, const float* x, std::size_t n, float* y) { (k.*f)(x, n, y); }));
  };
  plain("exp", &Kernel::exp);
  plain("erf", &Kernel::erf);
  plain("gelu", &Kernel::gelu);
  plain("gelu_tanh", &Kernel::gelu_tanh);
  plain("sigmoid", &Kernel::sigmoid);
  plain("softplus", &Kernel::softplus);
  plain("tanh", &Kernel::tanh);
  cases.push_back(function_case(
      "silu", [](const Kernel& k, const float* x, std::size_t n, float* y) { k.silu(x, n, 1.0f, y); }));
  cases.push_back(function_case("hard_swish", [](const Kernel& k, const float* x, std::size_t n, float* y) {
    k.hard_swish(x, n, 1.0f / 6.0f, 0.5f, y);
  }));
  return cases;
}

/// NaNs are alike: which of them comes out is not promised.
bool same(const std::byte* a, const std::byte* b, const Case& c) {
  if (std::memcmp(a, b, kBlock * c.bytes) == 0) return true;
  if (c.bytes != sizeof(float)) return false;
  for (std::size_t i = 0; i < kBlock; ++i) {
    float x, y;
    std::memcpy(&x, a + i * sizeof x, sizeof x);
    std::memcpy(&y, b + i * sizeof y, sizeof y);
    if (std::bit_cast<std::uint32_t>(x) != std::bit_cast<std::uint32_t>(y) && !(x != x && y != y))
      return false;
  }
  return true;
}

int run_case(const Case& c, std::uint64_t step) {
  std::vector<float> x(kBlock);
  std::vector<std::byte> expected(kBlock * sizeof(float)), got(kBlock * sizeof(float));
  std::vector<int> differing(c.entries.size(), 0);
  std::uint64_t pattern = 0, fed = 0;
  while (pattern < std::uint64_t{1} << 32) {
    for (float& v : x) {
      v = std::bit_cast<float>(static_cast<std::uint32_t>(pattern));
      pattern += step;
    }
    fed += kBlock;
    c.entries.back().second(x.data(), kBlock, expected.data());
    for (std::size_t e = 0; e + 1 < c.entries.size(); ++e) {
      c.entries[e].second(x.data(), kBlock, got.data());
      differing[e] += !same(expected.data(), got.data(), c);
    }
  }
  int faults = 0;
  for (std::size_t e = 0; e + 1 < c.entries.size(); ++e) {
    fmt::print("{}: {}: {} patterns, {}\n", c.name, c.entries[e].first, fed,
               differing[e] ? fmt::format("{} blocks differ", differing[e]) : "equal");
    faults += differing[e] > 0;
  }
  return faults;
}

}  // namespace
}  // namespace lowbit

int main(int argc, char** argv) {
  const long step = argc > 1 ? std::atol(argv[1]) : 1;
  if (step < 1) return 2;
  int faults = 0;
  for (const lowbit::Case& c : lowbit::all_cases())
    faults += lowbit::run_case(c, static_cast<std::uint64_t>(step));
  return faults ? 1 : 0;
}
