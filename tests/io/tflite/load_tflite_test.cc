// SPDX-License-Identifier: Apache-2.0
// TensorFlow Lite files: codes of the file, and what operators give, against plain loops in the file's own
// order.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <string>
#include <vector>

#include "io/tflite/tflite_builder.h"
#include "lowbit/io/tflite/load.h"
#include "lowbit/lowbit.h"
#include "support/error_of.h"
#include "support/random.h"

namespace lowbit::testing {
namespace {

using schema::Activation;
using schema::Padding;
using schema::TensorType;
using Dims = std::vector<int>;

std::vector<float> random_floats(std::size_t count, std::uint64_t seed, float scale = 1.0f) {
  Random random(seed);
  std::vector<float> values(count);
  for (float& v : values) v = scale * random.gaussian();
  return values;
}

template <class T>
std::vector<T> spread_codes(std::size_t count, int lowest) {
  std::vector<T> codes;
  for (std::size_t i = 0; i < count; ++i)
    codes.push_back(static_cast<T>(static_cast<int>(i * 37 % 256) + lowest));
  return codes;
}

std::size_t count_of(const Dims& dims) {
  std::size_t n = 1;
  for (const int d : dims) n *= static_cast<std::size_t>(d);
  return n;
}

/// N H W C as N C H W, or back.
std::vector<float> exchanged(const std::vector<float>& x, const Dims& d, bool to_image) {
  if (d.size() != 4) return x;
  std::vector<float> y(x.size());
  const auto [h, w, c] = std::array{d[1], d[2], d[3]};
  for (int i = 0; i < h * w; ++i)
    for (int k = 0; k < c; ++k) {
      const auto file = static_cast<std::size_t>(i * c + k), image = static_cast<std::size_t>(k * h * w + i);
      (to_image ? y[image] : y[file]) = to_image ? x[file] : x[image];
    }
  return y;
}

/// One sample through the model, both sides in the order of the file.
std::vector<float> run_sample(const Model& model, const std::vector<float>& x, const Dims& in,
                              const Dims& out) {
  Workspace workspace(model);
  const std::vector<float> image = exchanged(x, in, true);
  std::vector<float> y(static_cast<std::size_t>(model.output_shape().elements()));
  EXPECT_EQ(y.size(), count_of(out));
  run(model, TensorView(image.data(), model.input_shape()), MutableTensorView(y.data(), model.output_shape()),
      workspace);
  return exchanged(y, out, false);
}

// ---------------------------------------------------------------------------------------- files in codes

double clamped_code(double real, double scale, int zero, int lowest) {
  return std::min(lowest + 255.0, std::max<double>(lowest, std::nearbyint(real / scale) + zero));
}

/// A convolution with a stride, padded as SAME pads, and a fully connected layer behind a RESHAPE.
struct CodedNetwork {
  bool is_signed;
  int lowest;
  Dims in{1, 5, 6, 3}, middle{1, 3, 3, 4};
  std::vector<float> w_scales, v_scales;
  std::vector<int> w_codes, v_codes;
  int w_zero = 0, v_zero = 0;
  std::vector<std::int32_t> w_bias{100, -2000, 31, 0}, v_bias{5, -900};
  float x_scale = 0.05f, h_scale = 0.1f, y_scale = 0.2f;
  int x_zero, h_zero, y_zero;

  explicit CodedNetwork(bool is_signed_)
      : is_signed(is_signed_),
        lowest(is_signed ? -128 : 0),
        x_zero(lowest + 100),
        h_zero(lowest),
        y_zero(lowest + 130) {
    w_scales = is_signed ? std::vector{0.01f, 0.02f, 0.03f, 0.005f} : std::vector{0.02f};
    v_scales = {0.015f};
    if (!is_signed) w_zero = 120, v_zero = 140;
    for (const int code : spread_codes<int>(4 * 3 * 3 * 3, lowest))
      w_codes.push_back(std::max(code, lowest + 1));
    for (const int code : spread_codes<int>(2 * 36, lowest)) v_codes.push_back(std::max(code, lowest + 1));
  }

