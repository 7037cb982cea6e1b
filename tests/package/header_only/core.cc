// SPDX-License-Identifier: Apache-2.0
// What core, error measures and choose_qparams compute.
#include <cstdint>
#include <cstdio>
#include <string>
#include <vector>

#include "bits.h"
#include "lowbit/core/cast.h"
#include "lowbit/core/granularity.h"
#include "lowbit/core/minifloat.h"
#include "lowbit/core/packing.h"
#include "lowbit/core/qparams.h"
#include "lowbit/core/shape.h"
#include "lowbit/core/tensor.h"
#include "lowbit/core/view.h"
#include "lowbit/observe/choose_qparams.h"
#include "lowbit/quant/error.h"

using header_only::inputs;
using header_only::write;
using header_only::write_refusal;

namespace {

void write_minifloats(const std::vector<float>& x) {
  using enum lowbit::MiniFloat;
  std::vector<std::uint8_t> codes(x.size());
  std::vector<float> back(x.size());
  for (const lowbit::MiniFloat format :
       {fp8_e4m3fn, fp8_e5m2, fp6_e2m3, fp6_e3m2, fp4_e2m1, e8m0, fp8_e4m3fnuz, fp8_e5m2fnuz}) {
    for (const lowbit::minifloat::Overflow overflow :
         {lowbit::minifloat::Overflow::saturate, lowbit::minifloat::Overflow::spec}) {
      lowbit::minifloat::encode(format, x, 0.7f, codes, overflow);
      write(codes);
      lowbit::minifloat::decode(format, codes, 1.1f, back);
      write(back);
    }
    for (std::size_t i = 0; i < x.size(); ++i) codes[i] = lowbit::minifloat::encode(format, x[i]);
    write(codes);
    write(lowbit::minifloat::table(format));
    std::printf("%s %d %d %a\n", std::string(lowbit::minifloat::name(format)).c_str(),
                lowbit::minifloat::bits(format), lowbit::minifloat::mantissa_bits(format),
                double(lowbit::minifloat::largest(format)));
  }
  for (std::size_t i = 0; i < x.size(); ++i) codes[i] = lowbit::minifloat::e8m0_floor(x[i]);
  write(codes);
}

void write_casts(const std::vector<float>& x) {
  std::vector<std::uint64_t> whole(x.size());
  std::vector<double> wide(x.size());
  lowbit::cast(x, whole);
  for (std::size_t i = 0; i < x.size(); ++i) wide[i] = double(x[i]) * 1.00000001;
  for (int t = 0; t < lowbit::kElementTypes; ++t)
    for (const bool saturate : {true, false}) {
      const auto type = static_cast<lowbit::ElementType>(t);
      const auto mode = static_cast<lowbit::ScaleRounding>(t % 3);
      std::vector<std::uint8_t> codes(lowbit::element_bytes(type, x.size()));
      const auto from = [&](const auto& values) {
        lowbit::cast(lowbit::element_of<std::decay_t<decltype(values[0])>>(),
                     std::as_bytes(std::span(values)), type, std::as_writable_bytes(std::span(codes)),
                     values.size(), {saturate, mode});
        write(codes);
      };
      from(x), from(wide), from(whole);
      lowbit::cast(type, std::as_bytes(std::span(codes)), lowbit::ElementType::f64,
                   std::as_writable_bytes(std::span(wide)), x.size());
      write(wide);
    }
  std::vector<std::uint8_t> scales;
  for (const float v : x) scales.push_back(lowbit::minifloat::e8m0_ceil(v));
  write(scales);
  write_refusal([&] { lowbit::cast(x, std::vector<double>(3)); });
}

void write_packed() {
  std::vector<std::uint8_t> codes(1003);
  for (std::size_t i = 0; i < codes.size(); ++i) codes[i] = static_cast<std::uint8_t>(i * i);
  const auto both = [&](auto pack, auto unpack, int bits) {
    std::vector<std::uint8_t> packed(lowbit::packed_bytes(codes.size(), bits)), back(codes.size());
    pack(codes, packed);
    write(packed);
    unpack(packed, back);
    write(back);
  };
  both(lowbit::pack_u4, lowbit::unpack_u4, 4);
  both(lowbit::pack_u2, lowbit::unpack_u2, 2);
  both(lowbit::pack_u1, lowbit::unpack_u1, 1);
}

void write_shapes() {
  const lowbit::Shape shape{3, 32, 17};
  const lowbit::Tensor tensor(shape);
  std::printf("%s %lld %lld\n", shape.to_string().c_str(), static_cast<long long>(shape.elements()),
              static_cast<long long>(tensor.view().strides[0]));
  write_refusal([] { lowbit::Shape{1, -2}; });
  write_refusal([] { lowbit::Shape({1, 2, 3, 4, 5, 6, 7}); });
  write_refusal([] { lowbit::Shape{1LL << 40, 1LL << 40}; });
  write_refusal([] { lowbit::Tensor({2, 3}, std::vector<float>(5)); });
  write_refusal([] {
    std::vector<std::uint8_t> codes(3), bytes(1);
    lowbit::pack_u4(codes, bytes);
  });
}

// Sums of products in double: fused, every digit of them would differ.
void write_errors(const std::vector<float>& x) {
  std::vector<float> reference, approximation;
  for (std::size_t i = 1; i < x.size(); i += 2) {
    reference.push_back(x[i] * 1.3f);
    approximation.push_back(x[i] * 0.0011f);  // far away, so that differences fill a double
  }
  const auto write_one = [](const lowbit::ErrorMeasure& e) {
    std::printf("%a %a %a %a %lld %lld\n", e.sqnr_db, e.mse, e.max, e.cosine, static_cast<long long>(e.count),
                static_cast<long long>(e.non_finite));
  };
  // Sums of a few numbers: the last bits of long ones drown.
  for (std::size_t i = 0; i + 4 <= reference.size(); i += 4) {
    lowbit::ErrorAccumulator sum;
    sum.add(&reference[i], &approximation[i], 4);
    write_one(sum.result());
  }
  const auto rows = static_cast<std::int64_t>(reference.size() / 100);
  write_one(lowbit::measure_error(lowbit::MatrixView(reference.data(), rows, 100),
                                  lowbit::MatrixView(approximation.data(), rows, 100)));
  write_refusal(
      [] { lowbit::measure_error(lowbit::MatrixView(nullptr, 2, 3), lowbit::MatrixView(nullptr, 3, 2)); });
}

void write_qparams(const std::vector<float>& x) {
  const auto write_one = [](float min, float max, lowbit::IntRange codes, lowbit::Mapping mapping) {
    write_refusal([&] {
      const lowbit::QParams q = lowbit::choose_qparams({min, max}, codes, mapping);
      std::printf("%a %d ", double(q.scale), q.zero_point);
    });
  };
  for (std::size_t i = 0; i + 1 < 4000; i += 2)
    for (const lowbit::IntRange codes : {lowbit::unsigned_range(8), lowbit::signed_range(4, true)}) {
      write_one(x[i], x[i + 1], codes, lowbit::Mapping::asymmetric);
      write_one(x[i], x[i + 1], codes, lowbit::Mapping::symmetric);
    }
  write_one(0, 1, {5, 5}, lowbit::Mapping::asymmetric);
  write_one(0, 1, {0, 5}, lowbit::Mapping::asymmetric_real);
}

}  // namespace

int main() {
  const std::vector<float> x = inputs();
  write_minifloats(x);
  write_casts(x);
  write_packed();
  write_shapes();
  write_errors(x);
  write_qparams(x);
  return 0;
}
