// SPDX-License-Identifier: Apache-2.0
// A block of a transformer as exporters write it: rows of a sequence, imported whole, with token ids and a
// mask or the rows themselves as inputs; normalized before its parts or behind them.
#pragma once

#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "lowbit/lowbit.h"
#include "support/random.h"

namespace lowbit::testing {

inline constexpr std::int64_t kTokens = 12, kFeatures = 24, kHeads = 3, kVocabulary = 40;

struct BlockOptions {
  bool ids = true;         ///< token ids and a mask; else floats
  bool post_norm = false;  ///< as BERT; else as GPT
  bool gated = false;      ///< x * sigmoid(x) times another product, as LLaMA; else GELU
  float outlier = 1.0f;    ///< times the scale of each normalization on every seventh channel
};

class BlockBuilder {
 public:
  explicit BlockBuilder(const BlockOptions& options, std::uint64_t seed) : options_(options), random_(seed) {
    g_.has_batch = false;
    ValueId x = options.ids ? embedded() : g_.add_value("rows", Shape{1, kTokens, kFeatures});
    if (!options.ids) g_.inputs = {x};
    if (options.post_norm) x = norm("embeddings norm", x);
    ValueId normed = options.post_norm ? x : norm("norm1", x);
    const ValueId rows = reshape("norm1/rows", normed, {kTokens, kFeatures});
    const ValueId residual = options.post_norm ? rows : reshape("rows/rows", x, {kTokens, kFeatures});
    x = add("sum1", attend(rows), residual);
    if (options.post_norm) x = norm("norm1", x);
    normed = options.post_norm ? x : norm("norm2", x);
    x = add("sum2", feed_forward(normed), x);
    x = norm("last norm", x);
    g_.outputs = {linear("head", x, 10)};
    if (options.post_norm) g_.outputs.push_back(x);
    infer_shapes(g_);
  }
  Graph graph() && { return std::move(g_); }

 private:
  ValueId embedded() {
    g_.inputs = {g_.add_value("ids", Shape{1, kTokens}), g_.add_value("mask", Shape{1, 1, 1, kTokens})};
    g_.values[0].element = ElementType::i64;
    ops::EmbeddingOp table;
    table.weight = Tensor(Shape{kVocabulary, kFeatures});
    // Features go together, as learned ones do.
    std::vector<float> basis(6 * kFeatures);
    for (float& b : basis) b = random_.gaussian();
    for (std::size_t row = 0; row < kVocabulary; ++row) {
      float* out = table.weight.data.data() + row * kFeatures;
      for (std::size_t k = 0; k < 6; ++k) {
        const float share = random_.gaussian();
        for (std::size_t c = 0; c < kFeatures; ++c) out[c] += share * basis[k * kFeatures + c];
      }
      for (std::size_t c = 0; c < kFeatures; ++c) out[c] += 0.2f * random_.gaussian();
    }
    const ValueId x = g_.add_node("embedding", std::move(table), {g_.inputs[0]});
    ops::BinaryOp positions;
    positions.constant = Tensor(Shape{1, kTokens, kFeatures});
    for (float& p : positions.constant.data) p = 0.3f * random_.gaussian();
    return g_.add_node("positions", std::move(positions), {x});
  }
  ValueId reshape(const std::string& name, ValueId in, std::vector<std::int64_t> shape) {
    return g_.add_node(name, ops::ReshapeOp{std::move(shape)}, {in});
  }
  ValueId add(const std::string& name, ValueId a, ValueId b) {
    return g_.add_node(name, ops::AddOp{}, {a, b});
  }
  ValueId linear(const std::string& name, ValueId in, std::int64_t out) {
    ops::LinearOp op;
    const std::int64_t size = g_.values[static_cast<std::size_t>(in)].shape[1];
    op.weight = Tensor(Shape{out, size});
    for (float& w : op.weight.data) w = random_.gaussian() / std::sqrt(static_cast<float>(size));
    for (std::int64_t i = 0; i < out; ++i) op.bias.push_back(0.1f * random_.gaussian());
    return g_.add_node(name, std::move(op), {in});
  }
  ValueId norm(const std::string& name, ValueId in) {
    ops::LayerNormOp op;
    for (std::int64_t c = 0; c < kFeatures; ++c) {
      op.scale.push_back((1 + 0.2f * random_.gaussian()) * (c % 7 == 3 ? options_.outlier : 1.0f));
      op.shift.push_back(0.1f * random_.gaussian());
    }
    op.is_centred = !options_.gated;
    return g_.add_node(name, std::move(op), {in});
  }
  ValueId attend(ValueId rows) {
    const std::int64_t size = kFeatures / kHeads;
    const auto heads = [&](const std::string& name) {
      return reshape(name + "/heads", linear(name, rows, kFeatures), {1, kTokens, kHeads, size});
    };
    const ValueId q = heads("queries"), k = heads("keys"), v = heads("values");
    std::vector<ValueId> in{q, k, v};
    if (options_.ids) in.push_back(g_.inputs[1]);
    const ValueId y = g_.add_node("attention", ops::AttentionOp{0.35f, false, false, false, false}, in);
    return linear("joined", reshape("joined/rows", y, {kTokens, kFeatures}), kFeatures);
  }
  ValueId feed_forward(ValueId rows) {
    ops::FunctionOp f;
    f.function = options_.gated ? ops::Function::silu : ops::Function::gelu;
    ValueId y = g_.add_node("activation", f, {linear(options_.gated ? "gate" : "up", rows, 2 * kFeatures)});
    if (options_.gated)
      y = g_.add_node("product", ops::BinaryOp{ops::BinaryFunction::mul},
                      {y, linear("up", rows, 2 * kFeatures)});
    return linear("down", y, kFeatures);
  }

