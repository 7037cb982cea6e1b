// SPDX-License-Identifier: Apache-2.0
// Files that are quantized already: their codes, scales and zero points on integer kernels.
#include <gtest/gtest.h>

#include <cmath>

#include "io/onnx/onnx_builder.h"
#include "lowbit/io/onnx/export.h"
#include "lowbit/io/onnx/load.h"
#include "lowbit/lowbit.h"
#include "support/random.h"

namespace lowbit::testing {
namespace {

Model load_file(const std::string& bytes) {
  return load_onnx(std::as_bytes(std::span(bytes)));
}

std::vector<float> outputs(const Model& model, const Tensor& x) {
  Workspace workspace(model, {.batch = x.shape[0]});
  std::vector<std::int64_t> dims{x.shape[0]};
  const Shape sample = model.output_shape();
  dims.insert(dims.end(), sample.dims().begin(), sample.dims().end());
  Tensor out{Shape(dims)};
  run(model, x, out, workspace);
  return out.data;
}

/// Convolutions, one of them by channels, a residual addition, pools and a fully connected layer, with ReLUs.
class Network {
 public:
  explicit Network(bool has_sum) {
    ValueId x = graph.add_value("x", {3, 12, 12});
    graph.inputs = {x};
    x = relu("stem_relu", conv("stem", x, 8, 3, 1));
    ValueId branch = conv("second", relu("first_relu", conv("first", x, 8, 3, 8)), 8, 1, 1);
    if (has_sum) branch = graph.add_node("sum", ops::AddOp{}, {branch, x});
    x = relu("last_relu", branch);
    x = graph.add_node("mean", ops::GlobalAveragePoolOp{}, {x});
    x = graph.add_node("flat", ops::FlattenOp{}, {x});
    ops::LinearOp fc;
    fc.weight = weights({5, 8});
    graph.outputs = {graph.add_node("fc", fc, {x})};
    samples = Tensor(Shape{20, 3, 12, 12});
    for (float& v : samples.data) v = random.gaussian();
  }
  Tensor weights(const Shape& shape) {
    Tensor t(shape);
    for (float& w : t.data) w = random.gaussian();
    return t;
  }
  ValueId conv(const std::string& name, ValueId in, std::int64_t out, std::int64_t kernel,
               std::int64_t groups) {
    ops::Conv2dOp op;
    op.weight = weights({out, graph.values[static_cast<std::size_t>(in)].shape[0] / groups, kernel, kernel});
    op.window.kernel = {kernel, kernel};
    op.window.pad = {kernel / 2, kernel / 2, kernel / 2, kernel / 2};
    op.groups = groups;
    return graph.add_node(name, op, {in});
  }
  ValueId relu(const std::string& name, ValueId in) {
    return graph.add_node(name, ops::ClampOp{{0.0f, ops::Activation{}.hi}}, {in});
  }

  Graph graph;
  Tensor samples;
  Random random{3};
};

TEST(QuantizedFile, RunsAsTheModelThatItWasWrittenOf) {
  Network network(false);
  Graph fused = network.graph;
  fuse(fused);
  const Model plain(fused);
  const Model quantized =
      quantize(plain, calibrate(plain, std::vector<Tensor>{network.samples}), {.scheme = "int8"});
  const Model read = load_onnx(export_onnx_to_bytes(quantized));
  EXPECT_EQ(describe_coverage(read), "1 of 5 layers int8, 4 of 5 layers int8 (weights: of the file)");
  EXPECT_EQ(read.scheme(), "as in the file");
  EXPECT_EQ(outputs(read, network.samples), outputs(quantized, network.samples));
  const Model again = lowbit::load(save_to_bytes(read));
  EXPECT_EQ(outputs(again, network.samples), outputs(read, network.samples));
}

/// What a file rounds before it is added is rounded here, too.
TEST(QuantizedFile, SumsAreOfTheCodesOfTheFile) {
  Network network(true);
  Graph fused = network.graph;
  fuse(fused);
  const Model fp32(fused);
  const std::vector<Tensor> samples{network.samples};
  const Model quantized = quantize(fp32, calibrate(fp32, samples), {.scheme = "int8"});
  const Model read = load_onnx(export_onnx_to_bytes(quantized));
  EXPECT_EQ(describe_coverage(read), "2 of 6 layers int8, 4 of 6 layers int8 (weights: of the file)");
  EXPECT_GT(compare(fp32, read, samples).outputs[0].error.sqnr_db, 25);
}

/// Codes of so many elements, all that there are.
std::vector<std::int32_t> all_codes(std::size_t n, bool is_signed) {
  std::vector<std::int32_t> codes;
  for (std::size_t i = 0; i < n; ++i)
    codes.push_back(static_cast<std::int32_t>(i * 37 % 256) - (is_signed ? 128 : 0));
  return codes;
}

void add_codes(OnnxBuilder& b, const std::string& name, const std::vector<std::int64_t>& dims,
               const std::vector<std::int32_t>& codes, bool is_signed) {
  auto& t = b.tensor(name, dims, is_signed ? onnx::TensorProto::INT8 : onnx::TensorProto::UINT8);
  for (const std::int32_t c : codes) t.add_int32_data(c);
}

/// y = x W for weights [6][4] in codes, and what the codes stand for.
struct Product {
  OnnxBuilder b;
  std::vector<float> reals;  ///< [6][4]

