// SPDX-License-Identifier: Apache-2.0
// Attention on codes, the same bits on every CPU. Codes less their zero points are words:
//
//   score = scale s_q s_k * sum of (q - z_q) (k - z_k) + mask      a whole number, then two roundings
//   weight = round(32767 e^(score - largest score)), 0 for NaN     layers/exp.h
//   y = s_v * sum of weight (v - z_v) / sum of weights             whole numbers, then double, rounded once
//
// Weights are 15 bits wide although all else has 8: those of many keys that matter little each add up. Sums
// of kKeys products stay in 32 bits (255 * 32767 * 256 < 2^31); those are added up in 64.
#include <cmath>

#include "layers/attention_steps.h"
#include "layers/exp.h"
#include "layers/word_panels.h"

namespace lowbit::ops {
namespace {

using kernels::kWordTile;

constexpr std::int64_t kKeys = 256;
constexpr float kOne = 32767.0f;

std::int16_t weight_of_score(float below_largest) {
  const float e = exp_of_nonpositive(below_largest);
  return e > 0.0f ? static_cast<std::int16_t>(std::floor(e * kOne + 0.5f)) : std::int16_t{0};
}

class AttentionInt8 final : public Step {
 public:
  AttentionInt8(const AttentionOp& op, const StepSpec& spec)
      : kernel_(kernels::select_word_kernel(spec.isa)),
        plan_(op, spec, 64),
        range_(code_range(*spec.output, {})) {
    const QParams &q = spec.inputs[0]->qparams, &k = spec.inputs[1]->qparams, &v = spec.inputs[2]->qparams;
    zero_q_ = q.zero_point, zero_k_ = k.zero_point, zero_v_ = v.zero_point;
    factor_ = static_cast<float>(static_cast<double>(q.scale) * static_cast<double>(k.scale) *
                                 static_cast<double>(op.scale));
    steps_ = static_cast<double>(v.scale) / static_cast<double>(spec.output->qparams.scale);
    const std::int64_t rows = plan_.block, n = plan_.keys.rows;
    depth_ = round_up(plan_.queries.size, 2);
    keys_ = round_up(n, kWordTile), even_keys_ = round_up(n, 2);
    sizes_ = round_up(plan_.values.size, kWordTile);
    // Each part begins at 64 bytes.
    room_[0] = scratch_bytes_of<std::int16_t>(rows * depth_);   // queries
    room_[1] = scratch_bytes_of<std::int16_t>(keys_ * depth_);  // keys
    room_[2] = scratch_bytes_of<std::int32_t>(
        rows * std::max(keys_, sizes_));                           // scores, then sums of kKeys products
    room_[3] = scratch_bytes_of<std::int16_t>(rows * even_keys_);  // weights
    room_[4] = scratch_bytes_of<std::int16_t>(sizes_ * std::min(even_keys_, kKeys));
    room_[5] =
        scratch_bytes_of<std::int64_t>(rows * (sizes_ + 1));  // sums, and those of the weights behind them
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
  std::size_t room() const {
    std::size_t sum = 0;
    for (const std::size_t part : room_) sum += part;
    return sum;
  }

  void run_block(const StepArgs& args, const AttentionBlock& b, std::byte* scratch) const {
    std::byte* parts[6];
    for (std::size_t i = 0; i < 6; scratch += room_[i++]) parts[i] = scratch;
    auto* queries = reinterpret_cast<std::int16_t*>(parts[0]);
    auto* keys = reinterpret_cast<std::int16_t*>(parts[1]);
    auto* scores = reinterpret_cast<std::int32_t*>(parts[2]);
    auto* weights = reinterpret_cast<std::int16_t*>(parts[3]);
    auto* values = reinterpret_cast<std::int16_t*>(parts[4]);
    auto* sums = reinterpret_cast<std::int64_t*>(parts[5]);
    word_rows(queries_of(args, b), depth_, queries);
    word_panels(keys_of(args, b), depth_, keys_, keys);
    kernels::WordProduct product{b.rows, keys_, depth_, queries, depth_, keys, scores, keys_};
    kernel_.multiply(product);
    const float* mask = plan_.mask_of(args, b);
    for (std::int64_t r = 0; r < b.rows; ++r)
      sums[b.rows * sizes_ + r] =
          weigh(scores + r * keys_, mask ? mask + r * plan_.mask[2] : nullptr, weights + r * even_keys_);
    std::fill_n(sums, b.rows * sizes_, std::int64_t{0});
    for (std::int64_t first = 0; first < even_keys_; first += kKeys) {
      const std::int64_t count = std::min(kKeys, even_keys_ - first);
      word_panels(values_of(args, b, first, count), count, sizes_, values);
      product = {b.rows, sizes_, count, weights + first, even_keys_, values, scores, sizes_};
      kernel_.multiply(product);
      for (std::int64_t i = 0; i < b.rows * sizes_; ++i) sums[i] += scores[i];
    }
    for (std::int64_t r = 0; r < b.rows; ++r) write(args, b, r, sums + r * sizes_, sums[b.rows * sizes_ + r]);
  }

  CodeMatrix queries_of(const StepArgs& args, const AttentionBlock& b) const {
    const Heads& q = plan_.queries;
    return {
        args.inputs[0].sample<const std::uint8_t>(b.sample) + q.at(b.item, b.head) + b.first * q.row_stride,
        b.rows,
        q.size,
        q.row_stride,
        1,
        zero_q_};
  }
  /// Columns are keys.
  CodeMatrix keys_of(const StepArgs& args, const AttentionBlock& b) const {
    const Heads& k = plan_.keys;
    return {args.inputs[1].sample<const std::uint8_t>(b.sample) + k.at(b.item, b.group),
            k.size,
            k.rows,
            1,
            k.row_stride,
            zero_k_};
  }
  /// Of up to `count` keys from `first` on.
  CodeMatrix values_of(const StepArgs& args, const AttentionBlock& b, std::int64_t first,
                       std::int64_t count) const {
    const Heads& v = plan_.values;
    return {
        args.inputs[2].sample<const std::uint8_t>(b.sample) + v.at(b.item, b.group) + first * v.row_stride,
        std::min(count, v.rows - first),
        v.size,
        v.row_stride,
        1,
        zero_v_};
  }

  /// Returns the sum of the weights.
  std::int64_t weigh(const std::int32_t* scores, const float* mask, std::int16_t* weights) const {
    const std::int64_t n = plan_.keys.rows;
    const auto score = [&](std::int64_t i) {
      const float s = static_cast<float>(scores[i]) * factor_;
      return mask ? s + mask[i * plan_.mask[3]] : s;
    };
    float largest = score(0);
    for (std::int64_t i = 1; i < n; ++i) largest = score(i) > largest ? score(i) : largest;
    std::int64_t sum = 0;
    for (std::int64_t i = 0; i < n; ++i) {
      weights[i] = weight_of_score(score(i) - largest);
      sum += weights[i];
    }
    if (n < even_keys_) weights[n] = 0;
    return sum;
  }

  void write(const StepArgs& args, const AttentionBlock& b, std::int64_t r, const std::int64_t* sums,
             std::int64_t weight) const {
    const Heads& out = plan_.out;
    auto* to =
        args.output.sample<std::uint8_t>(b.sample) + out.at(b.item, b.head) + (b.first + r) * out.row_stride;
    const double factor = weight > 0 ? steps_ / static_cast<double>(weight) : 0.0;
    for (std::int64_t i = 0; i < out.size; ++i)
      to[i] = u8_code(range_, static_cast<float>(static_cast<double>(sums[i]) * factor));
  }

  const kernels::WordKernel& kernel_;
  AttentionPlan plan_;
  CodeRange range_;
  int zero_q_ = 0, zero_k_ = 0, zero_v_ = 0;
  float factor_ = 1.0f;  ///< of a score
  double steps_ = 1.0;   ///< of the output's scale for one of the values'
  std::int64_t depth_ = 0, keys_ = 0, even_keys_ = 0, sizes_ = 0;
  std::array<std::size_t, 6> room_{};  ///< bytes of a task
};

}  // namespace

std::unique_ptr<Step> make_attention_int8(const AttentionOp& op, const StepSpec& spec) {
  for (std::size_t i = 0; i < 3; ++i) require_qparams(*spec.inputs[i], AttentionOp::kName);
  require_qparams(*spec.output, AttentionOp::kName);
  return std::make_unique<AttentionInt8>(op, spec);
}

}  // namespace lowbit::ops
