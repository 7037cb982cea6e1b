// SPDX-License-Identifier: Apache-2.0
// What `lowbit info FILE` says of the packed weights.
#include "report/model_info.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "lowbit/kernels/gemm.h"
#include "lowbit/model/quantize.h"
#include "support/random.h"

namespace lowbit::report {
namespace {

TEST(ModelInfo, ShowsWhatPackingFoundOut) {
  ModelInfo info;
  EXPECT_EQ(format_model_info(info, false).find("packing"), std::string::npos);
  EXPECT_FALSE(to_json(info).contains("packing"));
  info.packing = {.pairs = 1000, .excess_pairs = 20, .panels = 5, .proven_panels = 2, .wide_panels = 1};
  const std::string text = format_model_info(info, false);
  for (const char* part :
       {"\npacking: ", "1000 pairs", "20 excess pairs", " 5 panels", " 2 of them", " 1 panels"})
    EXPECT_NE(text.find(part), std::string::npos) << part << " in " << text;
  const nlohmann::json json = to_json(info)["packing"];
  EXPECT_EQ(json["pairs"], 1000);
  EXPECT_EQ(json["excess_pairs"], 20);
  EXPECT_EQ(json["panels"], 5);
  EXPECT_EQ(json["proven_panels"], 2);
  EXPECT_EQ(json["wide_panels"], 1);
}

/// Bell-shaped weights, so that some pairs of neighbours could saturate.
Model gaussian_model() {
  testing::Random random(7);
  Graph graph;
  graph.inputs = {graph.add_value("x", Shape{64})};
  std::vector<ValueId> last = graph.inputs;
  for (const char* name : {"first", "second"}) {
    ops::LinearOp op;
    op.weight = Tensor(Shape{64, 64});
    for (float& w : op.weight.data) w = random.gaussian();
    last = {graph.add_node(name, op, last)};
  }
  graph.outputs = last;
  infer_shapes(graph);
  return Model(std::move(graph));
}

TEST(ModelInfo, SumsTheReportsOfTheLayers) {
  const Model model = quantize(gaussian_model(), {.scheme = "int8-dynamic", .overrides = {}});
  PackReport sum;
  for (int i = 0; i < 2; ++i)
    sum += kernels::PackedWeights(model.quantization(i).weights->spec(), active_isa()).report();
  const PackReport shown = describe(model, "net.lowbit").packing;
  EXPECT_EQ(shown.pairs, sum.pairs);
  EXPECT_EQ(shown.excess_pairs, sum.excess_pairs);
  EXPECT_EQ(shown.panels, sum.panels);
  EXPECT_EQ(shown.proven_panels, sum.proven_panels);
  EXPECT_EQ(shown.wide_panels, sum.wide_panels);
}

}  // namespace
}  // namespace lowbit::report
