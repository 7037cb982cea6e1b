// SPDX-License-Identifier: Apache-2.0
// LSTM and GRU of constant weights become operators of lowbit: against the functions of arrays, which the
// standard's own cases hold.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "io/onnx/array_node.h"
#include "io/onnx/onnx_builder.h"
#include "lowbit/io/onnx/load.h"
#include "lowbit/model/quantize.h"
#include "lowbit/model/serialize.h"
#include "support/random.h"

namespace lowbit::testing {
namespace {

using arrays::Array;

Array random_array(const Shape& shape, std::uint64_t seed, float scale) {
  Array a(arrays::ArrayType{lowbit::ElementType::f32, shape});
  Random random(seed);
  for (float& v : a.floats) v = scale * (2 * random.uniform() - 1);
  return a;
}

/// A GRU resets what the state gives, or the state.
enum class Cell { lstm, gru, gru_of_reset };
constexpr Cell kCells[] = {Cell::lstm, Cell::gru, Cell::gru_of_reset};

struct RecurrentCase {
  Cell cell = Cell::lstm;
  const char* direction = "forward";
  bool has_bias = true, has_states = true;
  std::int64_t steps = 6, batch = 3;

  bool is_lstm() const { return cell == Cell::lstm; }
  std::int64_t directions() const { return std::string(direction) == "bidirectional" ? 2 : 1; }
};

constexpr std::int64_t kFeatures = 5, kHidden = 7;

struct RecurrentNetwork {
  OnnxBuilder file{14};
  std::vector<Array> arrays;           ///< of the node's inputs
  std::vector<const Array*> operands;  ///< null: left out
  std::vector<const Array*> fed;       ///< those that are inputs of the graph
  explicit RecurrentNetwork(const RecurrentCase& c) {
    const std::int64_t d = c.directions(), gates = c.is_lstm() ? 4 : 3, width = gates * kHidden;
    arrays = {random_array({c.steps, c.batch, kFeatures}, 1, 2), random_array({d, width, kFeatures}, 2, 0.6f),
              random_array({d, width, kHidden}, 3, 0.6f),        random_array({d, 2 * width}, 4, 0.5f),
              random_array({d, c.batch, kHidden}, 5, 1),         random_array({d, c.batch, kHidden}, 6, 1)};
    std::vector<std::string> names{"x", "w", "r", c.has_bias ? "b" : ""};
    if (c.has_states) names.insert(names.end(), {"", "h"});
    if (c.has_states && c.is_lstm()) names.push_back("c");
    auto node = file.node(c.is_lstm() ? "LSTM" : "GRU", names, "y");
    node.output("y_h").with("hidden_size", kHidden).with("direction", c.direction);
    if (c.is_lstm()) node.output("y_c");
    if (c.cell == Cell::gru) node.with("linear_before_reset", 1);
    const std::string all[] = {"x", "w", "r", "b", "h", "c"};
    for (const std::string& name : names) {
      const auto at = static_cast<std::size_t>(std::ranges::find(all, name) - std::begin(all));
      operands.push_back(name.empty() ? nullptr : &arrays[at]);
      if (name.empty()) continue;
      const std::vector<std::int64_t> dims(arrays[at].type.shape.dims().begin(),
                                           arrays[at].type.shape.dims().end());
      if (at >= 1 && at <= 3) {
        file.floats(name, dims, arrays[at].floats);
      } else {
        file.input(name, dims);
        fed.push_back(&arrays[at]);
      }
    }
    for (const char* name : {"y", "y_h", "y_c"})
      if (c.is_lstm() || std::string(name) != "y_c") file.output(name);
  }
  RecurrentNetwork(const RecurrentNetwork&) = delete;
  RecurrentNetwork& operator=(const RecurrentNetwork&) = delete;

