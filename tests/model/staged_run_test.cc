// SPDX-License-Identifier: Apache-2.0
// Models that run stage by stage: the values are those of a run of everything, and only those that nodes
// still to come read are kept.
#include "model/staged_run.h"

#include <gtest/gtest.h>

#include <array>
#include <cstring>

#include "lowbit/lowbit.h"
#include "model/copy_samples.h"
#include "support/random.h"

namespace lowbit {
namespace {

using testing::Random;

/// x -> conv a -> conv b + a -> clamp -> flatten -> fc; x is read once more, by a convolution at the end.
Model network() {
  Random random(8);
  const auto conv = [&](std::int64_t in, std::int64_t out) {
    ops::Conv2dOp op;
    op.weight = Tensor(Shape{out, in, 3, 3});
    for (float& w : op.weight.data) w = random.gaussian() * 0.2f;
    op.window = {.kernel = {3, 3}, .stride = {1, 1}, .dilation = {1, 1}, .pad = {1, 1, 1, 1}};
    return op;
  };
  Graph g;
  g.inputs = {g.add_value("x", {3, 6, 5})};
  const ValueId a = g.add_node("a", conv(3, 8), g.inputs);
  const ValueId b = g.add_node("b", conv(8, 8), {a, a});
  const ValueId c = g.add_node("c", conv(3, 8), g.inputs);
  g.outputs = {g.add_node("sum", ops::AddOp{}, {b, c})};
  return Model(g);
}

Tensor images(std::int64_t count) {
  Random random(9);
  Tensor t(Shape{count, 3, 6, 5});
  for (float& x : t.data) x = random.gaussian();
  return t;
}

std::vector<std::byte> bytes_of(const ops::TensorArg& value) {
  const SampleLayout l = value.type->layout();
  const std::size_t size =
      static_cast<std::size_t>(l.zero_pixel()) * (value.type->dtype == DType::f32 ? 4 : 1);
  return {value.data, value.data + size};
}

TEST(StagedRun, GivesTheValuesOfAWholeRunAndKeepsThoseThatAreStillRead) {
  const Model fp32 = network();
  const Tensor batch = images(7);
  const CalibrationTable table = calibrate(fp32, std::vector<Tensor>{batch});
  for (const char* scheme : {"int8", "int4-wo"}) {
    SCOPED_TRACE(scheme);
    const Model model = quantize(fp32, table, {.scheme = scheme});
    StagedRun run({model, fp32}, make_thread_pool(2), 0);
    run.add(batch);
    ASSERT_EQ(run.samples(), 7u);
    const std::array models{model, fp32};
    const std::vector<int> last[2] = {last_uses(model.graph()), last_uses(fp32.graph())};
    for (const std::size_t of_fp32 : {0u, 1u, 1u, 3u, 4u}) {
      const std::array<std::size_t, 2> nodes{of_fp32 + model.graph().nodes.size() - fp32.graph().nodes.size(),
                                             of_fp32};
      std::size_t seen = 0, kept[2] = {};
      run.advance(nodes, std::array<NodeChange, 2>{}, [&](std::size_t first, std::size_t count) {
        for (std::size_t i = first; i < first + count; ++i, ++seen)
          for (std::size_t m = 0; m < 2; ++m) {
            Workspace::State whole(models[m], WorkspaceOptions{}, true);
            const auto elements = static_cast<std::int64_t>(i) * fp32.input_shape().elements();
            copy_in({batch.data.data() + elements, with_batch(fp32.input_shape(), 1)}, whole.args()[0], 1);
            run_steps(whole, 1, nodes[m]);
            std::size_t bytes = 0;
            for (std::size_t v = 0; v < whole.args().size(); ++v) {
              const ops::TensorArg& value = run.values(i, m)[v];
              if (!value.data) continue;
              bytes += value.type->sample_bytes();
              EXPECT_EQ(bytes_of(value), bytes_of(whole.args()[v])) << models[m].graph().values[v].name;
              EXPECT_GE(last[m][v], static_cast<int>(nodes[m]));
            }
            kept[m] = bytes;
          }
      });
      EXPECT_EQ(seen, 7u);
      for (std::size_t m = 0; m < 2; ++m)
        EXPECT_EQ(kept[m], StagedRun::kept_bytes(models[m], std::span(&nodes[m], 1)));
    }
  }
}

/// floats and integers, both read again behind the first stage
Model network_of_two_inputs() {
  Graph g;
  g.has_batch = false;
  g.inputs = {g.add_value("x", {2, 3}), g.add_value("numbers", {2})};
  g.values[1].element = ElementType::i64;
  ops::LinearOp fc;
  fc.weight = Tensor(Shape{3, 3}, {1, 2, 3, 4, 5, 6, 7, 8, 9});
  ops::EmbeddingOp table;
  table.weight = Tensor(Shape{4, 3}, {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12});
  const ValueId a = g.add_node("a", fc, {g.inputs[0]}), b = g.add_node("b", fc, {a});
  const ValueId rows = g.add_node("table", table, {g.inputs[1]});
  g.outputs = {g.add_node("sum", ops::AddOp{}, {g.add_node("with x", ops::AddOp{}, {b, g.inputs[0]}), rows})};
  return Model(g);
}

TEST(StagedRun, TakesSeveralInputs) {
  const Model model = network_of_two_inputs();
  SampleSet samples(model);
  for (std::int64_t i = 0; i < 3; ++i) {
    arrays::Array x({ElementType::f32, {2, 3}}), numbers({ElementType::i64, {2}});
    for (float& v : x.floats) v = static_cast<float>(i + 1);
    numbers.integers = {i, i + 1};
    samples.append(std::vector{x.view(), numbers.view()}, 0);
  }
  StagedRun run({model, model}, make_thread_pool(2), 0);
  run.add(samples.views());
  ASSERT_EQ(run.samples(), 3u);
  const std::size_t all = model.graph().nodes.size();
  for (const std::size_t node : {std::size_t{1}, all - 1})
    run.advance(std::array{node, node}, std::array<NodeChange, 2>{},
                [&](std::size_t first, std::size_t count) {
                  for (std::size_t i = first; i < first + count; ++i) {
                    Workspace::State whole(model, WorkspaceOptions{}, true);
                    const std::vector<arrays::ArrayView> one = samples.views(static_cast<std::int64_t>(i), 1);
                    for (std::size_t n = 0; n < one.size(); ++n)
                      copy_in(one[n], whole.args()[static_cast<std::size_t>(model.graph().inputs[n])], 1);
                    run_steps(whole, 1, node);
                    for (std::size_t m = 0; m < 2; ++m) {
                      std::size_t seen = 0;
                      for (std::size_t v = 0; v < whole.args().size(); ++v) {
                        const ops::TensorArg& value = run.values(i, m)[v];
                        if (!value.data) continue;
                        ++seen;
                        const std::size_t bytes = static_cast<std::size_t>(value.type->shape.elements()) *
                                                  (value.type->dtype == DType::i64 ? 8 : 4);
                        EXPECT_EQ(std::memcmp(value.data, whole.args()[v].data, bytes), 0)
                            << model.graph().values[v].name;
                      }
                      EXPECT_EQ(seen, node == 1 ? 3u : 2u);
                    }
                  }
                });
}

TEST(StagedRun, RunsNodesInTheFormTheyAreChangedTo) {
  const Model fp32 = network();
  StagedRun run({fp32}, make_thread_pool(1), 0);
  run.add(images(1));
  const std::array<NodeChange, 1> zero{[](int node, ops::Op& op, NodeQuantization&) {
    if (node == 0) std::ranges::fill(std::get<ops::Conv2dOp>(op).weight.data, 0.0f);
  }};
  run.advance(std::array<std::size_t, 1>{1}, zero, [](std::size_t, std::size_t) {});
  const ops::TensorArg& a = run.values(0, 0)[static_cast<std::size_t>(fp32.graph().nodes[0].output)];
  for (std::int64_t i = 0; i < 8 * 30; ++i) EXPECT_EQ(a.sample<float>(0)[i], 0.0f);
}

}  // namespace
}  // namespace lowbit
