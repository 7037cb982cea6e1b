// SPDX-License-Identifier: Apache-2.0
// Attention: scaled dot-product attention of several heads (Vaswani et al. 2017), of grouped queries too
// (Ainslie et al. 2023). The scores of a query are never kept but for the rows that are computed at a time.
// On codes all products are of whole numbers and exact; the same bits on every CPU.
#pragma once

#include "lowbit/layers/op_common.h"

namespace lowbit::ops {

/// softmax(scale Q K^T + mask) V for each head of each batch item. Inputs: queries, keys, values and, as a
/// fourth one, a mask to add, of four dimensions that are those of the scores [B, H, M, N] or 1. There may be
/// fewer heads of keys and values, each for as many queries in a row. The mask stays floats beside codes; a
/// query that it hides from all keys by -infinity gets NaN in floats, 0 on codes. Keys and values may also be
/// rows in codes (row_codes.h), of 8 or 4 bits each, beside queries and a result of floats.
struct AttentionOp {
  static constexpr std::string_view kName = "Attention";
  static constexpr Arithmetic kArithmetic = Arithmetic::integer;
  float scale = 1.0f;
  /// The input (or the result) is [B, heads, rows, size]; else [B, rows, heads, size].
  bool queries_by_head = true, keys_by_head = true, values_by_head = true, result_by_head = true;

  template <class V>
  void visit_fields(V&& v) {
    v("scale", scale), v("queries_by_head", queries_by_head), v("keys_by_head", keys_by_head),
        v("values_by_head", values_by_head), v("result_by_head", result_by_head);
  }
};

/// Throws Error(shape_mismatch) for inputs that do not go together, Error(invalid_argument) for a scale that
/// is not finite.
Shape infer_shape(const AttentionOp& op, std::span<const Shape> inputs);
std::unique_ptr<Step> make_step(const AttentionOp& op, const StepSpec& spec);

}  // namespace lowbit::ops
