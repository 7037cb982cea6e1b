// SPDX-License-Identifier: Apache-2.0
// What tests of fusion share: the graph before and after goes through the interpreter, and has to give the
// same.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "lowbit/model/graph.h"
#include "support/graph_interpreter.h"
#include "support/random.h"

namespace lowbit::testing {

inline std::vector<float> random_vector(Random& r, std::int64_t n) {
  std::vector<float> v;
  for (std::int64_t i = 0; i < n; ++i) v.push_back(r.uniform());
  return v;
}

/// Outputs keep names, shapes and values on random inputs.
inline void expect_same_outputs(const Graph& before, const Graph& after, Random& random) {
  std::vector<Sample> in;
  for (const ValueId id : before.inputs) {
    const Shape& shape = before.values[static_cast<std::size_t>(id)].shape;
    in.push_back({shape, {}});
    for (std::int64_t i = 0; i < shape.elements(); ++i) in.back().data.push_back(random.uniform());
  }
  const auto want = interpret(before, in), got = interpret(after, in);
  EXPECT_EQ(want.size(), got.size());
  for (std::size_t o = 0; o < want.size(); ++o) {
    EXPECT_EQ(want[o].shape, got[o].shape);
    EXPECT_EQ(before.values[static_cast<std::size_t>(before.outputs[o])].name,
              after.values[static_cast<std::size_t>(after.outputs[o])].name);
    for (std::size_t i = 0; i < want[o].data.size(); ++i)
      EXPECT_NEAR(want[o].data[i], got[o].data[i], 1e-5) << "output " << o << " element " << i;
  }
}

/// The names of its operators, with spaces between them.
inline std::string ops_of(const Graph& g) {
  std::string text;
  for (const Graph::Node& n : g.nodes) {
    if (!text.empty()) text.push_back(' ');
    text.append(ops::op_name(n.op));
  }
  return text;
}

}  // namespace lowbit::testing
