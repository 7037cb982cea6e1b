// SPDX-License-Identifier: Apache-2.0
// Open dimensions down to 1 and 0, where an import at that size has other nodes: results are those of that
// import, within rounding.
#include <gtest/gtest.h>

#include <cmath>

#include "io/onnx/open_runs.h"
#include "lowbit/model/quantize.h"
#include "lowbit/model/serialize.h"
#include "support/error_of.h"

namespace lowbit::testing {
namespace {

void expect_near(const Arrays& a, const Arrays& b, float bound, const std::string& what) {
  ASSERT_EQ(a.size(), b.size());
  for (std::size_t i = 0; i < a.size(); ++i) {
    ASSERT_EQ(a[i].type.shape, b[i].type.shape) << what;
    for (std::size_t e = 0; e < a[i].floats.size(); ++e)
      ASSERT_NEAR(a[i].floats[e], b[i].floats[e], bound) << what << ", output " << i << ", element " << e;
  }
}

class SmallSizes : public ::testing::TestWithParam<std::string> {
 protected:
  OpenNetwork network_ = small_network(GetParam());
};

INSTANTIATE_TEST_SUITE_P(Networks, SmallSizes, ::testing::ValuesIn(small_network_names()),
                         [](const auto& test) { return test.param; });

TEST_P(SmallSizes, GiveTheResultsOfTheFixedImport) {
  const Model open = load_open(network_);
  EXPECT_EQ(open.graph().open, network_.open);
  const Model loaded = load(save_to_bytes(open));
  Workspace workspace(open), of_loaded(loaded);
  for (const Sizes& sizes : network_.sizes) {
    const Arrays in = random_inputs(network_, sizes), out = arrays_of(open, in, workspace);
    expect_near(out, arrays_of(load_fixed(network_, sizes), in), 1e-5f, text_of(sizes));
    expect_same(out, arrays_of(loaded, in, of_loaded), text_of(sizes));
  }
}

TEST_P(SmallSizes, QuantizedAsTheGraphAtThatSize) {
  const Model open = load_open(network_);
  for (const char* scheme : {"int8-dynamic", "int8-wo"}) {
    const Model quantized = quantize(open, {.scheme = scheme});
    Workspace workspace(quantized);
    for (const Sizes& sizes : network_.sizes) {
      const Model fixed = quantize(Model(graph_at(open.graph(), sizes)), {.scheme = scheme});
      const Arrays in = random_inputs(network_, sizes);
      expect_same(arrays_of(quantized, in, workspace), arrays_of(fixed, in),
                  scheme + (" at " + text_of(sizes)));
    }
  }
}

TEST(SmallSizes, AnotherNetworkThereIsRefused) {
  const std::string sentence =
      error_of([&] { load_open(refused_network("short branch")); }, ErrorCode::unsupported);
  EXPECT_TRUE(says(sentence, {"net.onnx", "at 'sequence' 1 it is another network", "'y' differs"}));
}

}  // namespace
}  // namespace lowbit::testing
