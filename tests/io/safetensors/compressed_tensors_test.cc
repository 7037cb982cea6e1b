// SPDX-License-Identifier: Apache-2.0
// Layers of quantized checkpoints, against the arithmetic of the formats done here, and back.
#include "lowbit/io/safetensors/compressed_tensors.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstring>

#include "lowbit/layers/linear.h"
#include "lowbit/quant/affine.h"
#include "lowbit/quant/block_float.h"
#include "support/error_of.h"
#include "support/random.h"

namespace lowbit {
namespace {

using testing::error_of;
using testing::says;
using T = SafetensorsType;

template <class V>
std::vector<std::byte> raw(const std::vector<V>& values) {
  const auto bytes = std::as_bytes(std::span(values));
  return {bytes.begin(), bytes.end()};
}

std::vector<float> floats_of_matrix(const QuantizedMatrix& q) {
  std::vector<float> y(static_cast<std::size_t>(q.rows * q.cols));
  dequantize(q, MutableMatrixView(y.data(), q.rows, q.cols));
  return y;
}

float bfloat(testing::Random& random) {
  const auto bits = static_cast<std::uint32_t>(random.integer(0x3a00, 0x3fff)) << 16;
  return std::bit_cast<float>(bits);
}

float fp4(unsigned code) {
  const float values[] = {0, 0.5f, 1, 1.5f, 2, 3, 4, 6};
  return code & 8 ? -values[code & 7] : values[code & 7];
}

float fp8(unsigned code) {
  const int exponent = static_cast<int>(code >> 3 & 15), mantissa = static_cast<int>(code & 7);
  const float magnitude = exponent == 0 ? std::ldexp(static_cast<float>(mantissa), -9)
                                        : std::ldexp(static_cast<float>(8 + mantissa), exponent - 10);
  return code & 0x80 ? -magnitude : magnitude;
}

/// A file with one layer "up", and what its weights stand for.
struct Sample {
  SafetensorsWriter writer{};
  std::int64_t rows = 0, cols = 0;
  std::vector<float> expected{};

