// SPDX-License-Identifier: Apache-2.0
// ONNX's cases of Cast and CastLike as files: each must load and give what it says, bit for bit, or be
// refused for a type that arrays have not. docs/number-formats.md has the numbers.
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <onnx/onnx_pb.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <fstream>
#include <iterator>
#include <span>
#include <string>
#include <vector>

#include "core/onnx_cast_cases.h"
#include "lowbit/core/error.h"
#include "lowbit/io/onnx/load.h"
#include "lowbit/model/model.h"

namespace lowbit::testing {
namespace {

void describe_value(onnx::ValueInfoProto* value, const char* name, const OnnxType& type,
                    const std::vector<std::int64_t>& shape) {
  value->set_name(name);
  auto* tensor = value->mutable_type()->mutable_tensor_type();
  tensor->set_elem_type(type.number);
  tensor->mutable_shape();
  for (const std::int64_t d : shape) tensor->mutable_shape()->add_dim()->set_dim_value(d);
}

void add_integer(onnx::NodeProto& node, const char* name, std::int64_t value) {
  auto* a = node.add_attribute();
  a->set_name(name);
  a->set_type(onnx::AttributeProto::INT);
  a->set_i(value);
}

std::string file_of(const OnnxCastCase& c, bool as_constant) {
  onnx::ModelProto model;
  model.set_ir_version(11);
  model.add_opset_import()->set_version(25);
  auto& graph = *model.mutable_graph();
  graph.set_name(c.name);
  if (as_constant) {
    auto& tensor = *graph.add_initializer();
    tensor.set_name("input");
    tensor.set_data_type(c.from.number);
    for (const std::int64_t d : c.shape) tensor.add_dims(d);
    tensor.set_raw_data(c.input.data(), c.input.size());
  } else {
    describe_value(graph.add_input(), "input", c.from, c.shape);
  }
  if (c.like) describe_value(graph.add_input(), "like", c.to, {0});
  describe_value(graph.add_output(), "output", c.to, c.shape);
  auto& node = *graph.add_node();
  const bool is_like = c.like && !c.expanded;
  node.set_op_type(is_like ? "CastLike" : "Cast");
  node.add_input("input");
  if (is_like) node.add_input("like");
  node.add_output("output");
  if (!is_like) add_integer(node, "to", c.to.number);
  if (!c.saturate) add_integer(node, "saturate", 0);
  return model.SerializeAsString();
}

arrays::Array array_of(ElementType type, const std::vector<std::int64_t>& shape,
                       const std::vector<std::uint8_t>& bytes) {
  arrays::Array array(arrays::ArrayType{type, Shape(shape)});
  const auto values = oracle_values(type, bytes, static_cast<std::size_t>(array.type.shape.elements()));
  for (std::size_t i = 0; i < values.size(); ++i)
    if (is_float(type))
      array.floats[i] = static_cast<float>(values[i]);
    else
      array.integers[i] = static_cast<std::int64_t>(values[i]);
  return array;
}

/// Zeros have their signs.
bool is_same(const arrays::Array& got, const arrays::Array& want) {
  for (std::size_t i = 0; i < want.floats.size(); ++i) {
    const float a = got.floats[i], b = want.floats[i];
    if (std::isnan(a) && std::isnan(b)) continue;
    if (std::bit_cast<std::uint32_t>(a) != std::bit_cast<std::uint32_t>(b)) return false;
  }
  return got.integers == want.integers && got.floats.size() == want.floats.size();
}

bool gives_output(const OnnxCastCase& c, bool as_constant) {
  const std::string file = file_of(c, as_constant);
  const Model model = load_onnx(std::as_bytes(std::span(file)), c.name);
  std::vector<arrays::Array> inputs;
  if (!as_constant) inputs.push_back(array_of(c.from.element, c.shape, c.input));
  if (c.like && inputs.size() < model.input_count()) inputs.push_back(array_of(c.to.element, {0}, {}));
  const arrays::Array want = array_of(c.to.element, c.shape, c.output);
  arrays::Array got(want.type);
  std::vector<arrays::ArrayView> in;
  for (const arrays::Array& array : inputs) in.push_back(array.view());
  std::vector<arrays::MutableArrayView> out = {got.mutable_view()};
  Workspace workspace(model);
  run(model, in, out, workspace);
  return is_same(got, want);
}

bool has_doubles(const OnnxCastCase& c) {
  return c.from.element == ElementType::f64 || c.to.element == ElementType::f64;
}

TEST(CastCases, AreEqualOrRefused) {
  int equal = 0, refused = 0;
  for (const OnnxCastCase& c : onnx_cast_cases()) {
    try {
      EXPECT_TRUE(gives_output(c, false)) << c.name;
      EXPECT_FALSE(has_doubles(c)) << c.name;
      ++equal;
    } catch (const Error& e) {
      EXPECT_TRUE(has_doubles(c)) << c.name << ": " << e.what();
      EXPECT_NE(std::string(e.what()).find("DOUBLE"), std::string::npos) << c.name << ": " << e.what();
      ++refused;
    }
  }
  EXPECT_EQ(equal, 160);
  EXPECT_EQ(refused, 12);
  std::ifstream file(LOWBIT_SOURCE_DIR "/docs/number-formats.md");
  const std::string docs{std::istreambuf_iterator<char>(file), {}};
  EXPECT_NE(docs.find(fmt::format("| ONNX files | {} | {} |", equal, refused)), std::string::npos);
}

// The same tensors as initializers: of weights in FP8, FP4 and int4 a Cast is what follows.
TEST(CastCases, ReadInitializersOfSmallTypes) {
  int read = 0;
  for (const OnnxCastCase& c : onnx_cast_cases()) {
    if (c.like || element_bits(c.from.element) > 8) continue;
    EXPECT_TRUE(gives_output(c, true)) << c.name;
    ++read;
  }
  EXPECT_EQ(read, 24);
}

TEST(CastCases, RefuseInitializersOfAnotherSize) {
  OnnxCastCase c = onnx_cast_cases().back();
  c.from = onnx_type("INT4");
  c.input.resize(7);
  EXPECT_THROW(gives_output(c, true), Error);
}

}  // namespace
}  // namespace lowbit::testing