  std::vector<std::byte> bytes() const {
    TfliteBuilder b;
    const TensorType type = is_signed ? TensorType::INT8 : TensorType::UINT8;
    const auto codes = [&](const std::string& name, const Dims& dims, const std::vector<int>& values,
                           const std::vector<float>& scales, int zero) {
      const std::vector<std::uint8_t> stored(values.begin(), values.end());
      return b.constant(name, dims, type, stored,
                        {scales, std::vector<std::int64_t>(scales.size(), zero), 0});
    };
    const int x = b.tensor("x", in, TensorType::FLOAT32), q = b.tensor("xq", in, type, {{x_scale}, {x_zero}});
    const int w = codes("w", {4, 3, 3, 3}, w_codes, w_scales, w_zero),
              v = codes("v", {2, 36}, v_codes, v_scales, v_zero);
    std::vector<float> w_units, v_units{h_scale * v_scales[0]};
    for (const float scale : w_scales) w_units.push_back(x_scale * scale);
    const int wb = b.constant("wb", {4}, TensorType::INT32, w_bias,
                              {w_units, std::vector<std::int64_t>(w_units.size())});
    const int vb = b.constant("vb", {2}, TensorType::INT32, v_bias, {v_units, {0}});
    const int h = b.tensor("h", middle, type, {{h_scale}, {h_zero}}),
              rows = b.tensor("rows", {1, 36}, type, {{h_scale}, {h_zero}}),
              y = b.tensor("yq", {1, 2}, type, {{y_scale}, {y_zero}}), out = b.tensor("y", {1, 2});
    b.op(114, {x}, {q});
    b.op(3, {q, w, wb}, {h}, schema::CreateConv2DOptions(b.builder(), Padding::SAME, 2, 2, Activation::RELU));
    b.op(22, {h, b.integers("shape", {1, 36})}, {rows});
    b.op(9, {rows, v, vb}, {y}, schema::CreateFullyConnectedOptions(b.builder()));
    b.op(6, {y}, {out});
    return b.bytes({x}, {out});
  }