  std::vector<std::byte> bytes() const { return writer.bytes(); }
};

/// Read, compared, written into the same file, compared.
CompressedWeights expect_round_trip(const Sample& sample, const CompressedConfig* config = nullptr) {
  const std::vector<std::byte> bytes = sample.bytes();
  const SafetensorsFile file(bytes);
  EXPECT_EQ(compressed_layers(file), std::vector<std::string>{"up"});
  CompressedWeights w = read_compressed(file, "up", config);
  EXPECT_EQ(w.matrix.rows, sample.rows);
  const std::vector<float> values = floats_of_matrix(w.matrix);
  EXPECT_EQ(values.size(), sample.expected.size());
  EXPECT_EQ(std::memcmp(values.data(), sample.expected.data(), values.size() * sizeof(float)), 0);
  SafetensorsWriter same(file);
  add_compressed(same, "up", w);
  EXPECT_EQ(same.bytes(), bytes);
  SafetensorsWriter anew;
  add_compressed(anew, "up", w);
  EXPECT_EQ(anew.bytes(), bytes);
  return w;
}

/// Codes in int32 words, as the format's documents have them: word i has codes i * 32 / bits and on.
std::vector<std::int32_t> packed_words(const std::vector<int>& codes, std::size_t count, std::size_t step,
                                       std::size_t first, int bits) {
  std::vector<std::int32_t> words((count * static_cast<std::size_t>(bits) + 31) / 32, 0);
  for (std::size_t i = 0; i < count; ++i) {
    const auto code = static_cast<std::uint64_t>(codes[first + i * step] + (1 << (bits - 1)));
    const std::size_t bit = i * static_cast<std::size_t>(bits);
    const std::uint64_t both = code << (bit % 32);
    words[bit / 32] |= static_cast<std::int32_t>(static_cast<std::uint32_t>(both));
    if (both >> 32) words[bit / 32 + 1] |= static_cast<std::int32_t>(both >> 32);
  }
  return words;
}

Sample pack_quantized(int bits, std::int64_t rows, std::int64_t cols, std::int64_t groups, bool with_zeros,
                      T scale_type = T::bf16) {
  testing::Random random(static_cast<std::uint64_t>(bits * 100 + groups));
  Sample s{.rows = rows, .cols = cols};
  const auto n = static_cast<std::size_t>(rows * cols), m = static_cast<std::size_t>(rows * groups);
  const int half = 1 << (bits - 1);
  std::vector<int> codes(n), zeros(m, 0);
  std::vector<float> scales(m);
  for (int& c : codes) c = static_cast<int>(random.integer(-half, half - 1));
  for (int& z : zeros) z = with_zeros ? static_cast<int>(random.integer(-half, half - 1)) : 0;
  for (float& x : scales) x = bfloat(random);
  for (std::int64_t r = 0; r < rows; ++r)
    for (std::int64_t c = 0; c < cols; ++c) {
      const auto g = static_cast<std::size_t>(r * groups + c / (cols / groups));
      s.expected.push_back(static_cast<float>(codes[static_cast<std::size_t>(r * cols + c)] - zeros[g]) *
                           scales[g]);
    }
  std::vector<std::int32_t> words;
  const auto width = static_cast<std::size_t>(cols), height = static_cast<std::size_t>(rows);
  for (std::size_t r = 0; r < height; ++r) {
    const auto row = packed_words(codes, width, 1, r * width, bits);
    words.insert(words.end(), row.begin(), row.end());
  }
  s.writer.add("up.weight_packed", T::i32, {rows, static_cast<std::int64_t>(words.size() / height)},
               raw(words));
  s.writer.add("up.weight_scale", scale_type, {rows, groups}, scales);
  s.writer.add("up.weight_shape", T::i64, {2}, raw(std::vector<std::int64_t>{rows, cols}));
  if (with_zeros) {  // packed along rows: word w of column g
    const auto step = static_cast<std::size_t>(groups);
    const std::size_t per_column = packed_words(zeros, height, step, 0, bits).size();
    std::vector<std::int32_t> all(per_column * step);
    for (std::size_t g = 0; g < step; ++g) {
      const auto column = packed_words(zeros, height, step, g, bits);
      for (std::size_t w = 0; w < per_column; ++w) all[w * step + g] = column[w];
    }
    s.writer.add("up.weight_zero_point", T::i32, {static_cast<std::int64_t>(per_column), groups}, raw(all));
  }
  return s;
}

TEST(CompressedTensors, PackQuantized) {
  for (const bool zeros : {false, true}) {
    const CompressedWeights w4 = expect_round_trip(pack_quantized(4, 10, 128, 4, zeros));
    EXPECT_EQ(w4.format, CompressedFormat::pack_quantized);
    EXPECT_EQ(w4.matrix.format, WeightFormat::u4);
    EXPECT_EQ(w4.matrix.zero_points.empty(), !zeros);
    EXPECT_EQ(w4.bits, 4);
    const CompressedWeights w8 = expect_round_trip(pack_quantized(8, 6, 64, 2, zeros, T::f16));
    EXPECT_EQ(w8.matrix.format, WeightFormat::s8);
    expect_round_trip(pack_quantized(4, 9, 44, 1, zeros, T::f32));
    expect_round_trip(pack_quantized(8, 3, 5, 1, zeros));
    for (const int bits : {2, 3, 5, 6, 7})
      EXPECT_EQ(expect_round_trip(pack_quantized(bits, 7, 96, 3, zeros)).bits, bits);
  }
}

// One word a row for 4 codes or fewer, whatever their width: the config says it.
TEST(CompressedTensors, TheConfigSaysWhatSizesDoNot) {
  const CompressedConfig config =
      parse_compressed_config(R"({"quantization_config": {"quant_method": "compressed-tensors",
      "format": "pack-quantized", "ignore": ["lm_head"], "config_groups": {"group_0": {"targets": ["Linear"],
      "weights": {"num_bits": 8, "type": "int", "symmetric": true, "strategy": "channel", "group_size": null}}}}})");
  ASSERT_EQ(config.groups.size(), 1u);
  EXPECT_EQ(config.format, CompressedFormat::pack_quantized);
  EXPECT_EQ(config.groups[0].strategy, "channel");
  EXPECT_EQ(config.group_of("lm_head"), nullptr);
  const Sample sample = pack_quantized(8, 4, 4, 1, false);
  EXPECT_EQ(expect_round_trip(sample, &config).bits, 8);
  const std::vector<std::byte> bytes = sample.bytes();
  EXPECT_EQ(read_compressed(SafetensorsFile(bytes), "up").bits, 4);
}

