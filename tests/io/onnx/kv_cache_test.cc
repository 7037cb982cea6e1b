// SPDX-License-Identifier: Apache-2.0
// Decoding with a cache of keys and values in codes, which grows from run to run.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "io/onnx/open_networks.h"
#include "lowbit/io/onnx/load.h"
#include "lowbit/layers/row_codes.h"
#include "lowbit/model/quantize.h"
#include "support/random.h"

namespace lowbit::testing {
namespace {

/// Attention of two heads of four elements over tokens of eight floats, behind none or some.
Model decoder() {
  OpenNetwork n;
  n.file = OnnxBuilder(23);
  n.open = {{"sequence", 1, 9}, {"past", 0, 20}};
  n.add_input("x", {"1", "sequence", "8"});
  for (const char* name : {"past_keys", "past_values"}) n.add_input(name, {"1", "2", "past", "4"});
  for (const std::string part : {"q", "k", "v"}) {
    n.file.random("w" + part, {8, 8});
    n.file.node("MatMul", {"x", "w" + part}, part);
  }
  n.file.node("Attention", {"q", "k", "v", "", "past_keys", "past_values"}, "y")
      .output("keys")
      .output("values")
      .with("q_num_heads", 2)
      .with("kv_num_heads", 2)
      .with("is_causal", 1);
  n.file.output("y").output("keys").output("values");
  const std::string bytes = n.file.bytes();
  return load_onnx(std::as_bytes(std::span(bytes)), "net.onnx", {}, {.open = n.open});
}

/// Tokens go in; keys and values go round, in codes or (bits 0) as floats. There are none at first.
class Decoding {
 public:
  Decoding(const Model& model, int bits) : model_(model), bits_(bits), workspace_(model) {}

  /// `x`: tokens of 8 floats.
  std::vector<float> step(const std::vector<float>& x) {
    using arrays::ArrayView;
    const std::int64_t count = std::ssize(x) / 8, all = past_ + count;
    std::vector<float> y(x.size());
    const auto floats = [](const Shape& shape) { return arrays::ArrayType{lowbit::ElementType::f32, shape}; };
    std::vector<ArrayView> in{{floats({1, count, 8}), x.data()},
                              {floats(cache(past_)), floats_[0].data()},
                              {floats(cache(past_)), floats_[1].data()}};
    std::vector<arrays::MutableArrayView> out{{floats({1, 1, count, 8}), y.data()}};
    std::vector<float> new_floats[2];
    std::vector<std::byte> new_rows[2];
    for (std::size_t i = 0; i < 2; ++i) {
      arrays::MutableArrayView& to = out.emplace_back();
      to.type = floats(cache(all));
      if (bits_ == 0) {
        new_floats[i].resize(static_cast<std::size_t>(cache(all).elements()));
        to.floats = new_floats[i].data();
      } else {
        in[i + 1].floats = nullptr, in[i + 1].rows = rows_[i].data();
        new_rows[i].resize(coded_rows_bytes(cache(all), bits_));
        to.rows = new_rows[i].data();
      }
    }
    run(model_, in, std::span<const arrays::MutableArrayView>(out), workspace_);
    for (std::size_t i = 0; i < 2; ++i) floats_[i] = new_floats[i], rows_[i] = new_rows[i];
    past_ = all;
    return y;
  }
  const std::vector<std::byte>& keys() const { return rows_[0]; }

 private:
  static Shape cache(std::int64_t tokens) { return {1, 2, tokens, 4}; }

  const Model& model_;
  int bits_;
  Workspace workspace_;
  std::int64_t past_ = 0;
  std::vector<float> floats_[2]{{0.0f}, {0.0f}};
  std::vector<std::byte> rows_[2];
};

std::vector<float> random_floats(std::size_t count, std::uint64_t seed) {
  Random random(seed);
  std::vector<float> x(count);
  for (float& v : x) v = random.gaussian();
  return x;
}

TEST(KvCache, DecodesTokenByToken) {
  const Model fp32 = decoder();
  for (const int bits : {8, 4}) {
    const Model model = quantize(fp32, {.scheme = "fp32", .kv_cache_bits = bits});
    Decoding exact(fp32, 0), coded(model, bits);
    double signal = 0, noise = 0;
    for (std::uint64_t token = 0; token < 20; ++token) {
      const std::vector<float> x = random_floats(8, token + 2), want = exact.step(x), got = coded.step(x);
      for (std::size_t i = 0; i < want.size(); ++i)
        signal += want[i] * want[i], noise += std::pow(got[i] - want[i], 2);
    }
    EXPECT_GT(10 * std::log10(signal / noise), bits == 8 ? 40 : 20);
    EXPECT_LT(10 * std::log10(signal / noise), 70) << "nothing was in codes";
  }
}

/// Rows do not depend on what is appended with them, nor attention on what is asked at a time.
TEST(KvCache, PartsOfAPromptGiveTheBitsOfTheWhole) {
  const Model fp32 = decoder();
  const std::vector<float> prompt = random_floats(64, 2);
  for (const int bits : {8, 4}) {
    const Model model = quantize(fp32, {.scheme = "int8-dynamic", .kv_cache_bits = bits});
    Decoding whole(model, bits), parts(model, bits);
    const std::vector<float> want = whole.step(prompt);
    std::vector<float> got;
    for (const std::ptrdiff_t end : {1, 5, 8}) {
      const std::vector<float> y = parts.step({prompt.begin() + std::ssize(got), prompt.begin() + end * 8});
      got.insert(got.end(), y.begin(), y.end());
    }
    EXPECT_EQ(got, want);
    EXPECT_EQ(parts.keys(), whole.keys());
  }
}

}  // namespace
}  // namespace lowbit::testing
