// SPDX-License-Identifier: Apache-2.0
// The product y = W x + b over rows: what lowbit::Linear and the Linear step of a model share. Rows are u8
// codes, floats that are quantized first, or floats that are multiplied as they are.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "layers/epilogue_terms.h"
#include "layers/row_input.h"
#include "layers/row_memory.h"
#include "layers/sign_bits.h"
#include "layers/weight_restorer.h"
#include "lowbit/kernels/gemm.h"
#include "lowbit/quant/effective.h"
#include "lowbit/runtime/executor.h"

namespace lowbit {

/// `rows` rows for each of `images` images; strides in bytes.
struct RowBlock {
  void* data = nullptr;
  std::size_t images = 1, rows = 0;
  std::ptrdiff_t image_stride = 0, row_stride = 0;
};

class LinearProduct {
 public:
  struct Rows {
    std::int64_t first, count;  ///< -1: all
  };
  /// Packs these rows of `weights`, keeping no reference to them; `bias` is theirs. Throws as
  /// EffectiveWeights, PackedWeights and ColumnTerms.
  LinearProduct(const QuantizedMatrix& weights, RowInput input, std::span<const float> bias,
                const LayerQuantization& quantization, const ops::Activation& activation, Isa isa,
                SignScale signs = SignScale::mean, Rows rows = {0, -1});

  const kernels::PackedWeights& weights() const { return weights_; }
  const WeightRestorer& restorer() const { return restorer_; }
  /// Scratch memory for so many rows, 64-byte aligned.
  std::size_t scratch_bytes(std::size_t rows) const { return carve(nullptr, rows).bytes; }
  /// Rows of `y` are u8 codes where the quantization has an output, else floats.
  void run(const RowBlock& x, const RowBlock& y, std::byte* scratch, Executor& executor) const noexcept;

 private:
  LinearProduct(const EffectiveWeights& weights, RowInput input, std::span<const float> bias,
                const LayerQuantization& quantization, const ops::Activation& activation, Isa isa,
                SignScale signs, Rows rows);

  bool dynamic() const { return input_ == RowInput::quantize && !quantization_.input; }
  bool makes_codes() const { return input_ == RowInput::quantize || input_ == RowInput::signs; }
  std::size_t code_stride() const {
    return align64(input_ == RowInput::signs ? sign_bytes(weights_.k()) : weights_.k());
  }
  RowMemory carve(std::byte* block, std::size_t rows) const;
  void quantize_row(const float* x, std::size_t row, const RowMemory& memory) const noexcept;
  void quantize_rows(const RowBlock& x, const RowMemory& memory, Executor& executor) const noexcept;

  RowInput input_;
  SignScale signs_;
  LayerQuantization quantization_;
  ops::Activation activation_;
  WeightRestorer restorer_;
  kernels::PackedWeights weights_;
  ColumnTerms terms_;
};

}  // namespace lowbit