  Model model() const {
    const std::string bytes = file.bytes();
    return load_onnx(std::as_bytes(std::span(bytes)));
  }
  std::vector<Array> expected() {
    return onnx_import::apply(file.graph().node(0), 14, operands,
                              [](const onnx::TensorProto&) { return Array(); });
  }
  std::vector<Array> run(const Model& model) const {
    std::vector<arrays::ArrayView> in;
    for (const Array* array : fed) in.push_back(array->view());
    std::vector<Array> results;
    std::vector<arrays::MutableArrayView> out;
    for (std::size_t i = 0; i < model.output_count(); ++i)
      results.emplace_back(arrays::ArrayType{lowbit::ElementType::f32, model.output_shape(i)});
    for (Array& array : results) out.push_back(array.mutable_view());
    Workspace workspace(model, {});
    lowbit::run(model, in, out, workspace);
    return results;
  }
};

int count_recurrent(const Model& model) {
  return static_cast<int>(std::ranges::count_if(model.graph().nodes, [](const Graph::Node& node) {
    return std::holds_alternative<ops::RecurrentOp>(node.op);
  }));
}

double relative_error(const std::vector<Array>& got, const std::vector<Array>& want) {
  double errors = 0, squares = 0;
  EXPECT_EQ(got.size(), want.size());
  for (std::size_t i = 0; i < want.size(); ++i) {
    EXPECT_EQ(got[i].type.shape, want[i].type.shape);
    for (std::size_t k = 0; k < want[i].floats.size(); ++k) {
      const double difference =
          static_cast<double>(got[i].floats[k]) - static_cast<double>(want[i].floats[k]);
      errors += difference * difference;
      squares += static_cast<double>(want[i].floats[k]) * static_cast<double>(want[i].floats[k]);
    }
  }
  return std::sqrt(errors / squares);
}

TEST(OnnxRecurrent, OfConstantWeightsIsAnOperatorForEachDirection) {
  for (const Cell cell : kCells)
    for (const char* direction : {"forward", "reverse", "bidirectional"})
      for (const bool has_bias : {true, false})
        for (const bool has_states : {true, false})
          for (const std::int64_t batch : {1, 3})
            for (const std::int64_t steps : {1, 6}) {
              const RecurrentCase c{cell, direction, has_bias, has_states, steps, batch};
              RecurrentNetwork network(c);
              const Model model = network.model();
              EXPECT_EQ(count_recurrent(model), c.directions());
              EXPECT_LT(relative_error(network.run(model), network.expected()), 1e-6) << direction;
            }
}

TEST(OnnxRecurrent, QuantizesAndComesBackFromAFile) {
  for (const Cell cell : kCells) {
    RecurrentNetwork network({cell, "bidirectional"});
    const Model model = network.model();
    for (const char* scheme : {"int8-dynamic", "int8-wo", "int4-g32-wo"}) {
      const Model quantized = quantize(model, {.scheme = scheme});
      int steps = 0;
      for (std::size_t i = 0; i < quantized.graph().nodes.size(); ++i)
        if (std::holds_alternative<ops::RecurrentOp>(quantized.graph().nodes[i].op))
          steps += quantized.quantization(static_cast<int>(i)).name() == scheme;
      EXPECT_EQ(steps, 2) << scheme;
      const std::vector<Array> got = network.run(quantized);
      EXPECT_LT(relative_error(got, network.expected()),
                std::string(scheme).starts_with("int4") ? 0.15 : 0.02)
          << scheme;
      const Model again = load(save_to_bytes(quantized));
      const std::vector<Array> same = network.run(again);
      for (std::size_t i = 0; i < got.size(); ++i) EXPECT_EQ(got[i].floats, same[i].floats) << scheme;
    }
  }
}

/// Forms that the functions of arrays have alone.
TEST(OnnxRecurrent, OtherFormsStayArrays) {
  const auto with = [](auto change) {
    RecurrentNetwork network({Cell::lstm});
    change(*network.file.graph().mutable_node(0));
    const Model model = network.model();
    EXPECT_EQ(count_recurrent(model), 0);
    EXPECT_EQ(relative_error(network.run(model), network.expected()), 0.0);
  };
  const auto attribute = [](onnx::NodeProto& node, const char* name,
                            onnx::AttributeProto::AttributeType type) {
    onnx::AttributeProto* a = node.add_attribute();
    a->set_name(name);
    a->set_type(type);
    return a;
  };
  with([&](onnx::NodeProto& node) { attribute(node, "clip", onnx::AttributeProto::FLOAT)->set_f(0.5f); });
  with([&](onnx::NodeProto& node) { attribute(node, "input_forget", onnx::AttributeProto::INT)->set_i(1); });
  with([&](onnx::NodeProto& node) {
    onnx::AttributeProto* a = attribute(node, "activations", onnx::AttributeProto::STRINGS);
    for (const char* name : {"Sigmoid", "Relu", "Tanh"}) a->add_strings(name);
  });
}

}  // namespace
}  // namespace lowbit::testing
