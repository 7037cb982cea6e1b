// SPDX-License-Identifier: Apache-2.0
// ONNX's own tests of its operators, on the functions of arrays alone: every node of a case is applied at
// once to inputs that are known. What the functions give must be what the case says.
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <gtest/gtest.h>
#include <onnx/onnx_pb.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>

#include "io/onnx/array_node.h"
#include "lowbit/core/error.h"
#include "operator_case.h"
#include "support/shared_data.h"

namespace lowbit::testing {
namespace {

using arrays::Array;

constexpr const char* kArrayCases = "conformance/onnx-ops";

/// A Constant node's value.
Array constant_value(const onnx::NodeProto& node) {
  for (const auto& a : node.attribute()) {
    Array array;
    const auto size = static_cast<std::int64_t>(std::max(a.floats_size(), a.ints_size()));
    if (a.name() == "value") return read_array(a.t());
    array.type = {a.name().starts_with("value_float") ? lowbit::ElementType::f32 : lowbit::ElementType::i64,
                  a.name().ends_with("s") ? Shape{size} : Shape{}};
    if (a.name() == "value_float") array.floats = {a.f()};
    if (a.name() == "value_int") array.integers = {a.i()};
    if (a.name() == "value_floats") array.floats = {a.floats().begin(), a.floats().end()};
    if (a.name() == "value_ints") array.integers = {a.ints().begin(), a.ints().end()};
    return array;
  }
  throw Error(ErrorCode::unsupported, "a Constant without a value");
}

bool gives_what_it_should(const std::filesystem::path& folder) {
  std::ifstream file(folder / "model.onnx", std::ios::binary);
  onnx::ModelProto model;
  if (!model.ParseFromIstream(&file)) throw Error(ErrorCode::corrupt_file, "not a model");
  std::int64_t opset = 1;
  for (const auto& o : model.opset_import())
    if (o.domain().empty()) opset = o.version();
  std::map<std::string, Array> values;
  for (const auto& t : model.graph().initializer()) values[t.name()] = read_array(t);
  for (int i = 0; i < model.graph().input_size(); ++i) {
    if (!model.graph().input(i).type().has_tensor_type()) throw Error(ErrorCode::unsupported, "no tensor");
    values[model.graph().input(i).name()] =
        read_array(folder / "test_data_set_0" / fmt::format("input_{}.pb", i));
  }
  for (const auto& node : model.graph().node()) {
    if (node.op_type() == "Constant") {
      values[node.output(0)] = constant_value(node);
      continue;
    }
    std::vector<const Array*> inputs;
    for (const auto& name : node.input()) inputs.push_back(name.empty() ? nullptr : &values.at(name));
    std::vector<Array> outputs =
        onnx_import::apply(node, opset, inputs, [](const onnx::TensorProto& t) { return read_array(t); });
    for (int i = 0; i < node.output_size(); ++i)
      if (!node.output(i).empty())
        values[node.output(i)] = std::move(outputs.at(static_cast<std::size_t>(i)));
  }
  bool right = true;
  for (int i = 0; i < model.graph().output_size(); ++i)
    right = right && is_close(values.at(model.graph().output(i).name()),
                              read_array(folder / "test_data_set_0" / fmt::format("output_{}.pb", i)));
  return right;
}

TEST(ArrayFunctions, GiveWhatTheStandardsCasesSay) {
  LOWBIT_REQUIRE_SHARED(kArrayCases);
  int right = 0, refused = 0;
  std::vector<std::string> wrong;
  const char* only = std::getenv("LOWBIT_CASES");  // a part of the names
  for (const auto& entry : std::filesystem::directory_iterator(shared_data(kArrayCases))) {
    const std::string name = entry.path().filename().string();
    if (!std::filesystem::exists(entry.path() / "model.onnx")) continue;
    if (only && name.find(only) == std::string::npos) continue;
    try {
      if (gives_what_it_should(entry.path()))
        ++right;
      else
        wrong.push_back(name);
    } catch (const Error& e) {
      ++refused;
      if (std::getenv("LOWBIT_LIST_REFUSALS")) fmt::print("{}: {}\n", name, e.what());
    }
  }
  fmt::print("{} right, {} refused\n", right, refused);
  EXPECT_TRUE(wrong.empty()) << fmt::format("wrong: {}", fmt::join(wrong, " "));
}

}  // namespace
}  // namespace lowbit::testing