TEST(CompressedTensors, IntQuantized) {
  testing::Random random(1);
  for (const std::int64_t scale_count : {1, 5}) {
    for (const bool with_zeros : {false, true}) {
      Sample s{.rows = 5, .cols = 12};
      std::vector<std::int8_t> codes(60), zeros(static_cast<std::size_t>(scale_count));
      std::vector<float> scales(zeros.size());
      for (std::int8_t& c : codes) c = static_cast<std::int8_t>(random.next());
      for (std::int8_t& z : zeros) z = static_cast<std::int8_t>(with_zeros ? random.next() : 0);
      for (float& x : scales) x = bfloat(random);
      for (std::size_t i = 0; i < 60; ++i) {
        const std::size_t at = scale_count == 1 ? 0 : i / 12;
        s.expected.push_back(static_cast<float>(codes[i] - zeros[at]) * scales[at]);
      }
      const std::vector<std::int64_t> shape =
          scale_count == 1 ? std::vector<std::int64_t>{1} : std::vector<std::int64_t>{5, 1};
      s.writer.add("up.weight", T::i8, {5, 12}, raw(codes));
      s.writer.add("up.weight_scale", T::bf16, shape, scales);
      // Zeros of a symmetric layer are there in older files.
      s.writer.add("up.weight_zero_point", T::i8, shape, raw(zeros));
      const CompressedWeights w = expect_round_trip(s);
      EXPECT_EQ(w.format, CompressedFormat::int_quantized);
      EXPECT_EQ(w.matrix.zero_points.empty(), !with_zeros);
    }
  }
}

TEST(CompressedTensors, FloatQuantized) {
  testing::Random random(2);
  struct Case {
    std::vector<std::int64_t> scale_shape;
    std::int64_t block_rows, block_cols;
  };
  for (const Case& c :
       {Case{{}, 6, 16}, {{1}, 6, 16}, {{6, 1}, 1, 16}, {{6}, 1, 16}, {{6, 4}, 1, 4}, {{3, 2}, 2, 8}}) {
    Sample s{.rows = 6, .cols = 16};
    std::vector<std::uint8_t> codes(96);
    for (std::uint8_t& x : codes) x = static_cast<std::uint8_t>(random.next());
    for (std::uint8_t& x : codes)
      if ((x & 0x7f) == 0x7f) x = 0x80;
    std::vector<float> scales(static_cast<std::size_t>(6 / c.block_rows * (16 / c.block_cols)));
    for (float& x : scales) x = bfloat(random);
    for (std::int64_t i = 0; i < 96; ++i)
      s.expected.push_back(fp8(codes[static_cast<std::size_t>(i)]) *
                           scales[static_cast<std::size_t>(i / 16 / c.block_rows * (16 / c.block_cols) +
                                                           i % 16 / c.block_cols)]);
    s.writer.add("up.weight", T::f8_e4m3, {6, 16}, raw(codes));
    s.writer.add("up.weight_scale", T::bf16, c.scale_shape, scales);
    const CompressedWeights w = expect_round_trip(s);
    EXPECT_EQ(w.format, CompressedFormat::float_quantized);
    EXPECT_EQ(w.matrix.format, WeightFormat::lut8);
  }
}

TEST(CompressedTensors, Nvfp4) {
  testing::Random random(3);
  Sample s{.rows = 4, .cols = 48};
  std::vector<std::uint8_t> packed(96), scales(12);
  for (std::uint8_t& x : packed) x = static_cast<std::uint8_t>(random.next());
  for (std::uint8_t& x : scales) x = static_cast<std::uint8_t>(random.integer(1, 0x7e));
  scales[3] = 0;  // a block of zeros, of either sign
  for (std::size_t i = 24; i < 32; ++i) packed[i] = 0x80;
  const float global = 2688.0f / 1.37f;
  for (std::size_t i = 0; i < 192; ++i)
    s.expected.push_back(fp4(packed[i / 2] >> (i % 2 * 4) & 15) * (fp8(scales[i / 16]) / global));
  s.writer.add("up.weight_packed", T::u8, {4, 24}, raw(packed));
  s.writer.add("up.weight_scale", T::f8_e4m3, {4, 3}, raw(scales));
  s.writer.add("up.weight_global_scale", T::f32, {1}, std::vector<float>{global});
  const CompressedWeights w = expect_round_trip(s);
  EXPECT_EQ(w.format, CompressedFormat::nvfp4_pack_quantized);
  EXPECT_EQ(w.matrix.format, WeightFormat::lut4);
  EXPECT_EQ(w.global_scale, global);
}

