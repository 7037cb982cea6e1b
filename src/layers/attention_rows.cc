// SPDX-License-Identifier: Apache-2.0
// Attention of queries that are floats on keys and values that are rows in codes (row_codes.h), the same bits
// on every CPU. Queries become words of up to 15 bits and a sign, each with a scale s_q of its own; t is
// 2^bits - 1:
//
//   score = scale s_q (s_k / 2 * (sum of q (2 k - t)) + m_k * sum of q) + mask     whole numbers, then floats
//   e = exp(score - largest score)                                   kernels/functions
//   weight = round(32767 e s_v / largest e s_v)
//   y = (largest e s_v / 32767 / 2 * (sum of weight (2 v - t)) + sum of e m_v) / sum of e
//
// with whole numbers in the sums of codes, and double in the last line, rounded once. Sums of kKeyBlock
// products stay in 32 bits (255 * 32767 * 256 < 2^31); those are added up in 64. Keys and values are read as
// they lie. All queries that read the same ones, of several heads as well, are a block.
#include <cmath>
#include <limits>

#include "kernels/functions/function_kernel.h"
#include "kernels/rows/row_kernel.h"
#include "layers/attention_steps.h"
#include "layers/coded_row.h"
#include "layers/word_panels.h"
#include "lowbit/core/packing.h"

namespace lowbit::ops {
namespace {

constexpr std::int64_t kKeyBlock = 256, kMostRows = 64;
constexpr float kMostWord = 32767.0f;

/// Rows in codes of one kind.
struct CodedRows {
  std::int64_t size = 0, bytes = 0, columns = 0;  ///< columns: size, or one more that is none
  int bits = 8;

  CodedRows() = default;
  explicit CodedRows(const ValueType& type)
      : size(type.shape[3]),
        bytes(static_cast<std::int64_t>(packed_bytes(static_cast<std::size_t>(size), type.bits))),
        columns(bytes * (8 / type.bits)),
        bits(type.bits) {}
  int top() const { return (1 << bits) - 1; }
  /// Where the kernels have column `i` of a row.
  std::int64_t place(std::int64_t i) const { return bits == 8 ? i : i % 2 * bytes + i / 2; }
};

class AttentionRows final : public Step {
 public:
  AttentionRows(const AttentionOp& op, const StepSpec& spec)
      : kernel_(kernels::select_row_kernel(spec.isa)),
        functions_(kernels::select_function_kernel(spec.isa)),
        plan_(op, spec, most_rows(op, spec)),
        keys_(*spec.inputs[1]),
        values_(*spec.inputs[2]),
        scale_(op.scale) {
    plan_.heads_together = plan_.queries.heads / plan_.keys.heads;
    most_word_ = std::min(kMostWord, std::floor(static_cast<float>(std::numeric_limits<std::int32_t>::max() /
                                                                   256 / keys_.columns)));
    const std::int64_t rows = plan_.block * plan_.heads_together, n = plan_.keys.rows;
    // Each part begins at 64 bytes.
    room_[0] = scratch_bytes_of<std::int16_t>(rows * keys_.columns);
    room_[1] = scratch_bytes_of<Query>(rows);
    room_[2] = scratch_bytes_of<std::int32_t>(std::max(rows * n, rows * values_.columns));
    room_[3] = scratch_bytes_of<float>(n);
    room_[4] = scratch_bytes_of<std::int16_t>(rows * n);
    room_[5] = scratch_bytes_of<RowParameters>(n);
    room_[6] = scratch_bytes_of<RowParameters>(n);
    room_[7] = scratch_bytes_of<std::int64_t>(rows * values_.columns);
  }

  std::size_t scratch_bytes(std::int64_t, int concurrency) const override {
    return room() * static_cast<std::size_t>(concurrency);
  }

  void run(const StepArgs& args) const noexcept override {
    plan_.for_blocks(args, [&](const AttentionBlock& block, int task) {
      run_block(args, block, args.scratch + static_cast<std::size_t>(task) * room());
    });
  }
  std::string kernel() const override { return kernel_.name; }

 private:
  /// What is known of one row of queries.
  struct Query {
    float step = 0.0f;            ///< s_q
    std::int64_t words = 0;       ///< their sum
    std::int64_t weights = 0;     ///< theirs
    double sum = 0, middles = 0;  ///< of e, and of e m_v
    float most = 0.0f;            ///< the largest e s_v
  };

