// SPDX-License-Identifier: Apache-2.0
// attention/<cache>/<queries>x<keys>: the Attention of a decoder with 32 heads of 128 elements, four to a
// head of keys, whose keys and values are rows in codes of 8 or 4 bits, beside the same in floats.
#include <benchmark/benchmark.h>

#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "comparison.h"
#include "core/random.h"
#include "lowbit/core/aligned_bytes.h"
#include "lowbit/kernels/cpu.h"
#include "lowbit/layers/attention.h"
#include "lowbit/layers/row_codes.h"
#include "registers.h"

namespace lowbit::bench {
namespace {

constexpr std::int64_t kHeads = 32, kGroups = 8, kSize = 128;

/// Attention on keys and values of one kind.
class CachedAttention {
 public:
  /// `bits`: 0 for floats.
  CachedAttention(std::int64_t queries, std::int64_t keys, int bits) {
    const Shape shape{1, kGroups, keys, kSize}, shape_q{1, kHeads, queries, kSize};
    const ValueType floats{shape_q, DType::f32, {}};
    const ValueType cache{shape, bits == 0 ? DType::f32 : DType::rows, {}, bits == 0 ? 8 : bits};
    types_ = {floats, cache, cache, floats};
    detail::Random random(1);
    for (const ValueType& type : types_) {
      memory_.push_back(aligned_bytes(type.sample_bytes()));
      std::vector<float> x(static_cast<std::size_t>(type.shape.elements()));
      for (float& v : x) v = random.gaussian();
      if (type.dtype == DType::rows)
        encode_rows(x.data(), kGroups * keys, kSize, bits, memory_.back().get());
      else
        std::memcpy(memory_.back().get(), x.data(), x.size() * sizeof(float));
    }
    op_.scale = 0.088f;
    ops::StepSpec spec;
    spec.inputs = {&types_[0], &types_[1], &types_[2]};
    spec.output = &types_[3];
    spec.isa = active_isa();
    step_ = ops::make_step(op_, spec);
    for (std::size_t i = 0; i < 3; ++i) inputs_.emplace_back(memory_[i].get(), &types_[i]);
    memory_.push_back(aligned_bytes(step_->scratch_bytes(1, 1) + 64));
  }
  CachedAttention(const CachedAttention&) = delete;
  CachedAttention& operator=(const CachedAttention&) = delete;

  void run() const {
    step_->run({1, inputs_, ops::TensorArg(memory_[3].get(), &types_[3]), memory_[4].get(), nullptr});
  }
  std::string kernel() const { return step_->kernel(); }

 private:
  ops::AttentionOp op_;
  std::vector<ValueType> types_;
  std::vector<AlignedBytes> memory_;
  std::vector<ops::TensorArg> inputs_;
  std::unique_ptr<ops::Step> step_;
};

struct AttentionBenchmark {
  AttentionBenchmark(std::int64_t queries, std::int64_t keys, int bits)
      : codes(queries, keys, bits), floats(queries, keys, 0) {
    times.add([this] { codes.run(); });
    times.add([this] { floats.run(); });
  }
  CachedAttention codes, floats;
  Comparison times;
};

void run_attention(benchmark::State& state, const std::string& name, std::int64_t queries, std::int64_t keys,
                   int bits) {
  auto& data = current(name, [&] { return std::make_unique<AttentionBenchmark>(queries, keys, bits); });
  data.times.measure(state);
  data.times.iterate(state);
  state.counters["x_fp32"] = data.times.ratio(1);
  state.SetLabel(data.codes.kernel());
}

}  // namespace

void register_attention_benchmarks() {
  struct Rows {
    std::int64_t queries, keys;
    bool in_short_set;
  };
  for (const int bits : {8, 4})
    for (const Rows& rows : {Rows{1, 256, false}, Rows{1, 4096, true}, Rows{64, 1024, false}}) {
      if (options().short_set && !rows.in_short_set) continue;
      const std::string name = "attention/rows" + std::to_string(bits) + "/" + std::to_string(rows.queries) +
                               "x" + std::to_string(rows.keys);
      benchmark::RegisterBenchmark(name.c_str(), run_attention, name, rows.queries, rows.keys, bits)
          ->Unit(benchmark::kMicrosecond);
    }
}

}  // namespace lowbit::bench
