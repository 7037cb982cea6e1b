// SPDX-License-Identifier: Apache-2.0
// Weights of a layer as constants of ONNX: floats, codes behind a DequantizeLinear, or codes for integer
// products.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "io/onnx_export/graph_writer.h"
#include "lowbit/quant/quantized_matrix.h"

namespace lowbit::onnx_export {

/// DequantizeLinear has a scale for each block, and types of 4 bits, from this operator set on.
inline constexpr std::int64_t kOpsetOfBlocks = 21;

/// Whether the weights of that node will be written in blocks or in 4 bits.
bool weights_need_blocks(const GraphWriter& w, int number);

class WrittenWeights {
 public:
  /// Channels, height and width of what a row multiplies, where the matrix has the channels of a pixel side
  /// by side, and ONNX the pixels of a channel.
  using Image = std::array<std::int64_t, 3>;
  /// `weight` is the node's own. Without an image columns are in the order of ONNX.
  WrittenWeights(GraphWriter& w, int number, const Tensor& weight, const Image& image = {});

  std::int64_t rows() const { return rows_; }
  /// Whether they are integers with one scale for each row, as integer operators of ONNX take them.
  bool are_integers() const { return are_integers_; }
  /// Of integers, one for each row.
  const Floats& scales() const { return scales_; }

  /// A float tensor of these dimensions, [rows][...].
  std::string by_rows(const Integers& dims);
  /// A float tensor [columns][rows].
  std::string by_columns();
  /// Integers, s8.
  std::string integers_by_rows(const Integers& dims);
  std::string integers_by_columns();
  bool have_zero_points() const { return coded_ && !coded_->zero_points.empty(); }
  /// One for each row.
  std::string zero_points();
  /// Codes of MatMulNBits where it has such: names of codes, scales and zero points.
  struct NBits {
    std::int64_t bits = 4, block = 32;
    std::string codes, scales, zero_points;
  };
  std::optional<NBits> nbits();

 private:
  bool is_image() const { return image_[0] > 0; }
  /// Of the matrix, in which column i of ONNX lies.
  std::int64_t column(std::int64_t i) const;
  std::int32_t stored(std::int64_t r, std::int64_t c) const;
  std::int32_t stored_zero(std::int64_t r, std::int64_t g) const;
  Floats values() const;
  std::string stored_codes(bool by_columns, const Integers& dims);
  std::string dequantized(bool by_columns, const Integers& dims);
  std::string blocks(bool by_columns);
  std::string image_blocks();

  GraphWriter& w_;
  const Tensor& weight_;
  Image image_;
  std::optional<QuantizedMatrix> coded_{};  // affine codes, or integers that stand for others
  std::int64_t rows_ = 0, cols_ = 0;
  bool are_integers_ = false, is_table_ = false;
  Floats scales_{};
};

}  // namespace lowbit::onnx_export
