// SPDX-License-Identifier: Apache-2.0
// Dimensions that stay open until a model runs: at every size it must give, bit for bit, what the same file
// gives that was imported at that size.
#include <gtest/gtest.h>

#include <cstring>
#include <thread>

#include "io/onnx/open_runs.h"
#include "lowbit/core/error.h"
#include "lowbit/io/onnx/load.h"
#include "lowbit/model/calibrate.h"
#include "lowbit/model/evaluate.h"
#include "lowbit/model/quantize.h"
#include "lowbit/model/serialize.h"
#include "support/counting_new.h"
#include "support/error_of.h"
#include "support/mend_checksum.h"
#include "support/random.h"

namespace lowbit::testing {
namespace {

/// The same ranges for the same values of another model.
CalibrationTable table_for(const Model& model, CalibrationTable table) {
  table.model = fingerprint(model);
  for (std::size_t v = 0; v < table.entries.size(); ++v) {
    EXPECT_EQ(table.entries[v].value, model.graph().values[v].name);
    table.entries[v].shape = model.graph().values[v].shape;
  }
  return table;
}

std::int64_t batch_of(const OpenNetwork& network, const Arrays& in) {
  return network.has_batch ? in[0].type.shape[0] : 1;
}

class OpenShapes : public ::testing::TestWithParam<std::string> {
 protected:
  OpenNetwork network_ = open_network(GetParam());
};

INSTANTIATE_TEST_SUITE_P(Networks, OpenShapes, ::testing::ValuesIn(open_network_names()),
                         [](const auto& test) { return test.param; });

TEST_P(OpenShapes, GiveTheBitsOfTheFixedImport) {
  const Model open = load_open(network_);
  ASSERT_EQ(open.graph().has_batch, network_.has_batch);
  ASSERT_EQ(open.graph().open, network_.open);
  Workspace workspace(open, {.batch = 3});
  for (const Sizes& sizes : network_.sizes) {
    const Model fixed = load_fixed(network_, sizes);
    EXPECT_TRUE(fixed.graph().open.empty());
    const Arrays in = random_inputs(network_, sizes);
    const std::int64_t batch = batch_of(network_, in);
    expect_same(arrays_of(open, in, workspace, batch), arrays_of(fixed, in, batch), text_of(sizes));
  }
}

TEST_P(OpenShapes, QuantizedToo) {
  const Model open = load_open(network_);
  std::vector<Arrays> samples;
  for (const Sizes& sizes : network_.sizes) samples.push_back(random_inputs(network_, sizes, 5));
  Calibrator calibrator(open);
  for (const Arrays& sample : samples) calibrator.add(views(sample));
  const CalibrationTable table = calibrator.finish();
  for (const char* scheme : {"int8", "int8-dynamic", "int8-wo", "int4-g4-wo"}) {
    const Model quantized = quantize(open, table, {.scheme = scheme});
    ASSERT_TRUE(quantized.is_quantized());
    ASSERT_EQ(quantized.graph().open, network_.open) << scheme;
    const Model loaded = load(save_to_bytes(quantized));
    Workspace workspace(quantized, {.batch = 3}), of_loaded(loaded, {.batch = 3});
    for (const Sizes& sizes : network_.sizes) {
      const Model fixed_fp32 = load_fixed(network_, sizes);
      const Model fixed = quantize(fixed_fp32, table_for(fixed_fp32, table), {.scheme = scheme});
      const Arrays in = random_inputs(network_, sizes);
      const std::int64_t batch = batch_of(network_, in);
      const Arrays expected = arrays_of(fixed, in, batch);
      const std::string what = std::string(scheme) + " at " + text_of(sizes);
      expect_same(arrays_of(quantized, in, workspace, batch), expected, what);
      expect_same(arrays_of(loaded, in, of_loaded, batch), expected, what + ", from a file");
    }
  }
}

TEST_P(OpenShapes, FilesGiveTheSameBytes) {
  const Model open = load_open(network_);
  const std::vector<std::byte> bytes = save_to_bytes(open);
  const Model loaded = load(bytes);
  EXPECT_EQ(loaded.graph().open, network_.open);
  EXPECT_EQ(save_to_bytes(loaded), bytes);
  for (const Sizes& sizes : network_.sizes) {
    const Arrays in = random_inputs(network_, sizes);
    const std::int64_t batch = batch_of(network_, in);
    expect_same(arrays_of(loaded, in, batch), arrays_of(open, in, batch), text_of(sizes));
  }
}

TEST_P(OpenShapes, GraphAtGivesTheFixedGraph) {
  const Model open = load_open(network_);
  for (const Sizes& sizes : network_.sizes) {
    const Sizes kept(sizes.begin() + (network_.has_batch ? 1 : 0), sizes.end());
    const Arrays in = random_inputs(network_, sizes);
    const std::int64_t batch = batch_of(network_, in);
    const Model fixed(graph_at(open.graph(), kept));
    expect_same(arrays_of(fixed, in, batch), arrays_of(load_fixed(network_, sizes), in, batch),
                text_of(sizes));
  }
}

TEST_P(OpenShapes, SizesSeenBeforeTakeNoMemory) {
  const Model open = load_open(network_);
  const Model dynamic = quantize(open, {.scheme = "int8-dynamic"});
  for (const Model& model : {open, dynamic}) {
    Workspace workspace(model, {.batch = 3});
    std::vector<Arrays> in, out;
    for (const Sizes& sizes : network_.sizes) {
      in.push_back(random_inputs(network_, sizes));
      out.push_back(arrays_of(model, in.back(), workspace, batch_of(network_, in.back())));
    }
    for (std::size_t i = 0; i < in.size(); ++i) {
      std::vector<arrays::ArrayView> views_in = views(in[i]);
      std::vector<arrays::MutableArrayView> views_out;
      for (Array& a : out[i]) views_out.push_back(a.mutable_view());
      const std::size_t before = allocations();
      run(model, views_in, std::span<const arrays::MutableArrayView>(views_out), workspace);
      EXPECT_EQ(allocations(), before) << text_of(network_.sizes[i]);
    }
  }
}

TEST_P(OpenShapes, ThreadsWithAWorkspaceEachAtDifferentSizes) {
  const Model open = load_open(network_);
  std::vector<Arrays> in, expected, got(network_.sizes.size());
  for (const Sizes& sizes : network_.sizes) {
    in.push_back(random_inputs(network_, sizes));
    expected.push_back(arrays_of(load_fixed(network_, sizes), in.back(), batch_of(network_, in.back())));
  }
  std::vector<std::thread> threads;
  for (std::size_t t = 0; t < in.size(); ++t)
    threads.emplace_back([&, t] {
      Workspace workspace(open, {.batch = 3});
      for (std::size_t round = 0; round < in.size(); ++round) {
        const std::size_t i = (t + round) % in.size();
        Arrays out = arrays_of(open, in[i], workspace, batch_of(network_, in[i]));
        if (i == t) got[t] = std::move(out);
      }
    });
  for (std::thread& thread : threads) thread.join();
  for (std::size_t t = 0; t < in.size(); ++t) expect_same(got[t], expected[t], text_of(network_.sizes[t]));
}

TEST_P(OpenShapes, ComparesModelsAtTheSizesOfSamples) {
  const Model open = load_open(network_);
  const Model dynamic = quantize(open, {.scheme = "int8-dynamic"});
  ModelComparer same(open, open), other(open, dynamic);
  for (const Sizes& sizes : network_.sizes) {
    const Arrays in = random_inputs(network_, sizes);
    same.add(views(in));
    other.add(views(in));
  }
  EXPECT_EQ(same.result().outputs[0].error.max, 0);
  EXPECT_GT(other.result().outputs[0].error.max, 0);
  EXPECT_GT(other.result().outputs[0].error.sqnr_db, 10);
}

TEST(OpenShape, WorkspacesAreForSizesUpToTheirs) {
  const OpenNetwork network = open_network("encoder");
  const Model open = load_open(network);
  Workspace small(open, {.sizes = {{"sequence", 5}}}), large(open);
  EXPECT_LT(small.bytes(), large.bytes());
  const Arrays fits = random_inputs(network, {1, 5}), does_not = random_inputs(network, {1, 6});
  expect_same(arrays_of(open, fits, small), arrays_of(open, fits, large), "5");
  error_of([&] { arrays_of(open, does_not, small); }, ErrorCode::invalid_argument);
  error_of([&] { Workspace(open, {.sizes = {{"length", 5}}}); }, ErrorCode::invalid_argument);
  error_of([&] { Workspace(open, {.sizes = {{"sequence", 500}}}); }, ErrorCode::shape_mismatch);
}

TEST(OpenShape, MoreSizesThanAWorkspaceRemembers) {
  const OpenNetwork network = open_network("encoder");
  const Model open = load_open(network);
  Workspace workspace(open);
  for (int round = 0; round < 2; ++round)
    for (std::int64_t batch = 1; batch <= 3; ++batch)
      for (std::int64_t length = 2; length <= 20; ++length) {
        const Arrays in = random_inputs(network, {batch, length});
        expect_same(arrays_of(open, in, workspace), arrays_of(open, in), text_of({batch, length}));
      }
}

TEST(OpenShape, OneCopyOfTheWeights) {
  const OpenNetwork network = open_network("wide");
  const Model fp32 = load_open(network);
  const std::size_t weights = fp32.stored_bytes();
  for (const char* scheme : {"fp32", "int8-dynamic", "int8-wo"}) {
    const Model model = quantize(fp32, {.scheme = scheme});
    Workspace workspace(model);
    const std::size_t before = live_bytes();
    for (const std::int64_t length : {3, 4, 5, 6, 7, 8, 9, 10}) {
      const Arrays in = random_inputs(network, {1, length});
      arrays_of(model, in, workspace);
    }
    EXPECT_LT(live_bytes() - before, weights / 20) << scheme;
  }
}

TEST(OpenShape, RunRefusesSizesThatDoNotFit) {
  const OpenNetwork network = open_network("cache");
  const Model open = load_open(network);
  Workspace workspace(open);
  Arrays in = random_inputs(network, {4, 6});
  const auto sentence = [&] {
    return error_of([&] { arrays_of(open, in, workspace); }, ErrorCode::shape_mismatch);
  };
  Array other(arrays::ArrayType{lowbit::ElementType::f32, Shape{1, 2, 7, 4}});
  in[2] = other;  // the values of another number of tokens than the keys
  EXPECT_TRUE(says(sentence(), {"'past' is 6 in 'past_keys' and 7 in 'past_values'"}));
  in = random_inputs(network, {4, 200});
  EXPECT_TRUE(says(sentence(), {"'past' is 200; the model takes 1 to 20"}));
}

TEST(OpenShape, RefusesWhatFollowsNoRule) {
  for (const char* name : {"root", "product", "branch"}) {
    const std::string sentence = error_of([&] { load_open(refused_network(name)); }, ErrorCode::unsupported);
    EXPECT_TRUE(says(sentence, {"net.onnx", "node '", "'sequence' (2 instead of 16)"}));
  }
}

TEST(OpenShape, RefusesDimensionsThatAreNone) {
  const OpenNetwork network = open_network("encoder");
  const std::string bytes = network.file.bytes();
  const auto sentence = [&](std::vector<OpenDimension> open) {
    return error_of([&] { load_onnx(std::as_bytes(std::span(bytes)), "net.onnx", {}, {.open = open}); },
                    ErrorCode::invalid_argument);
  };
  EXPECT_TRUE(says(sentence({{"batch", 1, 3}, {"sequence", 2, 20}, {"length", 1, 9}}), {"'length'"}));
  EXPECT_TRUE(says(sentence({{"batch", 1, 3}, {"sequence", 9, 1}}), {"'sequence' goes from 9 to 1"}));
  EXPECT_TRUE(says(sentence({{"batch", 1, 3}, {"sequence", -1, 9}}), {"'sequence' goes from -1 to 9"}));
}

TEST(OpenShape, DimensionsByTheirPlace) {
  OpenNetwork network = open_network("image");
  const Arrays in = random_inputs(network, {2, 21});
  const Arrays expected = arrays_of(load_fixed(network, {2, 21}), in, 2);
  network.open[0].name = "x[3]";
  expect_same(arrays_of(load_open(network), in, 2), expected, "21");
  network.open[0].name = "x[2]";  // which the file fixes
  EXPECT_TRUE(says(error_of([&] { load_open(network); }, ErrorCode::invalid_argument), {"'x[2]'", "12"}));
}

TEST(OpenShape, DamagedFilesAreRefusedOrRun) {
  const OpenNetwork network = open_network("encoder");
  const std::vector<std::byte> good = save_to_bytes(load_open(network));
  const Arrays in = random_inputs(network, {2, 7});
  int refused = 0;
  // Behind the nodes lie dimensions and rules.
  for (std::size_t at = good.size() - 1500; at < good.size(); at += 3) {
    std::vector<std::byte> bad = good;
    bad[at] ^= std::byte{0x41};
    mend_checksum(bad);
    try {
      const Model model = load(bad);
      arrays_of(model, in);
    } catch (const Error&) {
      ++refused;
    }
  }
  EXPECT_GT(refused, 100);
}

}  // namespace
}  // namespace lowbit::testing
