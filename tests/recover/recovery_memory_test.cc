// SPDX-License-Identifier: Apache-2.0
// What a recovery says that it takes, against what the system counts.
#include <gtest/gtest.h>

#ifdef __linux__
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmath>
#include <functional>

#include "lowbit/recover/recover.h"
#include "support/effort.h"
#include "support/random.h"

namespace lowbit {
namespace {

using testing::Random;

/// Bytes that `work` adds to what this process has.
std::size_t taken_by(const std::function<void()>& work) {
  int ends[2];
  if (pipe(ends) != 0) return 0;
  const pid_t child = fork();
  if (child == 0) {
    const auto most = [] {
      rusage usage{};
      getrusage(RUSAGE_SELF, &usage);
      return static_cast<std::size_t>(usage.ru_maxrss) << 10;
    };
    const std::size_t before = most();
    work();
    const std::size_t added = most() - before;
    _exit(write(ends[1], &added, sizeof(added)) == sizeof(added) ? 0 : 1);
  }
  std::size_t added = 0;
  close(ends[1]);
  const bool read_all = read(ends[0], &added, sizeof(added)) == sizeof(added);
  close(ends[0]);
  int status = 0;
  waitpid(child, &status, 0);
  return read_all && status == 0 ? added : 0;
}

ops::LinearOp linear(Random& random, std::int64_t in, std::int64_t out) {
  ops::LinearOp op;
  op.weight = Tensor(Shape{out, in});
  for (float& w : op.weight.data) w = random.gaussian() / std::sqrt(static_cast<float>(in));
  op.activation.lo = 0.0f;
  return op;
}

Tensor images(const Shape& shape) {
  Random random(7);
  Tensor t(shape);
  for (float& x : t.data) x = random.gaussian();
  return t;
}

class RecoveryMemoryOf : public ::testing::Test {
 protected:
  void SetUp() override {
    if (testing::kSlowdown > 1) GTEST_SKIP() << "sanitizers take memory of their own";
  }
  static void expect_bound(const Model& fp32, const RecoverOptions& how, const char* scheme, double most) {
    RecoveryReport report;
    RecoverOptions options = how;
    options.report = &report;
    const std::size_t stated = recovery_memory(fp32, nullptr, how).peak();
    const std::size_t taken =
        taken_by([&] { quantize(fp32, {.scheme = scheme, .recover = recover(options)}); });
    ASSERT_GT(taken, 0u);
    EXPECT_LE(taken, stated);
    EXPECT_LT(static_cast<double>(stated), most * static_cast<double>(taken));
    RecordProperty("stated_mb", std::to_string(stated >> 20));
    RecordProperty("taken_mb", std::to_string(taken >> 20));
  }
};

TEST_F(RecoveryMemoryOf, LargeLayersIsThatOfOneAtATime) {
  Random random(3);
  Graph g;
  g.inputs = {g.add_value("x", {8, 384})};
  ValueId v = g.inputs[0];
  for (const auto& [in, out] : {std::pair{384, 1024}, {1024, 384}})
    v = g.add_node("layer" + std::to_string(g.nodes.size()), linear(random, in, out), {v});
  g.outputs = {v};
  const Model fp32(g);
  const Tensor data = images({40, 8, 384});
  RecoverOptions how = parse_recovery("fast");
  how.samples = 40, how.products = 0, how.descent_products = 0, how.data = data;
  expect_bound(fp32, how, "int4-wo", 2.5);
  const RecoveryMemory memory = recovery_memory(fp32, nullptr, how);
  ASSERT_EQ(memory.layers.size(), 2u);
  EXPECT_EQ(memory.layers[1].name, "layer1");
  const std::size_t sum = memory.values + memory.models + memory.layers[1].bytes;
  EXPECT_EQ(memory.peak(), sum + sum / 8);
  how.steps = {RecoveryStep::gptq, RecoveryStep::qronos, RecoveryStep::bias};
  expect_bound(fp32, how, "int4-wo", 2.5);
}

// Values of 2 MB, of which as many samples are kept as kept_bytes allows: 32 at least.
TEST_F(RecoveryMemoryOf, LargeValuesIsBoundedByKeptBytes) {
  Random random(4);
  const auto conv = [&](std::int64_t in, std::int64_t out) {
    ops::Conv2dOp op;
    op.weight = Tensor(Shape{out, in, 3, 3});
    for (float& w : op.weight.data) w = 0.1f * random.gaussian();
    op.window = {.kernel = {3, 3}, .stride = {1, 1}, .dilation = {1, 1}, .pad = {1, 1, 1, 1}};
    op.activation.lo = 0.0f;
    return op;
  };
  Graph g;
  g.inputs = {g.add_value("x", {1, 64, 64})};
  const ValueId a = g.add_node("a", conv(1, 8), g.inputs), b = g.add_node("b", conv(8, 128), {a}),
                c = g.add_node("c", conv(128, 4), {b});
  g.outputs = {g.add_node("mean", ops::GlobalAveragePoolOp{}, {c})};
  const Model fp32(g);
  const Tensor data = images({64, 1, 64, 64});
  RecoverOptions how = parse_recovery("bias");
  how.samples = 64, how.products = 0, how.positions = 8, how.data = data;
  how.kept_bytes = 1;
  expect_bound(fp32, how, "int8-wo", 2.0);
  const std::size_t few = recovery_memory(fp32, nullptr, how).values;
  how.kept_bytes = std::size_t{48} * 4 << 20;
  const std::size_t more = recovery_memory(fp32, nullptr, how).values;
  EXPECT_LE(more, how.kept_bytes + (std::size_t{16} << 20)) << "the values of samples that run, too";
  EXPECT_GT(more, few * 5 / 4);
  how.kept_bytes = std::size_t{1} << 30;
  EXPECT_GT(recovery_memory(fp32, nullptr, how).values, more * 5 / 4) << "all 64";
}

}  // namespace
}  // namespace lowbit
#endif