TEST(CompressedTensors, Mxfp4) {
  testing::Random random(4);
  for (const int low : {0, 1}) {
    Sample s{.rows = 3, .cols = 64};
    std::vector<std::uint8_t> packed(96), scales;
    for (std::uint8_t& x : packed) x = static_cast<std::uint8_t>(random.next());
    for (const int e : {127, low, low ? 254 : 252, 100, 128, 1})
      scales.push_back(static_cast<std::uint8_t>(e));
    for (std::size_t i = 0; i < 192; ++i)
      s.expected.push_back(std::ldexp(fp4(packed[i / 2] >> (i % 2 * 4) & 15), scales[i / 32] - 127));
    s.writer.add("up.weight_packed", T::u8, {3, 32}, raw(packed));
    s.writer.add("up.weight_scale", T::u8, {3, 2}, raw(scales));
    EXPECT_EQ(expect_round_trip(s).format, CompressedFormat::mxfp4_pack_quantized);
  }
}

TEST(CompressedTensors, ScaleZeroComesBack) {
  Sample s = pack_quantized(4, 4, 32, 1, false);
  const std::vector<float> scales{0.5f, 0.0f, 1.0f, 2.0f};
  s.writer.add("up.weight_scale", T::f32, {4, 1}, scales);
  std::vector<std::byte> bytes = s.bytes();
  const SafetensorsFile file(bytes);
  const CompressedWeights w = read_compressed(file, "up");
  for (std::int64_t c = 0; c < 32; ++c)
    EXPECT_EQ(floats_of_matrix(w.matrix)[static_cast<std::size_t>(32 + c)], 0.0f);
  SafetensorsWriter writer(file);
  add_compressed(writer, "up", w);
  const std::vector<std::byte> again = writer.bytes();
  EXPECT_EQ(SafetensorsFile(again).floats("up.weight_scale"), scales);
}

TEST(CompressedTensors, WritesMatricesThatWereQuantizedHere) {
  testing::Random random(5);
  std::vector<float> values(8 * 64);
  for (float& x : values) x = random.gaussian();
  const MatrixView view(values.data(), 8, 64);
  const auto comes_back = [&](CompressedWeights w) {
    SafetensorsWriter writer;
    add_compressed(writer, "model.up", w);
    const std::vector<std::byte> bytes = writer.bytes();
    const CompressedWeights again = read_compressed(SafetensorsFile(bytes), "model.up");
    EXPECT_EQ(again.format, w.format);
    EXPECT_EQ(again.matrix.codes, w.matrix.codes);
    EXPECT_EQ(again.matrix.scales, w.matrix.scales);
    EXPECT_EQ(again.matrix.zero_points, w.matrix.zero_points);
  };
  const Mapping asymmetric = Mapping::asymmetric;
  comes_back({.format = CompressedFormat::pack_quantized,
              .matrix = quantize(view, Affine<4>{.granularity = per_group(32)}),
              .scale_type = T::f16});
  comes_back({.format = CompressedFormat::pack_quantized,
              .matrix = quantize(view, Affine<4>{.granularity = per_group(32), .mapping = asymmetric})});
  comes_back({.format = CompressedFormat::pack_quantized, .matrix = quantize(view, Affine<8>{}), .bits = 8});
  comes_back({.format = CompressedFormat::int_quantized,
              .matrix = quantize(view, Affine<8>{.mapping = asymmetric})});
  comes_back({.format = CompressedFormat::mxfp4_pack_quantized, .matrix = quantize(view, MxFp{})});
  const auto refused = [&](const CompressedWeights& w, std::initializer_list<const char*> parts) {
    SafetensorsWriter writer;
    EXPECT_TRUE(says(error_of([&] { add_compressed(writer, "up", w); }, ErrorCode::unsupported), parts));
  };
  refused({.matrix = quantize(view, Affine<4>{}), .scale_type = T::bf16},
          {"'up'", "scale", "BF16", "pack-quantized"});
  refused({.matrix = quantize(view, Affine<8>{})}, {"code", "4 bits"});
  refused({.format = CompressedFormat::float_quantized, .matrix = quantize(view, Affine<8>{})},
          {"levels", "float-quantized"});
  SafetensorsWriter writer;
  error_of(
      [&] {
        add_compressed(writer, "up", {.matrix = quantize(view, Affine<4>{}), .scale_shape = {{8, 3}}});
      },
      ErrorCode::shape_mismatch);
}

