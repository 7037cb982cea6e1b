// SPDX-License-Identifier: Apache-2.0
// What the steps of Attention share: where heads lie, and how the work is shared out.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>

#include "layers/step_common.h"
#include "lowbit/layers/attention.h"

namespace lowbit::ops {

/// A sample [B, heads, rows, size] or [B, rows, heads, size]; strides in elements.
struct Heads {
  std::int64_t batch = 1, heads = 1, rows = 1, size = 1;
  std::int64_t batch_stride = 0, head_stride = 0, row_stride = 0;

  Heads() = default;
  /// `stride`: from one line of `size` elements to the next.
  Heads(const Shape& shape, bool by_head, std::int64_t stride)
      : batch(shape[0]), heads(shape[by_head ? 1 : 2]), rows(shape[by_head ? 2 : 1]), size(shape[3]) {
    head_stride = by_head ? rows * stride : stride;
    row_stride = by_head ? stride : heads * stride;
    batch_stride = heads * rows * stride;
  }
  Heads(const ValueType& type, bool by_head) : Heads(type.shape, by_head, type.layout().pixel_stride) {}
  std::int64_t at(std::int64_t b, std::int64_t h) const { return b * batch_stride + h * head_stride; }
};

/// Strides of the axes [B, H, M, N] in a mask, 0 where it has one element for all.
std::array<std::int64_t, 4> mask_strides(const Shape& mask);

/// A block of queries of one head of one item of one sample.
struct AttentionBlock {
  std::int64_t sample = 0, item = 0, head = 0, group = 0;  ///< the first head; group: that of keys and values
  std::int64_t first = 0, rows = 0;                        ///< queries
};

/// Where everything lies, and the blocks that the work falls into.
struct AttentionPlan {
  Heads queries, keys, values, out;
  bool has_mask = false;
  std::array<std::int64_t, 4> mask{};  ///< strides
  std::int64_t block = 1, blocks = 1;  ///< of queries
  std::int64_t heads_together = 1;     ///< of queries, in a block; they read the same keys

  AttentionPlan(const AttentionOp& op, const StepSpec& spec, std::int64_t most_rows);

  /// The mask of the first query of a block, or null.
  const float* mask_of(const StepArgs& args, const AttentionBlock& b) const;

  /// Calls body(block, number of the task) for all blocks; tasks run at the same time.
  template <class Body>
  void for_blocks(const StepArgs& args, Body&& body) const {
    constexpr std::int64_t kParallelWork = 500000;  // multiplications that are worth a second thread
    const std::int64_t count = args.batch * queries.batch * (queries.heads / heads_together) * blocks;
    const std::int64_t work = count * heads_together * block * keys.rows * (queries.size + values.size);
    for_shares(args, count, work, kParallelWork, [&](std::int64_t i, int t) { body(number(i), t); });
  }

 private:
  AttentionBlock number(std::int64_t i) const {
    AttentionBlock b;
    b.first = i % blocks * block;
    b.rows = std::min(block, queries.rows - b.first);
    const std::int64_t head = i / blocks * heads_together, item = head / queries.heads;
    b.head = head % queries.heads;
    b.group = b.head / (queries.heads / keys.heads);
    b.item = item % queries.batch, b.sample = item / queries.batch;
    return b;
  }
};

std::unique_ptr<Step> make_attention_fp32(const AttentionOp& op, const StepSpec& spec);
/// Queries, keys, values and the result are codes; the mask is floats.
std::unique_ptr<Step> make_attention_int8(const AttentionOp& op, const StepSpec& spec);
/// Keys and values are rows in codes; the rest is floats.
std::unique_ptr<Step> make_attention_rows(const AttentionOp& op, const StepSpec& spec);

}  // namespace lowbit::ops
