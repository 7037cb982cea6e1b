// SPDX-License-Identifier: Apache-2.0
#include "layers/output_stage.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "core/refuse.h"

namespace lowbit {
namespace {

constexpr std::int64_t kMaxWideBias = std::int64_t{1} << 46;

template <class T>
void check_size(std::span<const T> values, std::size_t n, bool one_is_enough, const char* what) {
  if (values.empty() || values.size() == n || (one_is_enough && values.size() == 1)) return;
  throw Error(ErrorCode::shape_mismatch,
              fmt::format("{} of {} elements is for a product of {} columns", what, values.size(), n));
}

template <class T>
std::vector<T> for_each_column(std::span<const T> values, std::size_t n) {
  return values.size() == n ? std::vector<T>(values.begin(), values.end()) : std::vector<T>(n, values[0]);
}

bool takes_codes(ElementType type) {
  return type == ElementType::u8 || type == ElementType::i8 || type == ElementType::i16 ||
         type == ElementType::i32;
}

void check_terms(const OutputTerms& t, std::size_t n) {
  check_size(t.bias, n, false, "bias");
  check_size(t.wide_bias, n, false, "wide_bias");
  check_size(t.requantization, n, true, "requantization");
  check_size(t.fixed_point, n, true, "fixed_point");
  check_size(t.scales, n, true, "scales");
  check_size(t.float_bias, n, false, "float_bias");
  if (!t.requantization.empty() + !t.fixed_point.empty() + !t.scales.empty() > 1)
    refuse("a product has one of requantization, fixed_point and scales, not several");
  for (const float v : t.scales)
    if (!std::isfinite(v)) refuse(fmt::format("scales have {}", v));
  for (const float v : t.float_bias)
    if (!std::isfinite(v)) refuse(fmt::format("float_bias has {}", v));
  if (!(t.lo <= t.hi)) refuse(fmt::format("the limits lo {} and hi {} are no range", t.lo, t.hi));
}

void check_floats(const OutputTerms& t, bool floats) {
  if (floats && (!t.bias.empty() || !t.wide_bias.empty()))
    refuse(
        "bias is added to integer sums; float_bias is what a product of floats, or of several scales in a "
        "row, has");
}

}  // namespace

OutputStage::OutputStage(const OutputTerms& terms, std::int64_t columns, ElementType out,
                         const OutputInput& in)
    : n_(static_cast<std::size_t>(columns)),
      out_(out),
      wide_(in.type == ElementType::i16),
      lo_(terms.lo),
      hi_(terms.hi) {
  check_terms(terms, n_);
  check_floats(terms, in.type == ElementType::f32 || in.column_sums.empty());
  if (wide_ ? !terms.bias.empty() && !terms.wide_bias.empty() : !terms.wide_bias.empty())
    refuse(wide_ ? "a product has one of bias and wide_bias, not both" : "wide_bias is for a 16-bit A");
  set_kind(terms);
  if (kind_ == Kind::scaled) set_floats(terms, in.column_scales);
  if (in.type != ElementType::f32 && !in.column_sums.empty()) set_constants(terms, in);
  in_epilogue_ = !wide_ && (out_ == ElementType::f32 || (kind_ == Kind::sums && out_ == ElementType::i32) ||
                            (kind_ == Kind::floats && is_uniform()));
  if (in.column_sums.empty() && kind_ != Kind::scaled)
    refuse("a B with several scales in a row, or floats in A, give a C of f32");
  if (in_epilogue_ && kind_ == Kind::floats)
    for (const Requantization& r : floats_) {
      multiplier_.push_back(r.multiplier);
      addend_.push_back(r.addend);
    }
}

void OutputStage::set_kind(const OutputTerms& terms) {
  if (!terms.requantization.empty() || !terms.fixed_point.empty()) {
    if (!takes_codes(out_))
      refuse(fmt::format("C of {} does not go with requantization or fixed_point", element_name(out_)));
    if (!terms.requantization.empty()) {
      kind_ = Kind::floats;
      check_requantization(terms.requantization, out_);
      floats_ = for_each_column(terms.requantization, n_);
    } else {
      kind_ = Kind::fixed;
      check_requantization(terms.fixed_point, out_);
      fixed_ = for_each_column(terms.fixed_point, n_);
    }
  } else if (out_ == ElementType::f32) {
    kind_ = Kind::scaled;
  } else if (out_ != ElementType::i64 && (wide_ || out_ != ElementType::i32)) {
    refuse(fmt::format("C of {} needs requantization or fixed_point; sums of {}-bit A are {}",
                       element_name(out_), wide_ ? 16 : 8, wide_ ? "i64" : "i32 or i64"));
  }
  if (kind_ == Kind::scaled) return;
  if (!terms.scales.empty() || !terms.float_bias.empty() || !std::isinf(terms.lo) || !std::isinf(terms.hi))
    refuse(fmt::format("scales, float_bias, lo and hi are for C of f32, not of {}", element_name(out_)));
}

void OutputStage::set_floats(const OutputTerms& terms, std::span<const float> column_scales) {
  addend_.assign(terms.float_bias.begin(), terms.float_bias.end());
  if (terms.scales.empty() && column_scales.empty()) return;
  multiplier_.assign(n_, 1.0f);
  for (std::size_t j = 0; j < n_; ++j) {
    if (!terms.scales.empty()) multiplier_[j] = terms.scales[terms.scales.size() == 1 ? 0 : j];
    if (!column_scales.empty()) multiplier_[j] *= column_scales[j];
    if (!std::isfinite(multiplier_[j]))
      refuse(fmt::format("scales make {} of the scale of column {}", multiplier_[j], j));
  }
}

void OutputStage::set_constants(const OutputTerms& terms, const OutputInput& in) {
  if (!wide_) {
    const auto zero = static_cast<std::uint32_t>(in.zero_point + (in.type == ElementType::i8 ? 128 : 0));
    if (zero == 0 && terms.bias.empty()) return;
    constant_.resize(n_);
    for (std::size_t j = 0; j < n_; ++j) {
      const auto bias = terms.bias.empty() ? 0u : static_cast<std::uint32_t>(terms.bias[j]);
      constant_[j] = static_cast<std::int32_t>(bias - zero * static_cast<std::uint32_t>(in.column_sums[j]));
    }
    return;
  }
  wide_constant_.resize(n_);
  for (std::size_t j = 0; j < n_; ++j) {
    std::int64_t bias = terms.bias.empty() ? 0 : std::int64_t{terms.bias[j]};
    if (!terms.wide_bias.empty()) bias = terms.wide_bias[j];
    if (bias <= -kMaxWideBias || bias >= kMaxWideBias)
      refuse(fmt::format("wide_bias of column {} is {}, whose magnitude is not below 2^46", j, bias));
    wide_constant_[j] = bias - (std::int64_t{in.zero_point} + 32768) * in.column_sums[j];
  }
}

/// Whether an epilogue, which has one range and one zero point, does as `requantize` does.
bool OutputStage::is_uniform() const {
  if (out_ != ElementType::u8 && out_ != ElementType::i8) return false;
  return std::all_of(floats_.begin(), floats_.end(), [&](const Requantization& r) {
    return r.lo == floats_[0].lo && r.hi == floats_[0].hi && r.zero_point == floats_[0].zero_point;
  });
}

void OutputStage::set_sums(kernels::Epilogue& epilogue) const {
  epilogue.out = kernels::OutType::s32;
  epilogue.column_constant = constant_.empty() ? nullptr : constant_.data();
}

void OutputStage::set_epilogue(kernels::Epilogue& epilogue) const {
  set_sums(epilogue);
  if (kind_ == Kind::sums) return;
  epilogue.multiplier = multiplier_.empty() ? nullptr : multiplier_.data();
  epilogue.addend = addend_.empty() ? nullptr : addend_.data();
  if (kind_ == Kind::scaled) {
    epilogue.out = kernels::OutType::f32;
    epilogue.lo = lo_;
    epilogue.hi = hi_;
    return;
  }
  epilogue.out = kernels::OutType::u8;
  epilogue.lo = floats_[0].lo;
  epilogue.hi = floats_[0].hi;
  epilogue.zero_point = floats_[0].zero_point + (out_ == ElementType::i8 ? 128 : 0);
}

template <class T, class F>
void OutputStage::write_rows(const SumBlock& block, std::int64_t first, std::int64_t columns, T* out,
                             std::ptrdiff_t row_stride, std::ptrdiff_t col_stride, const F& value) const {
  const auto column = static_cast<std::size_t>(first);
  for (std::int64_t i = 0; i < block.rows; ++i) {
    const std::int32_t* low = block.low + i * block.row_stride;
    T* row = out + i * row_stride;
    if (block.high == nullptr) {
      for (std::int64_t j = 0; j < columns; ++j)
        row[j * col_stride] = static_cast<T>(value(low[j], column + static_cast<std::size_t>(j)));
      continue;
    }
    const std::int32_t* high = block.high + i * block.row_stride;
    for (std::int64_t j = 0; j < columns; ++j) {
      const std::size_t c = column + static_cast<std::size_t>(j);
      const std::int64_t sum = 256 * std::int64_t{high[j]} + low[j] + wide_constant_[c];
      row[j * col_stride] = static_cast<T>(value(sum, c));
    }
  }
}

void OutputStage::write(const SumBlock& block, std::int64_t first, std::int64_t columns, void* out,
                        std::ptrdiff_t row_stride, std::ptrdiff_t col_stride) const noexcept {
  const auto to = [&](auto* typed, const auto& value) {
    write_rows(block, first, columns, typed, row_stride, col_stride, value);
  };
  const auto codes = [&](const auto& value) {
    switch (out_) {
      case ElementType::u8:
        return to(static_cast<std::uint8_t*>(out), value);
      case ElementType::i8:
        return to(static_cast<std::int8_t*>(out), value);
      case ElementType::i16:
        return to(static_cast<std::int16_t*>(out), value);
      default:
        return to(static_cast<std::int32_t*>(out), value);
    }
  };
  switch (kind_) {
    case Kind::sums:
      if (out_ == ElementType::i64)
        return to(static_cast<std::int64_t*>(out), [](auto sum, std::size_t) { return sum; });
      return to(static_cast<std::int32_t*>(out), [](auto sum, std::size_t) { return sum; });
    case Kind::floats:
      return codes([&](std::int64_t sum, std::size_t c) { return requantize(sum, floats_[c]); });
    case Kind::fixed:
      return codes([&](std::int64_t sum, std::size_t c) { return requantize(sum, fixed_[c]); });
    case Kind::scaled:
      return to(static_cast<float*>(out), [&](auto sum, std::size_t c) {
        auto f = static_cast<float>(sum);
        if (!multiplier_.empty()) f = f * multiplier_[c];
        if (!addend_.empty()) f = f + addend_[c];
        f = f < lo_ ? lo_ : f;
        return f > hi_ ? hi_ : f;
      });
  }
}

}  // namespace lowbit
