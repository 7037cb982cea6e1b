// SPDX-License-Identifier: Apache-2.0
// Embedding: rows of a table by number, as token ids choose them. The table is quantized like weights, and
// the rows that are asked for are decoded on the way.
#pragma once

#include "lowbit/layers/op_common.h"

namespace lowbit::ops {

/// Integers [...] -> [..., width]. Numbers below zero count from the end; those outside of the table take the
/// nearest row.
struct EmbeddingOp {
  static constexpr std::string_view kName = "Embedding";
  static constexpr Arithmetic kArithmetic = Arithmetic::real;
  Tensor weight;  ///< [rows][width]

  template <class V>
  void visit_fields(V&& v) {
    v("weight", weight);
  }
};

/// Throws Error(shape_mismatch) for a table that is none, or numbers of as many dimensions as a shape can
/// have.
Shape infer_shape(const EmbeddingOp& op, std::span<const Shape> inputs);
std::unique_ptr<Step> make_step(const EmbeddingOp& op, const StepSpec& spec);

}  // namespace lowbit::ops
