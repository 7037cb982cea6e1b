// SPDX-License-Identifier: Apache-2.0
#include "gemm_case.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "core/random.h"

namespace lowbit::bench {

std::string GemmShape::name() const {
  return fmt::format("{}x{}x{}{}", m, n, k, cold ? "/cold" : "");
}

std::size_t copies_in_turn(const GemmShape& shape, std::size_t bytes) {
  constexpr std::size_t kTogether = std::size_t{256} << 20;
  return shape.cold ? std::max<std::size_t>(2, kTogether / bytes) : 1;
}

GemmCase::GemmCase(const Variant& variant, const GemmShape& shape)
    : shape_(shape), weights_(kept_weights(variant.coding, shape.n, shape.k)) {
  packed_.emplace_back(weights_->spec(), *variant.kernel);
  const std::size_t copies = copies_in_turn(shape, packed_[0].bytes());
  while (packed_.size() < copies) packed_.emplace_back(weights_->spec(), *variant.kernel);
  make_lhs();
  make_epilogue();
}

void GemmCase::make_lhs() {
  detail::Random random(3);
  const kernels::ActType act = weights_->spec().act;
  const std::size_t row_bytes = act == kernels::ActType::f32  ? std::size_t{shape_.k} * sizeof(float)
                                : act == kernels::ActType::b1 ? (shape_.k + 31) / 32 * 4
                                                              : (shape_.k + 3) / 4 * 4;
  a_.resize(row_bytes * shape_.m / sizeof(float));
  for (float& v : a_) {
    v = random.uniform();
    const auto bits = static_cast<std::uint32_t>(random.next());
    if (act != kernels::ActType::f32) std::memcpy(&v, &bits, sizeof v);
  }
  lhs_.a = reinterpret_cast<const std::uint8_t*>(a_.data());
  lhs_.rows = shape_.m;
  lhs_.row_stride = static_cast<std::ptrdiff_t>(row_bytes);
}

void GemmCase::make_epilogue() {
  const kernels::WeightSpec& spec = weights_->spec();
  const bool grouped = spec.group != 0 && spec.group < spec.k;
  const bool integers = spec.act == kernels::ActType::u8 && !grouped;
  constant_.assign(shape_.n, 17);
  row_zero_.assign(shape_.m, 128);
  multiplier_.assign(shape_.n, 1e-4f);
  addend_.assign(shape_.n, 0.5f);
  row_scale_.assign(shape_.m, 0.01f);
  kernels::Epilogue& e = out_.epilogue;
  e.addend = addend_.data();
  if (!grouped) e.multiplier = multiplier_.data();
  if (integers) {
    e.out = kernels::OutType::u8;
    e.column_constant = constant_.data();
    e.lo = 0.0f, e.hi = 255.0f;
  } else {
    e.out = kernels::OutType::f32;
    if (spec.act == kernels::ActType::u8) e.row_a = row_zero_.data(), e.row_scale = row_scale_.data();
    e.lo = -1e30f, e.hi = 1e30f;
  }
  out_.c_row_bytes = shape_.n * (integers ? 1 : sizeof(float));
  c_.resize(out_.c_row_bytes * shape_.m);
  out_.c = c_.data();
}

void GemmCase::run(Executor& executor) {
  kernels::gemm(lhs_, packed_[next_], out_, executor);
  next_ = (next_ + 1) % packed_.size();
}

}  // namespace lowbit::bench
