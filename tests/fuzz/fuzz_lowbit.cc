// SPDX-License-Identifier: Apache-2.0
// .lowbit files, with a checksum that fits what was changed.
#include <fstream>
#include <iterator>

#include "data/glyphs.h"
#include "fuzz.h"
#include "lowbit/model/quantize.h"
#include "lowbit/model/serialize.h"
#include "run_briefly.h"
#include "support/mend_checksum.h"
#include "support/random.h"

namespace lowbit::fuzz {

void try_input(std::span<const std::byte> input) {
  Bytes file(input.begin(), input.end());
  if (file.size() >= 24) testing::mend_checksum(file);
  run_briefly(load(file));
}

std::vector<Bytes> seeds() {
  testing::Random random(1);
  const auto floats = [&](std::size_t count) {
    std::vector<float> values(count);
    for (float& v : values) v = random.uniform();
    return values;
  };
  Graph graph;
  const ValueId x = graph.add_value("x", Shape{2, 6, 6});
  graph.inputs = {x};
  ops::Conv2dOp conv{Tensor(Shape{4, 2, 3, 3}, floats(72)), floats(4), {}, 1, {0.0f, 6.0f}};
  conv.window.kernel = {3, 3};
  conv.window.pad = {1, 1, 1, 1};
  const ValueId c = graph.add_node("conv", conv, {x});
  const ValueId pooled = graph.add_node("pool", ops::GlobalAveragePoolOp{}, {c});
  const ValueId flat = graph.add_node("flat", ops::FlattenOp{}, {pooled});
  const ValueId y = graph.add_node("head", ops::LinearOp{Tensor(Shape{3, 4}, floats(12)), {}, {}}, {flat});
  graph.outputs = {y};
  const Model fp32(graph);
  std::vector<Bytes> all{save_to_bytes(fp32)};
  for (const char* scheme : {"int8-dynamic", "int8-wo", "int4-g4-wo", "kmeans4-wo", "ternary-wo"})
    all.push_back(save_to_bytes(quantize(fp32, {.scheme = scheme})));
  // Compressed, and with a layer that is large enough to have a table.
  graph.nodes.back().op = ops::LinearOp{Tensor(Shape{700, 4}, floats(2800)), {}, {}};
  const Model larger(graph);
  all.push_back(save_to_bytes(larger, {.compress = true}));
  for (const char* scheme : {"int8-dynamic", "int4-wo"})
    all.push_back(save_to_bytes(quantize(larger, {.scheme = scheme}), {.compress = true}));
  return all;
}

}  // namespace lowbit::fuzz