  std::vector<float> expected(const std::vector<float>& x) const {
    std::vector<double> xq, hq;
    for (const float v : x) xq.push_back(clamped_code(v, x_scale, x_zero, lowest) - x_zero);
    // 5 x 6 by strides of 2 to 3 x 3: one row before and one behind, one column behind.
    for (int i = 0; i < 3; ++i)
      for (int j = 0; j < 3; ++j)
        for (std::size_t o = 0; o < 4; ++o) {
          double sum = w_bias[o];
          for (int r = 0; r < 3; ++r)
            for (int s = 0; s < 3; ++s)
              for (int c = 0; c < 3; ++c) {
                const int row = 2 * i + r - 1, col = 2 * j + s;
                if (row < 0 || row >= 5 || col >= 6) continue;
                sum += xq[static_cast<std::size_t>((row * 6 + col) * 3 + c)] *
                       (w_codes[o * 27 + static_cast<std::size_t>((r * 3 + s) * 3 + c)] - w_zero);
              }
          const double real = sum * x_scale * w_scales[w_scales.size() == 1 ? 0 : o];
          hq.push_back(clamped_code(std::max(real, 0.0), h_scale, h_zero, lowest) - h_zero);
        }
    std::vector<float> y;
    for (std::size_t o = 0; o < 2; ++o) {
      double sum = v_bias[o];
      for (std::size_t k = 0; k < 36; ++k) sum += hq[k] * (v_codes[o * 36 + k] - v_zero);
      y.push_back(static_cast<float>(
          (clamped_code(sum * h_scale * v_scales[0], y_scale, y_zero, lowest) - y_zero) * y_scale));
    }
    return y;
  }
};

class LoadTfliteCodes : public ::testing::TestWithParam<bool> {};

TEST_P(LoadTfliteCodes, AreThoseOfTheFile) {
  const CodedNetwork network(GetParam());
  const std::vector<std::byte> bytes = network.bytes();
  const Model model = load_tflite(bytes, "net.tflite");
  EXPECT_EQ(fallback_count(model), 0) << describe_coverage(model);
  EXPECT_TRUE(model.graph().has_batch);
  std::vector<QuantizedMatrix> all;
  for (int i = 0; i < static_cast<int>(model.graph().nodes.size()); ++i)
    if (const auto weights = model.weights(i)) all.push_back(*weights);
  ASSERT_EQ(all.size(), 2u);
  // Unsigned codes lie 128 lower in a matrix.
  const int shift = network.is_signed ? 0 : 128;
  const auto expect_codes = [&](const QuantizedMatrix& q, const std::vector<int>& codes,
                                const std::vector<float>& scales, int zero) {
    ASSERT_EQ(static_cast<std::size_t>(q.rows * q.cols), codes.size());
    for (std::int64_t r = 0; r < q.rows; ++r)
      for (std::int64_t c = 0; c < q.cols; ++c)
        ASSERT_EQ(q.code(r, c), codes[static_cast<std::size_t>(r * q.cols + c)] - shift) << r << ' ' << c;
    for (std::size_t i = 0; i < q.scales.size(); ++i)
      EXPECT_EQ(q.scales[i], scales[scales.size() == 1 ? 0 : i]);
    for (const std::int32_t z : q.zero_points) EXPECT_EQ(z, zero - shift);
    EXPECT_EQ(q.zero_points.empty(), network.is_signed);
  };
  expect_codes(all[0], network.w_codes, network.w_scales, network.w_zero);
  std::vector<int> permuted = network.v_codes;  // behind a flattened image
  if (all[1].cols == 36) expect_codes(all[1], permuted, network.v_scales, network.v_zero);
  for (std::uint64_t seed = 0; seed < 8; ++seed) {
    const std::vector<float> x = random_floats(90, seed);
    const std::vector<float> y = run_sample(model, x, network.in, {1, 2}), want = network.expected(x);
    for (std::size_t i = 0; i < y.size(); ++i) EXPECT_NEAR(y[i], want[i], network.y_scale * 1.01f) << seed;
  }
}

INSTANTIATE_TEST_SUITE_P(Types, LoadTfliteCodes, ::testing::Bool());

// ----------------------------------------------------------------------------------- operators on floats

using At = std::function<float(int, int, int)>;  // h, w, c of the only sample

struct OneOperator {
  Dims in{1, 4, 5, 3};
  std::vector<float> x = random_floats(60, 5);
  TfliteBuilder b;
  int input = b.tensor("x", in);