TEST(CompressedTensors, RunAsLinear) {
  const Sample s = pack_quantized(4, 8, 128, 4, true);
  const std::vector<std::byte> bytes = s.bytes();
  const CompressedWeights w = read_compressed(SafetensorsFile(bytes), "up");
  testing::Random random(6);
  std::vector<float> x(128), y(8);
  for (float& v : x) v = random.uniform();
  Linear(w.matrix, {.activations = weight_only()})
      .forward(TensorView(x.data(), Shape{1, 128}), MutableTensorView(y.data(), Shape{1, 8}));
  for (std::size_t r = 0; r < 8; ++r) {
    double sum = 0, size = 0;
    for (std::size_t c = 0; c < 128; ++c) {
      const double term = double{s.expected[r * 128 + c]} * double{x[c]};
      sum += term, size += std::fabs(term);
    }
    EXPECT_NEAR(y[r], sum, 1e-5 * size);
  }
}

TEST(CompressedTensors, NamesWhatDoesNotFit) {
  const auto refused = [](const SafetensorsWriter& writer, ErrorCode code,
                          std::initializer_list<const char*> parts) {
    const std::vector<std::byte> bytes = writer.bytes();
    const SafetensorsFile file(bytes);
    EXPECT_TRUE(says(error_of([&] { read_compressed(file, "up"); }, code), parts));
  };
  const Sample good = pack_quantized(4, 4, 64, 2, true);
  using V = std::vector<std::int64_t>;
  SafetensorsWriter w = good.writer;
  refused(SafetensorsWriter(), ErrorCode::not_found, {"up.weight"});
  w.remove("up.weight_scale");
  refused(w, ErrorCode::not_found, {"up.weight_scale"});
  w = good.writer, w.remove("up.weight_shape");
  refused(w, ErrorCode::not_found, {"up.weight_shape"});
  w = good.writer, w.add("up.weight_shape", T::i64, {2}, raw(V{4, 640}));
  refused(w, ErrorCode::corrupt_file, {"8 words", "640"});
  w.add("up.weight_shape", T::i64, {2}, raw(V{4, -64}));
  refused(w, ErrorCode::corrupt_file, {"4x-64"});
  w.add("up.weight_shape", T::i64, {2}, raw(V{4, INT64_MAX}));
  refused(w, ErrorCode::corrupt_file, {"weights"});
  w.add("up.weight_shape", T::i64, {3}, raw(V{4, 64, 1}));
  refused(w, ErrorCode::corrupt_file, {"4x64x1"});
  w = good.writer, w.add("up.weight_scale", T::f32, {3, 2}, std::vector<float>(6, 1.0f));
  refused(w, ErrorCode::corrupt_file, {"3x2", "4x64"});
  w.add("up.weight_scale", T::f32, {0}, std::vector<float>());
  refused(w, ErrorCode::corrupt_file, {"scales"});
  w.add("up.weight_scale", T::f32, {4, 32}, std::vector<float>(128, 1.0f));
  refused(w, ErrorCode::unsupported, {"groups of 2"});
  w.add("up.weight_scale", T::i32, {4, 2}, raw(std::vector<std::int32_t>(8, 1)));
  refused(w, ErrorCode::unsupported, {"scales of type I32"});
  w.add("up.weight_scale", T::f32, {4, 2}, std::vector<float>(8, NAN));
  refused(w, ErrorCode::corrupt_file, {"'up'", "nan"});
  w = good.writer, w.add("up.weight_zero_point", T::i32, {4, 2}, raw(std::vector<std::int32_t>(8)));
  refused(w, ErrorCode::corrupt_file, {"zero points", "4x2", "1x2"});
  w.add("up.weight_zero_point", T::i8, {4, 2}, raw(std::vector<std::int8_t>(8, 100)));
  refused(w, ErrorCode::corrupt_file, {"zero point", "100"});
  w = good.writer, w.add("up.weight_g_idx", T::i32, {64}, raw([] {
                           std::vector<std::int32_t> order(64, 0);
                           order[0] = 1;
                           return order;
                         }()));
  refused(w, ErrorCode::unsupported, {"weight_g_idx"});
  SafetensorsWriter f;
  f.add("up.weight", T::f8_e4m3, {1, 4}, raw(std::vector<std::uint8_t>{1, 2, 0x7f, 3}));
  f.add("up.weight_scale", T::f32, {1}, std::vector<float>{1});
  refused(f, ErrorCode::unsupported, {"NaN"});
  f.add("up.weight", T::f16, {1, 4}, std::vector<float>(4));
  refused(f, ErrorCode::unsupported, {"F16"});
  f.add("up.weight", T::i8, {1, 1, 4}, raw(std::vector<std::int8_t>(4)));
  refused(f, ErrorCode::unsupported, {"3 dimensions"});
}