  BlockOptions options_;
  Random random_;
  Graph g_;
};

inline Graph transformer_block(const BlockOptions& options = {}, std::uint64_t seed = 5) {
  return BlockBuilder(options, seed).graph();
}

/// Sentences whose last tokens the mask hides, for the block with two inputs.
inline SampleSet sentences(const Model& model, std::int64_t count, std::uint64_t seed) {
  Random random(seed);
  SampleSet set(model);
  for (std::int64_t i = 0; i < count; ++i) {
    arrays::Array ids({ElementType::i64, {1, kTokens}}), mask({ElementType::f32, {1, 1, 1, kTokens}});
    for (std::int64_t& id : ids.integers) id = random.integer(0, kVocabulary - 1);
    const std::int64_t length = random.integer(kTokens / 2, kTokens);
    for (std::int64_t t = length; t < kTokens; ++t) mask.floats[static_cast<std::size_t>(t)] = -30.0f;
    set.append(std::vector<arrays::ArrayView>{ids.view(), mask.view()}, 0);
  }
  return set;
}

/// The block's rows themselves.
inline SampleSet random_rows(const Model& model, std::int64_t count, std::uint64_t seed) {
  Random random(seed);
  SampleSet set(model);
  Tensor rows(Shape{1, kTokens, kFeatures});
  for (std::int64_t i = 0; i < count; ++i) {
    for (float& x : rows.data) x = random.gaussian();
    set.append(TensorView(rows), 0);
  }
  return set;
}

inline CalibrationTable calibrated(const Model& model, const SampleSet& samples) {
  return calibrate(model, std::vector<std::vector<arrays::ArrayView>>{samples.views()});
}

/// Of the first output.
inline double sqnr_on(const Model& fp32, const Model& quantized, const SampleSet& samples) {
  return compare(fp32, quantized, std::vector<std::vector<arrays::ArrayView>>{samples.views()})
      .outputs[0]
      .error.sqnr_db;
}

}  // namespace lowbit::testing