  Product(bool is_signed, const std::vector<float>& scales, const std::vector<std::int32_t>& zeros,
          bool quantizes_input, std::int64_t axis = 1) {
    const std::vector<std::int32_t> codes = all_codes(24, is_signed);
    b.input("x", {0, 6});
    add_codes(b, "w_codes", {6, 4}, codes, is_signed);
    const std::vector<std::int64_t> dims =
        scales.size() == 1 ? std::vector<std::int64_t>{}
                           : std::vector<std::int64_t>{static_cast<std::int64_t>(scales.size())};
    b.floats("w_scale", dims, scales);
    std::vector<std::string> weight{"w_codes", "w_scale"};
    if (!zeros.empty()) {
      add_codes(b, "w_zero", dims, zeros, is_signed);
      weight.push_back("w_zero");
    }
    b.node("DequantizeLinear", weight, "w").with("axis", axis);
    std::string x = "x";
    if (quantizes_input) {
      b.floats("x_scale", {}, {0.02f});
      add_codes(b, "x_zero", {}, {-7}, true);
      b.node("QuantizeLinear", {"x", "x_scale", "x_zero"}, "x_codes");
      b.node("DequantizeLinear", {"x_codes", "x_scale", "x_zero"}, "x_reals");
      x = "x_reals";
    }
    b.node("MatMul", {x, "w"}, "y");
    b.output("y");
    for (std::size_t i = 0; i < 24; ++i) {
      const std::size_t s = scales.size() == 1 ? 0 : axis == 1 ? i % 4 : i / 4;
      reals.push_back(static_cast<float>(codes[i] - (zeros.empty() ? 0 : zeros[s])) * scales[s]);
    }
  }
  /// In double, of inputs that are rounded to codes of 0.02 where `rounds`.
  std::vector<double> expected(const Tensor& x, bool rounds) const {
    std::vector<double> y;
    for (std::int64_t r = 0; r < x.shape[0]; ++r)
      for (std::size_t c = 0; c < 4; ++c) {
        double sum = 0;
        for (std::size_t k = 0; k < 6; ++k) {
          double v = x.data[static_cast<std::size_t>(r) * 6 + k];
          if (rounds)
            v = std::min(255.0, std::max(0.0, std::nearbyint(v / 0.02f) + 121)) * 0.02f - 121 * 0.02f;
          sum += v * reals[k * 4 + c];
        }
        y.push_back(sum);
      }
    return y;
  }
};

Tensor random_rows() {
  Tensor x(Shape{7, 6});
  Random random(8);
  for (float& v : x.data) v = random.gaussian();
  return x;
}

void expect_near(const std::vector<float>& got, const std::vector<double>& want) {
  ASSERT_EQ(got.size(), want.size());
  for (std::size_t i = 0; i < got.size(); ++i)
    EXPECT_NEAR(got[i], want[i], 1e-4 * (1 + std::fabs(want[i]))) << i;
}

const std::vector<float> kScales{0.01f, 0.5f, 0.25f, 0.03f};

TEST(QuantizedFile, ProductsOfCodesKeepTheirs) {
  const Tensor x = random_rows();
  struct {
    bool is_signed;
    std::vector<float> scales;
    std::vector<std::int32_t> zeros;
    std::string scheme;
  } const cases[] = {
      {true, kScales, {}, "int8"},
      {true, kScales, {0, 0, 0, 0}, "int8"},
      {true, {0.125f}, {}, "int8-tensor"},
      {true, kScales, {1, -2, 3, 100}, "int8-asym"},
      {false, kScales, {128, 130, 0, 255}, "int8-asym"},
      {false, {0.125f}, {}, "int8-tensor-asym"},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.scheme);
    const Product product(c.is_signed, c.scales, c.zeros, true);
    const Model model = load_file(product.b.bytes());
    EXPECT_EQ(format_scheme(model.quantization(static_cast<int>(model.graph().nodes.size()) - 1).scheme),
              format_scheme(parse_scheme(c.scheme)));
    expect_near(outputs(model, x), product.expected(x, true));
    const Product alone(c.is_signed, c.scales, c.zeros, false);
    expect_near(outputs(load_file(alone.b.bytes()), x), alone.expected(x, false));
  }
}

/// Scales along the summed axis are those of no output channel: the weights stay floats, with the same
/// values.
TEST(QuantizedFile, ScalesOfRowsThatAreNoChannels) {
  const Tensor x = random_rows();
  const Product product(true, {0.1f, 0.2f, 0.3f, 0.4f, 0.5f, 0.6f}, {}, false, 0);
  const Model model = load_file(product.b.bytes());
  EXPECT_FALSE(model.is_quantized());
  expect_near(outputs(model, x), product.expected(x, false));
}

/// The products that dynamic quantizers write, two of them of one tensor in codes.
TEST(QuantizedFile, ProductsOfInputsThatAreQuantizedAtRunTime) {
  OnnxBuilder b;
  b.input("x", {0, 6});
  b.node("DynamicQuantizeLinear", {"x"}, "x_codes").output("x_scale").output("x_zero");
  const std::vector<std::int32_t> codes = all_codes(24, true);
  for (const std::string name : {"v", "w"}) {
    add_codes(b, name, {6, 4}, codes, true);
    b.floats(name + "_scale", {}, {0.02f});
    add_codes(b, name + "_zero", {}, {name == "v" ? 0 : 3}, true);
    b.node("MatMulInteger", {"x_codes", name, "x_zero", name + "_zero"}, name + "_sums");
    b.node("Cast", {name + "_sums"}, name + "_reals").with("to", static_cast<int>(onnx::TensorProto::FLOAT));
    b.node("Mul", {"x_scale", name + "_scale"}, name + "_factor");
    b.node("Mul", {name + "_reals", name + "_factor"}, name + "_y");
  }
  b.node("Add", {"v_y", "w_y"}, "y");
  b.output("y");
  const Model model = load_file(b.bytes());
  EXPECT_EQ(
      describe_coverage(model),
      "1 of 3 layers int8-tensor-asym-dynamic (weights: of the file), 1 of 3 layers int8-tensor-dynamic "
      "(weights: of the file), fp32: y (as asked)");
  const Tensor x = random_rows();
  const std::vector<float> y = outputs(model, x);
  for (std::size_t r = 0; r < 7; ++r)
    for (std::size_t c = 0; c < 4; ++c) {
      double sum = 0, size = 0;
      for (std::size_t k = 0; k < 6; ++k) {
        sum += static_cast<double>(x.data[r * 6 + k]) * 0.02f * (2 * codes[k * 4 + c] - 3);
        size += std::fabs(0.02f * (2 * codes[k * 4 + c] - 3));
      }
      EXPECT_NEAR(y[r * 4 + c], sum, 0.02 * size);  // half a step of the codes of x
    }
}

/// Convolutions on codes from end to end: what their sums are in whole numbers, to one code.
TEST(QuantizedFile, OperatorsOnCodes) {
  OnnxBuilder b;
  b.input("x", {0, 1, 4, 4});
  const std::vector<std::int32_t> codes = all_codes(2 * 9, true), bias{40, -300};
  b.floats("xs", {}, {0.1f}), b.floats("ws", {2}, {0.01f, 0.02f}), b.floats("ys", {}, {0.2f});
  add_codes(b, "xz", {}, {100}, false), add_codes(b, "wz", {2}, {0, 0}, true),
      add_codes(b, "yz", {}, {128}, false);
  add_codes(b, "w", {2, 1, 3, 3}, codes, true);
  auto& t = b.tensor("bias", {2}, onnx::TensorProto::INT32);
  for (const std::int32_t v : bias) t.add_int32_data(v);
  b.node("QuantizeLinear", {"x", "xs", "xz"}, "x_codes");
  b.node("QLinearConv", {"x_codes", "xs", "xz", "w", "ws", "wz", "ys", "yz", "bias"}, "y_codes");
  b.node("DequantizeLinear", {"y_codes", "ys", "yz"}, "y");
  b.output("y");
  const Model model = load_file(b.bytes());
  EXPECT_EQ(describe_coverage(model), "1 of 1 layers int8 (weights: of the file)");
  Tensor x(Shape{3, 1, 4, 4});
  Random random(2);
  for (float& v : x.data) v = random.gaussian() * 3;
  const std::vector<float> y = outputs(model, x);
  ASSERT_EQ(y.size(), 3u * 2 * 2 * 2);
  std::size_t i = 0;
  for (std::size_t n = 0; n < 3; ++n)
    for (std::size_t c = 0; c < 2; ++c)
      for (std::size_t row = 0; row < 2; ++row)
        for (std::size_t col = 0; col < 2; ++col) {
          double sum = bias[c];
          for (std::size_t k = 0; k < 9; ++k) {
            const double v = x.data[n * 16 + (row + k / 3) * 4 + col + k % 3];
            const double code = std::min(255.0, std::max(0.0, std::nearbyint(v / 0.1f) + 100)) - 100;
            sum += code * codes[c * 9 + k];
          }
          const double real = sum * 0.1f * (c == 0 ? 0.01f : 0.02f);
          EXPECT_NEAR(y[i++], std::min(127 * 0.2, std::max(-128 * 0.2, real)), 0.11) << n << c << row << col;
        }
}

TEST(QuantizedFile, WeightsInBlocksOfFourBits) {
  for (const bool has_zeros : {false, true}) {
    OnnxBuilder b;
    constexpr std::size_t kRows = 5, kCols = 64, kBlocks = 2;
    b.input("x", {0, 3, kCols});
    const std::vector<std::int32_t> codes = all_codes(kRows * kCols / 2, false);
    add_codes(b, "w", {kRows, kBlocks, 16}, codes, false);
    std::vector<float> scales;
    for (std::size_t i = 0; i < kRows * kBlocks; ++i) scales.push_back(0.01f * static_cast<float>(i + 1));
    b.floats("scales", {kRows * kBlocks}, scales);
    std::vector<std::string> inputs{"x", "w", "scales"};
    std::vector<std::int32_t> zeros(kRows, 0x88);
    if (has_zeros) {
      for (std::size_t r = 0; r < kRows; ++r) zeros[r] = static_cast<std::int32_t>(r * 3 + (15 - r) * 16);
      add_codes(b, "zeros", {kRows}, zeros, false);
      inputs.push_back("zeros");
    }
    b.node("MatMulNBits", inputs, "y")
        .domain("com.microsoft")
        .with("K", static_cast<int>(kCols))
        .with("N", static_cast<int>(kRows))
        .with("bits", 4)
        .with("block_size", 32);
    b.output("y");
    const Model model = load_file(b.bytes());
    EXPECT_EQ(describe_coverage(model), has_zeros ? "1 of 1 layers int4-g32-asym-wo (weights: of the file)"
                                                  : "1 of 1 layers int4-g32-wo (weights: of the file)");
    Tensor x(Shape{2, 3, kCols});
    Random random(2);
    for (float& v : x.data) v = random.gaussian();
    const std::vector<float> y = outputs(model, x);
    for (std::size_t r = 0; r < 6; ++r)
      for (std::size_t n = 0; n < kRows; ++n) {
        double sum = 0;
        for (std::size_t k = 0; k < kCols; ++k) {
          const std::size_t block = n * kBlocks + k / 32;
          const int zero = zeros[n] >> (k / 32 * 4) & 15,
                    code = codes[(n * kCols + k) / 2] >> (k % 2 * 4) & 15;
          sum += static_cast<double>(x.data[r * kCols + k]) * (code - zero) * scales[block];
        }
        EXPECT_NEAR(y[r * kRows + n], sum, 1e-4 * (1 + std::fabs(sum)));
      }
  }
}

TEST(QuantizedFile, BlocksThatContradictThemselvesAreRefused) {
  const auto refused = [](int k, int bits, int block_size, std::int64_t scales) {
    OnnxBuilder b;
    b.input("x", {0, 64});
    add_codes(b, "w", {1, 2, 16}, all_codes(32, false), false);
    b.floats("scales", {scales}, std::vector<float>(static_cast<std::size_t>(scales), 1.0f));
    b.node("MatMulNBits", {"x", "w", "scales"}, "y")
        .domain("com.microsoft")
        .with("K", k)
        .with("N", 1)
        .with("bits", bits)
        .with("block_size", block_size);
    b.output("y");
    EXPECT_THROW(load_file(b.bytes()), Error) << k << bits << block_size << scales;
  };
  refused(64, 2, 32, 2), refused(63, 4, 16, 2), refused(0, 4, 32, 2), refused(64, 4, 0, 2),
      refused(64, 4, 32, 3);
  refused(128, 4, 32, 2), refused(1 << 30, 4, 1 << 30, 1);
}

/// A ReLU that is left out because codes cannot be negative still is one where nothing becomes codes.
TEST(QuantizedFile, CodesThatEndAtZeroAreARelu) {
  OnnxBuilder b;
  b.input("x", {0, 6});
  b.random("w", {6, 4}), b.random("v", {6, 4});
  b.node("MatMul", {"x", "w"}, "p"), b.node("MatMul", {"x", "v"}, "q");
  b.floats("scale", {}, {0.05f});
  add_codes(b, "zero", {}, {0}, false);
  b.node("QuantizeLinear", {"p", "scale", "zero"}, "p_codes");
  b.node("DequantizeLinear", {"p_codes", "scale", "zero"}, "p_reals");
  b.node("Add", {"p_reals", "q"}, "y");
  b.output("y");
  const Graph graph = b.import();
  bool has_clamp = false;
  for (const Graph::Node& node : graph.nodes)
    has_clamp = has_clamp || std::holds_alternative<ops::ClampOp>(node.op);
  EXPECT_TRUE(has_clamp);
}

/// Codes that something else reads too are what the standard says they are.
TEST(QuantizedFile, CodesThatAreReturnedStayArrays) {
  Product product(true, kScales, {}, true);
  product.b.output("x_codes");
  const Model model = load_file(product.b.bytes());
  EXPECT_FALSE(model.graph().has_batch);
}

/// A function whose values are scaled, and a normalization of rows: nodes of their own between the same codes
/// again, in batches.
TEST(QuantizedFile, ScaledFunctionsAndNormsComeBack) {
  Random random(41);
  const auto numbers = [&](const Shape& shape) {
    Tensor t(shape);
    for (float& v : t.data) v = random.gaussian();
    return t;
  };
  Graph graph;
  graph.inputs = {graph.add_value("x", {6, 16})};
  ops::LinearOp first, last;
  first.weight = numbers({12, 16}), last.weight = numbers({5, 12});
  first.bias = numbers({12}).data;
  ops::FunctionOp swish;
  swish.function = ops::Function::hard_swish, swish.alpha = 1.0f / 6, swish.beta = 0.5f;
  swish.scale_after = 0.75f, swish.shift_after = 0.125f;
  ops::LayerNormOp norm;
  norm.scale = numbers({12}).data, norm.shift = numbers({12}).data;
  ValueId x = graph.add_node("swish", swish, {graph.add_node("first", first, {graph.inputs[0]})});
  x = graph.add_node("norm", norm, {x});
  graph.outputs = {graph.add_node("last", last, {x})};
  infer_shapes(graph);
  const Model fp32(graph, "net");
  const Tensor samples = numbers({20, 6, 16});
  const Model model = quantize(fp32, calibrate(fp32, std::vector<Tensor>{samples}), {.integer_biases = true});
  const Model again = load_onnx(export_onnx_to_bytes(model));
  EXPECT_TRUE(again.graph().has_batch);
  EXPECT_EQ(fallback_count(again), 0) << describe_coverage(again);
  int functions = 0, norms = 0;
  for (const Graph::Node& node : again.graph().nodes) {
    if (const auto* f = std::get_if<ops::FunctionOp>(&node.op)) {
      ++functions;
      EXPECT_EQ(f->scale_after, 0.75f);
      EXPECT_EQ(f->shift_after, 0.125f);
      EXPECT_EQ(again.type(node.output).dtype, DType::u8);
    }
    norms += std::holds_alternative<ops::LayerNormOp>(node.op);
  }
  EXPECT_EQ(functions, 1);
  EXPECT_EQ(norms, 1);
  const std::vector<float> expected = outputs(model, samples), got = outputs(again, samples);
  double error = 0, energy = 0;
  for (std::size_t i = 0; i < got.size(); ++i) {
    error += (got[i] - expected[i]) * (got[i] - expected[i]);
    energy += expected[i] * expected[i];
  }
  EXPECT_LT(error, 1e-4 * energy);
}

}  // namespace
}  // namespace lowbit::testing