  struct Scratch {
    std::int16_t* words;
    Query* queries;
    std::int32_t* dots;
    float* scores;
    std::int16_t* weights;
    RowParameters *keys, *values;
    std::int64_t* sums;
  };

  static std::int64_t most_rows(const AttentionOp& op, const StepSpec& spec) {
    const Heads q(*spec.inputs[0], op.queries_by_head), k(*spec.inputs[1], op.keys_by_head);
    return std::max<std::int64_t>(1, kMostRows / (q.heads / k.heads));
  }

  std::size_t room() const {
    std::size_t sum = 0;
    for (const std::size_t part : room_) sum += part;
    return sum;
  }

  Scratch parts_of(std::byte* memory) const {
    std::byte* parts[8];
    for (std::size_t i = 0; i < 8; memory += room_[i++]) parts[i] = memory;
    return {reinterpret_cast<std::int16_t*>(parts[0]),  reinterpret_cast<Query*>(parts[1]),
            reinterpret_cast<std::int32_t*>(parts[2]),  reinterpret_cast<float*>(parts[3]),
            reinterpret_cast<std::int16_t*>(parts[4]),  reinterpret_cast<RowParameters*>(parts[5]),
            reinterpret_cast<RowParameters*>(parts[6]), reinterpret_cast<std::int64_t*>(parts[7])};
  }

  void run_block(const StepArgs& args, const AttentionBlock& b, std::byte* memory) const {
    const Scratch s = parts_of(memory);
    const Heads &k = plan_.keys, &v = plan_.values;
    const std::int64_t n = k.rows, rows = b.rows * plan_.heads_together;
    const std::byte* keys = args.inputs[1].sample<const std::byte>(b.sample) + k.at(b.item, b.group);
    const std::byte* values = args.inputs[2].sample<const std::byte>(b.sample) + v.at(b.item, b.group);
    read_parameters(keys + keys_.bytes, k.row_stride, s.keys);
    read_parameters(values + values_.bytes, v.row_stride, s.values);
    for_rows(b, [&](std::int64_t r, std::int64_t head, std::int64_t row) {
      const Heads& q = plan_.queries;
      const float* x = args.inputs[0].sample<const float>(b.sample) + q.at(b.item, head) + row * q.row_stride;
      s.queries[r] = quantize(x, s.words + r * keys_.columns);
    });
    kernels::RowProduct product{rows,
                                n,
                                keys_.bytes,
                                s.words,
                                keys_.columns,
                                reinterpret_cast<const std::uint8_t*>(keys),
                                k.row_stride,
                                s.dots,
                                n};
    (keys_.bits == 8 ? kernel_.dot8 : kernel_.dot4)(product);
    for_rows(b, [&](std::int64_t r, std::int64_t head, std::int64_t row) {
      score(s, r, plan_.has_mask ? mask_of(args, b, head, row) : nullptr);
      weigh(s, r);
    });
    average(s, rows, values);
    for_rows(b, [&](std::int64_t r, std::int64_t head, std::int64_t row) {
      const Heads& out = plan_.out;
      write(s.queries[r], s.sums + r * values_.columns,
            args.output.sample<float>(b.sample) + out.at(b.item, head) + row * out.row_stride);
    });
  }

  /// Calls body(row of the block, head, row of queries).
  template <class Body>
  void for_rows(const AttentionBlock& b, Body&& body) const {
    std::int64_t r = 0;
    for (std::int64_t head = b.head; head < b.head + plan_.heads_together; ++head)
      for (std::int64_t row = b.first; row < b.first + b.rows; ++row) body(r++, head, row);
  }

  const float* mask_of(const StepArgs& args, AttentionBlock b, std::int64_t head, std::int64_t row) const {
    b.head = head, b.first = row;
    return plan_.mask_of(args, b);
  }

  void read_parameters(const std::byte* first, std::int64_t stride, RowParameters* to) const {
    for (std::int64_t j = 0; j < plan_.keys.rows; ++j) to[j] = read_row_parameters(first + j * stride);
  }

  Query quantize(const float* x, std::int16_t* words) const {
    float largest = 0.0f;
    for (std::int64_t i = 0; i < keys_.size; ++i) {
      const float magnitude = std::fabs(x[i]);
      if (magnitude <= std::numeric_limits<float>::max()) largest = magnitude > largest ? magnitude : largest;
    }
    Query query;
    query.step = largest / most_word_;
    if (keys_.size < keys_.columns) words[keys_.columns - 1] = 0;
    for (std::int64_t i = 0; i < keys_.size; ++i) {
      float w = std::floor(x[i] / query.step + 0.5f);
      w = w < -most_word_ ? -most_word_ : w > most_word_ ? most_word_ : w == w ? w : 0.0f;
      words[keys_.place(i)] = static_cast<std::int16_t>(w);
      query.words += static_cast<std::int64_t>(w);
    }
    return query;
  }