TEST(CompressedTensors, Configs) {
  const CompressedConfig config = parse_compressed_config(R"({"config_groups": {
      "a": {"targets": ["re:.*mlp.*"], "format": "nvfp4-pack-quantized",
            "weights": {"num_bits": 4, "type": "float", "strategy": "tensor_group", "group_size": 16}},
      "b": {"targets": ["model.q"], "weights": {"num_bits": 8, "type": "float", "strategy": "block",
            "block_structure": [128, 64], "symmetric": false}}},
      "format": "mixed-precision", "ignore": ["re:.*gate$"]})");
  EXPECT_FALSE(config.format.has_value());
  ASSERT_NE(config.group_of("x.mlp.up"), nullptr);
  EXPECT_EQ(config.group_of("x.mlp.up")->format, CompressedFormat::nvfp4_pack_quantized);
  EXPECT_EQ(config.group_of("x.mlp.up")->group_size, 16);
  EXPECT_EQ(config.group_of("x.mlp.gate"), nullptr);
  EXPECT_EQ(config.group_of("model.q")->block, (std::vector<std::int64_t>{128, 64}));
  EXPECT_FALSE(config.group_of("model.q")->symmetric);
  EXPECT_EQ(config.group_of("model.k"), nullptr);
  EXPECT_EQ(parse_compressed_config(format_compressed_config(config)), config);
  SafetensorsWriter writer;
  EXPECT_FALSE(find_compressed_config(SafetensorsFile(writer.bytes())).has_value());
  writer.set_metadata("quantization_config", R"({"config_groups": {}})");
  const std::vector<std::byte> bytes = writer.bytes();
  EXPECT_TRUE(find_compressed_config(SafetensorsFile(bytes)).has_value());

  const auto refused = [](const std::string& json, std::initializer_list<const char*> parts,
                          ErrorCode code = ErrorCode::corrupt_file) {
    EXPECT_TRUE(says(error_of([&] { parse_compressed_config(json, "config.json"); }, code), parts));
  };
  refused("{", {"config.json", "not JSON"});
  refused("{}", {"config_groups"});
  refused("[]", {"not an object"});
  refused(R"({"quant_method": "gptq", "config_groups": {}})", {"gptq"}, ErrorCode::unsupported);
  refused(R"({"config_groups": []})", {"config_groups"});
  refused(R"({"config_groups": {"g": {"weights": {"num_bits": 0}}}})", {"'g'", "num_bits"});
  refused(R"({"config_groups": {"g": {"weights": {"type": "complex"}}}})", {"type"});
  refused(R"({"config_groups": {"g": {"targets": [1]}}})", {"targets"});
  refused(std::string(1 << 20, '['), {"nested"});
}

}  // namespace
}  // namespace lowbit
