// SPDX-License-Identifier: Apache-2.0
// ONNX's own tests of its operators: a model of one or a few nodes, inputs and outputs. What is imported must
// give the outputs; all else is refused with a sentence. Nothing may be wrong.
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <gtest/gtest.h>
#include <onnx/onnx_pb.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "arrays/registry.h"
#include "lowbit/core/error.h"
#include "lowbit/io/onnx/load.h"
#include "operator_case.h"
#include "support/shared_data.h"

namespace lowbit::testing {
namespace {

constexpr const char* kOperatorCases = "conformance/onnx-ops";

std::vector<arrays::Array> read_all(const std::filesystem::path& folder, const char* name,
                                    std::size_t count) {
  std::vector<arrays::Array> all;
  for (std::size_t i = 0; i < count; ++i)
    all.push_back(read_array(folder / "test_data_set_0" / fmt::format("{}_{}.pb", name, i)));
  return all;
}

/// The names of the inputs of a case's graph.
std::vector<std::string> input_names(const std::filesystem::path& file) {
  std::ifstream stream(file, std::ios::binary);
  onnx::ModelProto proto;
  if (!proto.ParseFromIstream(&stream)) throw Error(ErrorCode::corrupt_file, "not a model");
  std::vector<std::string> names;
  for (const auto& input : proto.graph().input()) names.push_back(input.name());
  return names;
}

/// The case with its inputs from number `first` on known when the model is loaded. Throws Error where it is
/// refused.
bool is_right(const std::filesystem::path& folder, std::size_t first) {
  const std::string file = (folder / "model.onnx").string();
  const std::vector<std::string> names = input_names(file);
  OnnxOptions options;
  for (std::size_t i = first; i < names.size(); ++i)
    options.constants.emplace_back(names[i],
                                   read_array(folder / "test_data_set_0" / fmt::format("input_{}.pb", i)));
  const Model model = load_onnx(file, options);
  const std::vector<arrays::Array> inputs = read_all(folder, "input", model.input_count());
  const std::vector<arrays::Array> want = read_all(folder, "output", model.output_count());
  std::vector<arrays::Array> got;
  std::vector<arrays::ArrayView> in;
  std::vector<arrays::MutableArrayView> out;
  for (const arrays::Array& array : inputs) in.push_back(array.view());
  for (const arrays::Array& array : want) got.emplace_back(array.type);
  for (arrays::Array& array : got) out.push_back(array.mutable_view());
  const bool is_batch = !inputs.empty() && !(inputs[0].type.shape == model.input_shape());
  Workspace workspace(model, {.batch = is_batch ? inputs[0].type.shape[0] : 1});
  run(model, in, out, workspace);
  bool right = true;
  for (std::size_t i = 0; i < want.size(); ++i) right = right && is_close(got[i], want[i]);
  return right;
}

/// Shapes, axes and the like have to be known when a model is loaded: where a case computes with them, it
/// gets its inputs but the first beforehand, or all of them. Throws what the case alone throws.
bool is_right(const std::filesystem::path& folder) {
  const std::size_t count = input_names((folder / "model.onnx").string()).size();
  try {
    return is_right(folder, count);
  } catch (const Error& e) {
    for (const std::size_t first : {std::size_t{1}, std::size_t{0}}) {
      try {
        if (first < count) return is_right(folder, first);
      } catch (const Error&) {
      }
    }
    throw e;
  }
}

/// What docs/operators.md lists under "What is refused": parts of sentences.
std::vector<std::string> listed_reasons() {
  std::ifstream docs(LOWBIT_SOURCE_DIR "/docs/operators.md");
  std::vector<std::string> reasons;
  bool is_there = false;
  for (std::string line; std::getline(docs, line);) {
    is_there = is_there || line == "## What is refused";
    if (!is_there || !line.starts_with("| `")) continue;
    // All that stands in backquotes in the first column.
    const std::string column = line.substr(0, line.find('|', 1));
    for (std::size_t at = column.find('`'); at != std::string::npos;) {
      const std::size_t end = column.find('`', at + 1);
      reasons.push_back(column.substr(at + 1, end - at - 1));
      at = column.find('`', end + 1);
    }
  }
  return reasons;
}

TEST(OperatorDocs, NameEveryFunctionOfArrays) {
  std::ifstream file(LOWBIT_SOURCE_DIR "/docs/operators.md");
  const std::string docs{std::istreambuf_iterator<char>(file), {}};
  for (const std::string_view name : arrays::function_names())
    EXPECT_TRUE(docs.find(fmt::format(" {},", name)) != std::string::npos ||
                docs.find(fmt::format(" {} |", name)) != std::string::npos)
        << name;
}

TEST(OperatorCases, AreRightOrRefused) {
  LOWBIT_REQUIRE_SHARED(kOperatorCases);
  const std::vector<std::string> reasons = listed_reasons();
  int right = 0, refused = 0;
  std::vector<std::string> wrong;
  for (const auto& entry : std::filesystem::directory_iterator(shared_data(kOperatorCases))) {
    if (!std::filesystem::exists(entry.path() / "model.onnx")) continue;
    const std::string name = entry.path().filename().string();
    try {
      if (is_right(entry.path()))
        ++right;
      else
        wrong.push_back(name);
    } catch (const Error& e) {
      ++refused;
      const std::string sentence = e.what();
      EXPECT_TRUE(
          std::any_of(reasons.begin(), reasons.end(),
                      [&](const std::string& reason) { return sentence.find(reason) != std::string::npos; }))
          << name << ": " << sentence;
      if (std::getenv("LOWBIT_LIST_REFUSALS")) fmt::print("{}: {}\n", name, e.what());
    }
  }
  fmt::print("{} right, {} refused\n", right, refused);
  RecordProperty("right", right);
  RecordProperty("refused", refused);
  EXPECT_TRUE(wrong.empty()) << fmt::format("wrong: {}", fmt::join(wrong, " "));
  EXPECT_GE(right, 519);
}

}  // namespace
}  // namespace lowbit::testing