  void score(const Scratch& s, std::int64_t r, const float* mask) const {
    const std::int64_t n = plan_.keys.rows;
    const Query& query = s.queries[r];
    const std::int32_t* dots = s.dots + r * n;
    const auto all = static_cast<std::uint32_t>(keys_.top() * query.words);
    const float step = scale_ * query.step, half = step * 0.5f,
                middle = step * static_cast<float>(query.words);
    for (std::int64_t j = 0; j < n; ++j) {
      // The difference fits 32 bits again.
      const auto sum = static_cast<std::int32_t>(2u * static_cast<std::uint32_t>(dots[j]) - all);
      s.scores[j] = static_cast<float>(sum) * (half * s.keys[j].scale) + middle * s.keys[j].middle;
    }
    if (mask)
      for (std::int64_t j = 0; j < n; ++j) s.scores[j] += mask[j * plan_.mask[3]];
  }

  void weigh(const Scratch& s, std::int64_t r) const {
    const std::int64_t n = plan_.keys.rows;
    Query& query = s.queries[r];
    float* e = s.scores;
    const float largest = functions_.largest(e, static_cast<std::size_t>(n));
    query.sum = functions_.exp_sum(e, static_cast<std::size_t>(n), largest, e);
    for (std::int64_t j = 0; j < n; ++j) {
      query.middles += static_cast<double>(e[j]) * static_cast<double>(s.values[j].middle);
      e[j] *= s.values[j].scale;
      query.most = e[j] > query.most ? e[j] : query.most;
    }
    const float factor = kMostWord / query.most;
    std::int16_t* weights = s.weights + r * n;
    for (std::int64_t j = 0; j < n; ++j) {
      const float w = e[j] * factor + 0.5f;
      weights[j] = static_cast<std::int16_t>(w >= 0.0f ? w < kMostWord ? w : kMostWord : 0.0f);
      query.weights += weights[j];
    }
  }

  void average(const Scratch& s, std::int64_t rows, const std::byte* values) const {
    const std::int64_t n = plan_.keys.rows, columns = values_.columns, stride = plan_.values.row_stride;
    std::fill_n(s.sums, rows * columns, std::int64_t{0});
    for (std::int64_t first = 0; first < n; first += kKeyBlock) {
      const auto* codes = reinterpret_cast<const std::uint8_t*>(values + first * stride);
      const kernels::RowProduct product{
          rows,   std::min(kKeyBlock, n - first), values_.bytes, s.weights + first, n, codes, stride, s.dots,
          columns};
      (values_.bits == 8 ? kernel_.sum8 : kernel_.sum4)(product);
      for (std::int64_t i = 0; i < rows * columns; ++i) s.sums[i] += s.dots[i];
    }
  }

  /// Zeros where all keys are hidden.
  void write(const Query& query, const std::int64_t* sums, float* to) const {
    const bool any = query.sum > 0 && std::isfinite(query.sum);
    const double factor = any ? static_cast<double>(query.most) / (2.0 * 32767.0 * query.sum) : 0.0;
    const double middle = any ? query.middles / query.sum : 0.0;
    const std::int64_t all = values_.top() * query.weights;
    for (std::int64_t i = 0; i < values_.size; ++i)
      to[i] = static_cast<float>(static_cast<double>(2 * sums[values_.place(i)] - all) * factor + middle);
  }

  const kernels::RowKernel& kernel_;
  const kernels::FunctionKernel& functions_;
  AttentionPlan plan_;
  CodedRows keys_, values_;
  float scale_;
  float most_word_ = kMostWord;
  std::array<std::size_t, 8> room_{};  ///< bytes of a task
};

}  // namespace

std::unique_ptr<Step> make_attention_rows(const AttentionOp& op, const StepSpec& spec) {
  // Sums over wider heads leave queries too few bits.
  constexpr std::int64_t kWidest = 8192;
  if (spec.inputs[1]->shape[3] > kWidest)
    throw Error(ErrorCode::unsupported, "Attention on rows in codes takes heads of up to 8192 elements");
  return std::make_unique<AttentionRows>(op, spec);
}

}  // namespace lowbit::ops