  float at(int h, int w, int c) const { return x[static_cast<std::size_t>((h * 5 + w) * 3 + c)]; }
  int out(const Dims& dims) { return b.tensor("y", dims); }
  void expect(int output, const Dims& dims, const std::vector<float>& want) {
    const Model model = load_tflite(b.bytes({input}, {output}), "one.tflite");
    const std::vector<float> y = run_sample(model, x, in, dims);
    ASSERT_EQ(y.size(), want.size());
    for (std::size_t i = 0; i < y.size(); ++i)
      EXPECT_NEAR(y[i], want[i], 1e-5 * (1 + std::fabs(want[i]))) << i;
  }
  void expect(int output, const Dims& dims, const At& want) {
    std::vector<float> all;
    for (int h = 0; h < dims[1]; ++h)
      for (int w = 0; w < dims[2]; ++w)
        for (int c = 0; c < dims[3]; ++c) all.push_back(want(h, w, c));
    expect(output, dims, all);
  }
};

TEST(LoadTflite, DepthwiseConvolutionsGiveSeveralResultsForAChannel) {
  OneOperator o;
  const std::vector<float> w = random_floats(2 * 2 * 6, 2);
  const int y = o.out({1, 3, 4, 6});
  o.b.op(4, {o.input, o.b.floats("w", {1, 2, 2, 6}, w)}, {y},
         schema::CreateDepthwiseConv2DOptions(o.b.builder(), Padding::VALID, 1, 1, 2, Activation::RELU6));
  o.expect(y, {1, 3, 4, 6}, [&](int h, int col, int k) {
    float sum = 0;
    for (int r = 0; r < 2; ++r)
      for (int s = 0; s < 2; ++s)
        sum += o.at(h + r, col + s, k / 2) * w[static_cast<std::size_t>((r * 2 + s) * 6 + k)];
    return std::min(6.0f, std::max(0.0f, sum));
  });
}

TEST(LoadTflite, TransposedConvolutionsHaveTheSizeOfTheFile) {
  OneOperator o;
  const std::vector<float> w = random_floats(2 * 3 * 3 * 3, 2);  // O H W I
  const int y = o.out({1, 8, 10, 2});
  o.b.op(67, {o.b.integers("size", {1, 8, 10, 2}), o.b.floats("w", {2, 3, 3, 3}, w), o.input}, {y},
         schema::CreateTransposeConvOptions(o.b.builder(), Padding::SAME, 2, 2));
  std::vector<float> want(8 * 10 * 2, 0.0f);
  for (int h = 0; h < 4; ++h)
    for (int c = 0; c < 5; ++c)
      for (int r = 0; r < 3; ++r)
        for (int s = 0; s < 3; ++s) {
          const int row = 2 * h + r, col = 2 * c + s;  // one row and one column too many, at the end
          if (row >= 8 || col >= 10) continue;
          for (int k = 0; k < 2; ++k)
            for (int i = 0; i < 3; ++i)
              want[static_cast<std::size_t>((row * 10 + col) * 2 + k)] +=
                  o.at(h, c, i) * w[static_cast<std::size_t>(((k * 3 + r) * 3 + s) * 3 + i)];
        }
  o.expect(y, {1, 8, 10, 2}, want);
}

TEST(LoadTflite, Pools) {
  for (const bool is_max : {false, true}) {
    OneOperator o;
    const int y = o.out({1, 2, 3, 3});
    o.b.op(is_max ? 17 : 1, {o.input}, {y},
           schema::CreatePool2DOptions(o.b.builder(), Padding::SAME, 2, 2, 3, 2));
    o.expect(y, {1, 2, 3, 3}, [&](int h, int w, int c) {
      float sum = 0, most = -1e9f;
      int n = 0;
      for (int r = 2 * h; r < 2 * h + 2; ++r)
        for (int s = std::max(2 * w - 1, 0); s < std::min(2 * w + 2, 5); ++s)
          sum += o.at(r, s, c), most = std::max(most, o.at(r, s, c)), ++n;
      return is_max ? most : sum / static_cast<float>(n);
    });
  }
}

TEST(LoadTflite, ArithmeticWithConstantsOfChannelsAndValues) {
  OneOperator o;
  const int s = o.b.tensor("s", o.in), y = o.out(o.in);
  o.b.op(18, {o.input, o.b.floats("f", {3}, {1.0f, -2.0f, 0.5f})}, {s},
         schema::CreateMulOptions(o.b.builder()));
  o.b.op(41, {s, o.input}, {y}, schema::CreateSubOptions(o.b.builder(), Activation::RELU_N1_TO_1));
  const float f[] = {1.0f, -2.0f, 0.5f};
  o.expect(y, o.in, [&](int h, int w, int c) {
    return std::min(1.0f, std::max(-1.0f, o.at(h, w, c) * f[c] - o.at(h, w, c)));
  });
}

TEST(LoadTflite, FunctionsOfElements) {
  const auto sigmoid = [](float v) { return 1.0f / (1.0f + std::exp(-v)); };
  const std::vector<std::pair<int, std::function<float(float)>>> all{
      {14, sigmoid},
      {19, [](float v) { return std::max(v, 0.0f); }},
      {20, [](float v) { return std::clamp(v, -1.0f, 1.0f); }},
      {21, [](float v) { return std::clamp(v, 0.0f, 6.0f); }},
      {28, [](float v) { return std::tanh(v); }},
      {101, [](float v) { return std::fabs(v); }},
      {92, [](float v) { return v * v; }},
      {117, [](float v) { return v * std::clamp(v / 6 + 0.5f, 0.0f, 1.0f); }}};
  for (const auto& one : all) {
    const int code = one.first;
    const std::function<float(float)>& f = one.second;
    SCOPED_TRACE(code);
    OneOperator o;
    const int y = o.out(o.in);
    o.b.op(code, {o.input}, {y});
    o.expect(y, o.in, [&](int h, int w, int c) { return f(o.at(h, w, c)); });
  }
}

TEST(LoadTflite, SoftmaxIsOfChannels) {
  OneOperator o;
  const int y = o.out(o.in);
  o.b.op(25, {o.input}, {y}, schema::CreateSoftmaxOptions(o.b.builder(), 2.0f));
  o.expect(y, o.in, [&](int h, int w, int c) {
    float sum = 0;
    for (int k = 0; k < 3; ++k) sum += std::exp(2 * o.at(h, w, k));
    return std::exp(2 * o.at(h, w, c)) / sum;
  });
}

TEST(LoadTflite, MeansKeepOrDropDimensions) {
  for (const bool keeps : {false, true}) {
    OneOperator o;
    const Dims dims = keeps ? Dims{1, 1, 1, 3} : Dims{1, 3};
    const int y = o.out(dims);
    o.b.op(40, {o.input, o.b.integers("axes", {1, -2})}, {y},
           schema::CreateReducerOptions(o.b.builder(), keeps));
    std::vector<float> want(3, 0.0f);
    for (std::size_t i = 0; i < 60; ++i) want[i % 3] += o.x[i] / 20;
    o.expect(y, dims, want);
  }
}

TEST(LoadTflite, ReshapesKeepTheOrderOfTheFile) {
  OneOperator o;
  const int rows = o.b.tensor("rows", {1, 60}), y = o.out({1, 3, 4, 5});
  o.b.op(22, {o.input, o.b.integers("s", {1, 60})}, {rows});
  o.b.op(22, {rows, o.b.integers("t", {1, 3, 4, 5})}, {y});
  o.expect(y, {1, 3, 4, 5}, o.x);
}

TEST(LoadTflite, TransposesOfImages) {
  OneOperator o;
  const int y = o.out({1, 5, 3, 4});
  o.b.op(39, {o.input, o.b.integers("perm", {0, 2, 3, 1})}, {y});
  o.expect(y, {1, 5, 3, 4}, [&](int w, int c, int h) { return o.at(h, w, c); });
}

TEST(LoadTflite, PadsAndConcatenations) {
  OneOperator o;
  const int p = o.b.tensor("p", {1, 4, 5, 4}), y = o.out({1, 4, 5, 7});
  o.b.op(34,
         {o.input, o.b.constant<std::int32_t>("pads", {4, 2}, TensorType::INT32, {0, 0, 0, 0, 0, 0, 1, 0})},
         {p});
  o.b.op(2, {p, o.input}, {y}, schema::CreateConcatenationOptions(o.b.builder(), -1));
  o.expect(y, {1, 4, 5, 7}, [&](int h, int w, int c) { return c == 0 ? 0.0f : o.at(h, w, (c - 1) % 3); });
}

TEST(LoadTflite, SlicesWithMasksAndDroppedDimensions) {
  OneOperator o;
  const int y = o.out({1, 2, 3});
  o.b.op(45,
         {o.input, o.b.integers("b", {0, 1, -1, 7}), o.b.integers("e", {1, 9, 4, -7}),
          o.b.integers("s", {1, 2, 1, 1})},
         {y}, schema::CreateStridedSliceOptions(o.b.builder(), 8, 1 | 8, 0, 0, 4));
  std::vector<float> want;
  for (const int h : {1, 3})
    for (int c = 0; c < 3; ++c) want.push_back(o.at(h, 4, c));
  o.expect(y, {1, 2, 3}, want);
}

TEST(LoadTflite, SplitsGiveTheirPartsInOrder) {
  OneOperator o;
  std::vector<int> parts;
  for (int i = 0; i < 3; ++i) parts.push_back(o.b.tensor("part" + std::to_string(i), {1, 4, 5, 1}));
  const int y = o.out({1, 4, 5, 3});
  o.b.op(49, {o.b.constant<std::int32_t>("axis", {}, TensorType::INT32, {3}), o.input}, parts,
         schema::CreateSplitOptions(o.b.builder(), 3));
  o.b.op(2, {parts[2], parts[0], parts[1]}, {y}, schema::CreateConcatenationOptions(o.b.builder(), 3));
  o.expect(y, {1, 4, 5, 3}, [&](int h, int w, int c) { return o.at(h, w, (c + 2) % 3); });
}

TEST(LoadTflite, ResizesToSizesOfTheFile) {
  OneOperator o;
  const int y = o.out({1, 8, 10, 3});
  o.b.op(97, {o.input, o.b.integers("size", {8, 10})}, {y});
  o.expect(y, {1, 8, 10, 3}, [&](int h, int w, int c) { return o.at(h / 2, w / 2, c); });
  OneOperator linear;
  const int z = linear.out({1, 7, 9, 3});
  linear.b.op(23, {linear.input, linear.b.integers("size", {7, 9})}, {z},
              schema::CreateResizeBilinearOptions(linear.b.builder(), 0, 0, true));
  linear.expect(z, {1, 7, 9, 3}, [&](int h, int w, int c) {
    const int a = h / 2, b = w / 2, a1 = (h + 1) / 2, b1 = (w + 1) / 2;
    return (linear.at(a, b, c) + linear.at(a1, b, c) + linear.at(a, b1, c) + linear.at(a1, b1, c)) / 4;
  });
}

/// Weights of 16 bits behind a DEQUANTIZE.
TEST(LoadTflite, ConstantsThatAreDequantized) {
  OneOperator o;
  const int half = o.b.constant<std::uint16_t>("half", {3}, TensorType::FLOAT16, {0x3c00, 0x4000, 0xb800}),
            f = o.b.tensor("f", {3}), y = o.out(o.in);
  o.b.op(6, {half}, {f});
  o.b.op(0, {o.input, f}, {y}, schema::CreateAddOptions(o.b.builder()));
  const float added[] = {1.0f, 2.0f, -0.5f};
  o.expect(y, o.in, [&](int h, int w, int c) { return o.at(h, w, c) + added[c]; });
}

/// A row of codes with a scale for each channel, added to images; the zero points may lie anywhere in the
/// file.
class LoadTfliteConstants : public ::testing::TestWithParam<bool> {};
INSTANTIATE_TEST_SUITE_P(Aligned, LoadTfliteConstants, ::testing::Bool());

TEST_P(LoadTfliteConstants, InCodesOfChannels) {
  OneOperator o;
  const int c = o.b.constant<std::int8_t>("c", {3}, TensorType::INT8, {10, -20, 30},
                                          {{0.5f, 0.25f, 0.125f}, {0, 4, 0}, 0, GetParam()}),
            y = o.out(o.in), p = o.b.tensor("p", o.in);
  o.b.op(17, {o.input}, {p}, schema::CreatePool2DOptions(o.b.builder(), Padding::SAME, 1, 1, 1, 1));
  o.b.op(0, {p, c}, {y}, schema::CreateAddOptions(o.b.builder()));
  const float added[] = {5.0f, -6.0f, 3.75f};
  o.expect(y, o.in, [&](int h, int w, int k) { return o.at(h, w, k) + added[k]; });
}

// ---------------------------------------------------------------------------------------------- refusals

TEST(LoadTflite, RefusesByName) {
  const auto refused = [](const std::function<void(OneOperator&, int)>& add, ErrorCode code,
                          const std::vector<std::string>& words) {
    OneOperator o;
    const int y = o.out(o.in);
    add(o, y);
    const std::vector<std::byte> bytes = o.b.bytes({o.input}, {y});
    const std::string sentence = error_of([&] { load_tflite(bytes, "net.tflite"); }, code);
    for (const std::string& word : words) EXPECT_TRUE(says(sentence, {word.c_str()}));
  };
  refused([](OneOperator& o, int y) { o.b.op(16, {o.input}, {y}); }, ErrorCode::unsupported,
          {"net.tflite", "LSTM (1x)"});
  refused([](OneOperator& o, int y) { o.b.op(500, {o.input}, {y}); }, ErrorCode::unsupported,
          {"operator number 500"});
  refused(
      [](OneOperator& o, int y) {
        const int h = o.b.tensor("h", {1, 4, 4, 3});
        o.b.op(17, {o.input}, {h}, schema::CreatePool2DOptions(o.b.builder(), Padding::SAME, 1, 1, 2, 2));
        o.b.op(0, {h, o.input}, {y});
      },
      ErrorCode::corrupt_file, {"'h'", "48 elements", "60 are computed"});
  refused(
      [](OneOperator& o, int y) {
        o.b.op(0, {o.input, 77}, {y});
      },
      ErrorCode::corrupt_file, {"tensor 77"});
  refused(
      [](OneOperator& o, int y) {
        o.b.op(0, {o.input, y}, {y});
      },
      ErrorCode::corrupt_file, {"operator 0 (ADD)", "'y'", "nothing before it computes"});
  refused(
      [](OneOperator& o, int y) {
        o.b.op(3, {o.input, o.input}, {y});
      },
      ErrorCode::corrupt_file, {"CONV_2D", "no options"});
  refused(
      [](OneOperator& o, int y) {
        const int q = o.b.tensor("q", o.in, TensorType::INT16, {{0.1f}, {0}});
        o.b.op(114, {o.input}, {q}), o.b.op(6, {q}, {y});
      },
      ErrorCode::unsupported, {"QUANTIZE", "'q'", "codes of 8 bits"});
  refused(
      [](OneOperator& o, int y) {
        const int q = o.b.tensor("q", o.in, TensorType::INT8, {{-0.1f}, {0}});
        o.b.op(114, {o.input}, {q}), o.b.op(6, {q}, {y});
      },
      ErrorCode::corrupt_file, {"'q'", "the scale -0.1"});
  refused(
      [](OneOperator& o, int y) {
        o.b.op(0, {o.input, o.b.floats("short", {4}, {1.0f, 2.0f, 3.0f})}, {y});
      },
      ErrorCode::corrupt_file, {"'short'", "4 elements", "12 bytes"});
}

TEST(LoadTflite, EveryTruncationIsRefused) {
  const std::vector<std::byte> bytes = CodedNetwork(true).bytes();
  for (std::size_t size = 0; size < bytes.size(); size += 1 + size / 40)
    EXPECT_THROW(load_tflite(std::span(bytes).first(size)), Error) << size;
  // Files without the tables' contents, at any place in memory.
  std::vector<std::byte> moved(bytes.size() + 1);
  std::ranges::copy(bytes, moved.begin() + 1);
  EXPECT_EQ(load_tflite(std::span(moved).subspan(1)).scheme(), load_tflite(bytes).scheme());
}

}  // namespace
}  // namespace lowbit::testing
