// SPDX-License-Identifier: Apache-2.0
// What a model promises beyond numbers: shapes are checked before anything is written, nothing is allocated
// while it runs, files give back the same bits, overrides and fallbacks are accounted for.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstring>
#include <thread>

#include "lowbit/lowbit.h"
#include "support/counting_new.h"
#include "support/error_of.h"
#include "support/mend_checksum.h"
#include "support/random.h"

namespace lowbit {
namespace {

using testing::error_of;
using testing::Random;

/// input 3x8x8 -> conv1 -> relu -> conv2 (+ residual of conv1) -> max pool -> average -> fc -> softmax
Graph small_network() {
  Random random(7);
  const auto conv = [&](std::int64_t in, std::int64_t out) {
    ops::Conv2dOp op;
    op.weight = Tensor(Shape{out, in, 3, 3});
    for (float& w : op.weight.data) w = random.gaussian() * 0.2f;
    op.bias.assign(static_cast<std::size_t>(out), 0.1f);
    op.window = {.kernel = {3, 3}, .stride = {1, 1}, .dilation = {1, 1}, .pad = {1, 1, 1, 1}};
    op.activation.lo = 0.0f;
    return op;
  };
  Graph g;
  const ValueId x = g.add_value("image", {3, 8, 8});
  g.inputs = {x};
  const ValueId a = g.add_node("conv1", conv(3, 10), {x});
  const ValueId b = g.add_node("conv2", conv(10, 10), {a, a});
  ops::MaxPoolOp pool;
  pool.window.kernel = pool.window.stride = {2, 2};
  const ValueId c = g.add_node("pool", pool, {b});
  const ValueId d = g.add_node("average", ops::GlobalAveragePoolOp{}, {c});
  const ValueId e = g.add_node("flatten", ops::FlattenOp{}, {d});
  ops::LinearOp fc;
  fc.weight = Tensor(Shape{4, 10});
  for (float& w : fc.weight.data) w = random.gaussian();
  const ValueId f = g.add_node("fc", fc, {e});
  g.outputs = {g.add_node("probabilities", ops::SoftmaxOp{}, {f})};
  return g;
}

Tensor random_batch(std::int64_t count, std::uint64_t seed = 1) {
  Random random(seed);
  Tensor t(Shape{count, 3, 8, 8});
  for (float& v : t.data) v = random.uniform();
  return t;
}

Model quantized(const Model& fp32, const QuantizeOptions& options) {
  return quantize(fp32, calibrate(fp32, std::vector<Tensor>{random_batch(8)}, {.observer = MinMaxObserver{}}),
                  options);
}

std::vector<float> outputs(const Model& model, const Tensor& in, int threads = 1) {
  Workspace workspace(model, {.batch = in.shape[0], .threads = threads});
  Tensor out(Shape{in.shape[0], 4});
  run(model, in, out, workspace);
  return out.data;
}

TEST(Model, LinearBehindAFlattenOfOnePixelTakesAnyNumberOfChannels) {
  Graph g = small_network();
  fuse(g);
  const Model plain(small_network()), fused(g), quantized_plain = quantized(plain, {.scheme = "int8"}),
                                                quantized_fused = quantized(fused, {.scheme = "int8"});
  ASSERT_LT(g.nodes.size(), small_network().nodes.size());
  const Tensor in = random_batch(3);
  EXPECT_EQ(outputs(quantized_fused, in), outputs(quantized_plain, in));
}

TEST(Model, Int8IsCloseToFp32) {
  const Model fp32(small_network());
  const Model int8 = quantized(fp32, {.scheme = "int8"});
  const ModelComparison r = compare(fp32, int8, std::vector<Tensor>{random_batch(32, 5)});
  EXPECT_EQ(r.samples, 32);
  EXPECT_GT(r.outputs[0].error.sqnr_db, 25.0);
  EXPECT_LT(int8.stored_bytes(), fp32.stored_bytes());
  EXPECT_GT(int8.bits_per_weight(), 8.0);
  EXPECT_LT(int8.bits_per_weight(), 9.5);
  const ModelComparison same = compare(int8, int8, std::vector<Tensor>{random_batch(3)});
  EXPECT_TRUE(std::isinf(same.outputs[0].error.sqnr_db));
  EXPECT_EQ(same.agree, 3);
}

TEST(Model, CoverageNamesEveryFallback) {
  const Model fp32(small_network());
  const Model int8 = quantized(fp32, {.scheme = "int8"});
  EXPECT_EQ(fallback_count(int8), 1);
  EXPECT_EQ(describe_coverage(int8), "6 of 7 layers int8, fp32: probabilities (Softmax has no 8-bit form)");
  const Model mixed =
      quantized(fp32, {.scheme = "int8", .overrides = {{"conv?", "int4"}, {"conv2", "fp32"}}});
  EXPECT_EQ(describe_coverage(mixed),
            "1 of 7 layers int4, 4 of 7 layers int8, fp32: conv2 (as asked), "
            "fp32: probabilities (Softmax has no 8-bit form)");
  const Model dynamic = quantize(fp32, {.scheme = "int8-dynamic"});
  EXPECT_EQ(fallback_count(dynamic), 4);
  EXPECT_EQ(describe_coverage(dynamic),
            "3 of 7 layers int8-dynamic, fp32: pool, average, flatten, probabilities "
            "(a dynamic scheme quantizes products only)");
}

TEST(Model, FlatteningAnImageBeforeQuantizationGivesTheSameBits) {
  Random random(11);
  Graph g;
  const ValueId x = g.add_value("image", {3, 5, 5});
  g.inputs = {x};
  const ValueId flat = g.add_node("flatten", ops::FlattenOp{}, {x});
  ops::LinearOp fc;
  fc.weight = Tensor(Shape{6, 75});
  for (float& w : fc.weight.data) w = random.gaussian();
  g.outputs = {g.add_node("fc", fc, {flat})};
  const Model fp32(g);
  Tensor in(Shape{4, 3, 5, 5});
  for (float& v : in.data) v = random.gaussian();
  const auto table = calibrate(fp32, std::vector<Tensor>{in}, {.observer = MinMaxObserver{}});
  const Model model = quantize(fp32, table, {.scheme = "int8"});
  EXPECT_EQ(describe_coverage(model), "2 of 2 layers int8");
  EXPECT_EQ(model.type(model.graph().nodes[0].output).dtype, DType::f32);  // moved first
  // The same network without the Flatten, on flattened input.
  Graph h;
  const ValueId y = h.add_value("flatten", {75});
  h.inputs = {y};
  h.outputs = {h.add_node("fc", fc, {y})};
  const Model flat_model(h);
  const Tensor flat_in(Shape{4, 75}, in.data);
  const Model expected = quantize(
      flat_model, calibrate(flat_model, std::vector<Tensor>{flat_in}, {.observer = MinMaxObserver{}}),
      {.scheme = "int8"});
  Workspace a(model, {.batch = 4}), b(expected, {.batch = 4});
  Tensor out_a(Shape{4, 6}), out_b(Shape{4, 6});
  run(model, in, out_a, a);
  run(expected, flat_in, out_b, b);
  EXPECT_EQ(out_a.data, out_b.data);
}

TEST(Model, EverySchemeAndMixtureStaysAccurate) {
  const Model fp32(small_network());
  const std::vector<Tensor> batch{random_batch(16, 3)};
  for (const char* scheme :
       {"int8", "int8-tensor", "int8-asym", "int8-dynamic", "int8-asym-dynamic", "int7", "int6-mse"})
    EXPECT_GT(compare(fp32, quantized(fp32, {.scheme = scheme}), batch).outputs[0].error.sqnr_db, 18.0)
        << scheme;
  for (const char* pattern : {"conv1", "conv2", "pool", "average", "flatten", "fc"})
    for (const char* scheme : {"fp32", "int8-dynamic"})
      EXPECT_GT(
          compare(fp32, quantized(fp32, {.overrides = {{pattern, scheme}}}), batch).outputs[0].error.sqnr_db,
          18.0)
          << pattern << "=" << scheme;
}

TEST(Model, GroupsRunOnTheReferenceKernel) {
  const Model fp32(small_network());
  const Model model = quantized(fp32, {.scheme = "int4-g4-asym"});
  EXPECT_GT(compare(fp32, model, std::vector<Tensor>{random_batch(16, 3)}).outputs[0].error.sqnr_db, 12.0);
}

TEST(Model, ThreadsAndBatchesDoNotChangeTheBits) {
  const Model fp32(small_network());
  for (const char* scheme : {"int8", "int8-dynamic"}) {
    const Model model = quantized(fp32, {.scheme = scheme});
    const Tensor in = random_batch(5, 9);
    const std::vector<float> whole = outputs(model, in);
    EXPECT_EQ(whole, outputs(model, in, 3));
    for (std::int64_t b = 0; b < 5; ++b) {
      Tensor one(Shape{1, 3, 8, 8});
      std::memcpy(one.data.data(), in.data.data() + b * 192, sizeof(float) * 192);
      EXPECT_EQ(outputs(model, one), std::vector<float>(whole.begin() + b * 4, whole.begin() + b * 4 + 4));
    }
  }
}

TEST(Model, ConcurrentRunsWithOneWorkspaceEach) {
  const Model model = quantized(Model(small_network()), {.scheme = "int8"});
  const Tensor in = random_batch(2, 4);
  const std::vector<float> expected = outputs(model, in);
  std::vector<std::vector<float>> results(4);
  std::vector<std::thread> threads;
  for (auto& result : results)
    threads.emplace_back([&] {
      for (int i = 0; i < 20; ++i) result = outputs(model, in);
    });
  for (std::thread& t : threads) t.join();
  for (const auto& result : results) EXPECT_EQ(result, expected);
}

TEST(Model, RunAllocatesNothing) {
  const Model fp32(small_network());
  for (const char* scheme : {"fp32", "int8", "int8-asym", "int8-dynamic", "int4-g4"})
    for (const int threads : {1, 2}) {
      const Model model = quantized(fp32, {.scheme = scheme});
      Workspace workspace(model, {.batch = 3, .threads = threads});
      const Tensor in = random_batch(3);
      Tensor out(Shape{3, 4});
      run(model, in, out, workspace);
      const std::size_t before = testing::allocations();
      run(model, in, out, workspace);
      EXPECT_EQ(testing::allocations(), before) << scheme << ", " << threads << " threads";
    }
}

TEST(Model, StridedAndFlattenedTensorsGiveTheSameBits) {
  const Model model = quantized(Model(small_network()), {.scheme = "int8"});
  const Tensor in = random_batch(2, 6);
  const std::vector<float> expected = outputs(model, in);
  // H x W x C in memory, seen as C x H x W by strides.
  std::vector<float> hwc(in.data.size());
  for (std::size_t b = 0; b < 2; ++b)
    for (std::size_t c = 0; c < 3; ++c)
      for (std::size_t p = 0; p < 64; ++p) hwc[b * 192 + p * 3 + c] = in.data[b * 192 + c * 64 + p];
  Eigen::MatrixXf columns(4, 2);
  Workspace workspace(model, {.batch = 2});
  run(model, TensorView(hwc.data(), Shape{2, 3, 8, 8}, {192, 1, 24, 3}), columns, workspace);
  EXPECT_EQ(std::memcmp(columns.data(), expected.data(), 32), 0);
  columns.setZero();
  const Eigen::MatrixXf flat = Eigen::Map<const Eigen::MatrixXf>(in.data.data(), 192, 2);
  run(model, flat, columns, workspace);
  EXPECT_EQ(std::memcmp(columns.data(), expected.data(), 32), 0);
}

TEST(Model, RefusesCodesAtItsEnds) {
  for (const bool at_output : {true, false}) {
    detail::ModelData data;
    const ValueId x = data.graph.add_value("x", {4});
    data.graph.inputs = {x};
    if (at_output)
      data.graph.outputs = {data.graph.add_node("y", ops::QuantizeOp{}, {x})};
    else
      data.graph.outputs = {data.graph.add_node("y", ops::DequantizeOp{}, {x})};
    const ValueType floats{{4}, DType::f32, {}}, codes{{4}, DType::u8, {0.5f, 3}};
    data.types = at_output ? std::vector{floats, codes} : std::vector{codes, floats};
    data.nodes.resize(1);
    const Model model(std::move(data));
    Workspace workspace(model);
    const Tensor in(Shape{1, 4});
    Tensor out(Shape{1, 4});
    const std::string sentence =
        error_of([&] { run(model, in, out, workspace); }, ErrorCode::invalid_argument);
    EXPECT_NE(sentence.find(at_output ? "'y'" : "'x'"), std::string::npos) << sentence;
  }
}

TEST(Model, RefusesWhatDoesNotFitBeforeWriting) {
  const Model model = quantized(Model(small_network()), {.scheme = "int8"});
  const Model other = quantized(Model(small_network()), {.scheme = "int8"});
  Workspace workspace(model, {.batch = 2});
  Tensor out(Shape{2, 4}, std::vector<float>(8, 42.0f));
  error_of([&] { run(model, Tensor(Shape{2, 3, 8, 9}), out, workspace); }, ErrorCode::shape_mismatch);
  error_of([&] { run(model, Tensor(Shape{1, 3, 8, 8}), out, workspace); }, ErrorCode::shape_mismatch);
  error_of([&] { run(model, random_batch(3), Tensor(Shape{3, 4}), workspace); }, ErrorCode::invalid_argument);
  error_of([&] { run(other, random_batch(2), out, workspace); }, ErrorCode::invalid_argument);
  const std::string sentence = error_of(
      [&] {
        run(model, random_batch(2), Tensor(Shape{2, 5}), workspace);
      },
      ErrorCode::shape_mismatch);
  EXPECT_NE(sentence.find("2x5"), std::string::npos) << sentence;
  EXPECT_EQ(out.data, std::vector<float>(8, 42.0f));
}

TEST(Model, RefusesImpossibleQuantization) {
  const Model fp32(small_network());
  error_of([&] { quantize(fp32, {.scheme = "int8"}); }, ErrorCode::invalid_argument);
  error_of([&] { quantized(fp32, {.scheme = "int9"}); }, ErrorCode::invalid_argument);
  error_of([&] { quantized(fp32, {.scheme = "fp8e4m3"}); }, ErrorCode::not_built);
  error_of([&] { quantized(fp32, {.overrides = {{"head*", "fp32"}}}); }, ErrorCode::invalid_argument);
  error_of([&] { quantized(quantized(fp32, {}), {}); }, ErrorCode::invalid_argument);
  error_of([&] { calibrate(fp32, std::vector<Tensor>{}); }, ErrorCode::invalid_argument);
  CalibrationTable table = calibrate(fp32, std::vector<Tensor>{random_batch(1)});
  table.entries[1].value = "elsewhere";
  error_of([&] { quantize(fp32, table); }, ErrorCode::invalid_argument);
}

TEST(Model, CalibrationDoesNotDependOnThreadsOrBatching) {
  const Model fp32(small_network());
  const Tensor all = random_batch(40, 8);
  std::vector<Tensor> singles;
  for (std::int64_t b = 0; b < 40; ++b) {
    Tensor one(Shape{1, 3, 8, 8});
    std::memcpy(one.data.data(), all.data.data() + b * 192, sizeof(float) * 192);
    singles.push_back(one);
  }
  const auto a = calibrate(fp32, std::vector<Tensor>{all}, {.threads = 2}), b = calibrate(fp32, singles);
  ASSERT_EQ(a.samples, 40);
  for (std::size_t v = 0; v < a.entries.size(); ++v)
    EXPECT_EQ(a.entries[v].observer.range(unsigned_range(8)), b.entries[v].observer.range(unsigned_range(8)))
        << v;
}

TEST(Serialize, FilesGiveTheSameBits) {
  const Model fp32(small_network());
  for (const char* scheme :
       {"fp32", "int8", "int8-tensor", "int8-asym", "int4-g4-asym", "int8-dynamic", "int3"}) {
    const Model model = quantized(fp32, {.scheme = scheme});
    const std::vector<std::byte> bytes = save_to_bytes(model);
    const Model loaded = load(bytes);
    EXPECT_EQ(save_to_bytes(loaded), bytes) << scheme;
    EXPECT_EQ(loaded.scheme(), model.scheme());
    EXPECT_EQ(describe_coverage(loaded), describe_coverage(model));
    EXPECT_EQ(outputs(loaded, random_batch(3)), outputs(model, random_batch(3))) << scheme;
  }
}

TEST(Serialize, DamagedFilesAreRefused) {
  const std::vector<std::byte> bytes = save_to_bytes(quantized(Model(small_network()), {.scheme = "int8"}));
  for (std::size_t size = 0; size < bytes.size(); size += size < 64 ? 1 : 53)
    error_of([&] { load(std::span(bytes).first(size)); }, ErrorCode::corrupt_file);
  for (std::size_t at = 0; at < bytes.size(); at += 17) {
    std::vector<std::byte> flipped = bytes;
    flipped[at] ^= std::byte{0x40};
    EXPECT_THROW(load(flipped), Error) << at;
  }
  EXPECT_THROW(load("/no/such/file.lowbit"), Error);
}

/// With the checksum mended, the reader itself must hold.
TEST(Serialize, ASchemeThatIsNoneIsRefused) {
  detail::ModelData data = Model(small_network()).complete_data();
  for (const char* scheme : {"int8\xFF", "", "\033[2J"}) {
    data.scheme = scheme;
    const auto bytes = save_to_bytes(Model(data));
    EXPECT_THROW(load(bytes), Error) << scheme;
  }
}

TEST(Serialize, HostilePayloadsNeverCrash) {
  const std::vector<std::byte> bytes = save_to_bytes(quantized(Model(small_network()), {.scheme = "int8"}));
  Random random(3);
  int refused = 0;
  for (int round = 0; round < 600; ++round) {
    std::vector<std::byte> hostile = bytes;
    for (int i = 0; i < 3; ++i) {
      const auto at =
          static_cast<std::size_t>(random.integer(24, static_cast<std::int64_t>(bytes.size()) - 1));
      hostile[at] = static_cast<std::byte>(random.integer(0, 255));
    }
    testing::mend_checksum(hostile);
    try {
      const Model model = load(hostile);  // most damage hits codes and is harmless
    } catch (const Error&) {
      ++refused;
    }
  }
  EXPECT_GT(refused, 0);
}

}  // namespace
}  // namespace lowbit
