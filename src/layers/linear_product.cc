// SPDX-License-Identifier: Apache-2.0
#include "layers/linear_product.h"

#include <algorithm>

#include "layers/dynamic_input.h"
#include "lowbit/runtime/detail/float_env.h"

namespace lowbit {
namespace {

std::span<const float> units_of(const EffectiveWeights& weights, const LinearProduct::Rows& rows) {
  const std::span<const float> units(weights.units());
  return units.size() > 1
             ? units.subspan(static_cast<std::size_t>(rows.first), static_cast<std::size_t>(rows.count))
             : units;
}

}  // namespace

LinearProduct::LinearProduct(const QuantizedMatrix& weights, RowInput input, std::span<const float> bias,
                             const LayerQuantization& quantization, const ops::Activation& activation,
                             Isa isa, SignScale signs, Rows rows)
    : LinearProduct(EffectiveWeights(weights, activations_of(input)), input, bias, quantization, activation,
                    isa, signs, {rows.first, rows.count < 0 ? weights.rows : rows.count}) {}

LinearProduct::LinearProduct(const EffectiveWeights& weights, RowInput input, std::span<const float> bias,
                             const LayerQuantization& quantization, const ops::Activation& activation,
                             Isa isa, SignScale signs, Rows rows)
    : input_(input),
      signs_(signs),
      quantization_(quantization),
      activation_(activation),
      restorer_(weights),
      weights_(weights.spec(1, rows.first, rows.count), isa),
      terms_(weights_, weights.column_scales(rows.first, rows.count), units_of(weights, rows), bias,
             quantization_) {}

RowMemory LinearProduct::carve(std::byte* block, std::size_t rows) const {
  const bool signs = input_ == RowInput::signs;
  return RowMemory::carve(
      block, rows,
      {.row_scales = dynamic() || (signs && signs_ == SignScale::mean),
       .row_zeros = dynamic() || (activations_of(input_) == kernels::ActType::u8 && weights_.groups() > 1),
       .weight_zeros = !weights_.weight_zero_points().empty(),
       .code_bytes = makes_codes() ? rows * code_stride() : 0});
}

void LinearProduct::quantize_row(const float* x, std::size_t row, const RowMemory& memory) const noexcept {
  const std::size_t count = weights_.k();
  std::uint8_t* codes = memory.codes + row * code_stride();
  if (input_ == RowInput::signs) {
    sign_bits(x, count, codes);
    if (memory.row_scale) memory.row_scale[row] = mean_magnitude(x, count);
    return;
  }
  const QParams p = quantization_.input ? *quantization_.input : choose_dynamic(x, count);
  kernels::elementwise().quantize(x, count, u8_quantize_params(p), codes,
                                  memory.row_b ? memory.row_b + row : nullptr);
  if (memory.row_scale) memory.row_scale[row] = p.scale;
  if (memory.row_a) memory.row_a[row] = p.zero_point;
}

void LinearProduct::quantize_rows(const RowBlock& x, const RowMemory& memory,
                                  Executor& executor) const noexcept {
  auto one = [&](int i) {
    const FloatEnvironmentGuard guard;  // the executor's threads are not always ours
    const auto row = static_cast<std::size_t>(i), image = row / x.rows;
    const auto* from = static_cast<const std::byte*>(x.data) +
                       static_cast<std::ptrdiff_t>(image) * x.image_stride +
                       static_cast<std::ptrdiff_t>(row - image * x.rows) * x.row_stride;
    quantize_row(reinterpret_cast<const float*>(from), row, memory);
  };
  executor.parallel_for(static_cast<int>(x.images * x.rows), one);
}

void LinearProduct::run(const RowBlock& x, const RowBlock& y, std::byte* scratch,
                        Executor& executor) const noexcept {
  const RowMemory memory = carve(scratch, x.images * x.rows);
  kernels::GemmLhs lhs{.a = static_cast<const std::uint8_t*>(x.data),
                       .images = x.images,
                       .rows = x.rows,
                       .image_stride = x.image_stride,
                       .row_stride = x.row_stride};
  if (makes_codes()) {
    quantize_rows(x, memory, executor);
    lhs.a = memory.codes;
    lhs.row_stride = static_cast<std::ptrdiff_t>(code_stride());
    lhs.image_stride = static_cast<std::ptrdiff_t>(x.rows) * lhs.row_stride;
  } else if (memory.row_a) {
    std::fill_n(memory.row_a, x.images * x.rows, quantization_.input->zero_point);
  }
  kernels::GemmOut out;
  out.c = y.data;
  out.c_image_stride = y.image_stride;
  out.c_row_bytes = static_cast<std::size_t>(y.row_stride);
  out.epilogue = base_epilogue(activation_, quantization_);
  set_columns(out.epilogue, terms_, weights_, dynamic());
  out.epilogue.row_scale = memory.row_scale;
  out.epilogue.row_a = memory.row_a;
  out.epilogue.row_b = memory.row_b;
  if (memory.row_b && input_ == RowInput::codes) kernels::row_sums(lhs, weights_, memory.row_b);
  kernels::gemm(lhs, weights_, out, executor);
}

}  // namespace lowbit
