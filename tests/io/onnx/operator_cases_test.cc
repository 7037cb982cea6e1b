// ONNX's own tests of its operators: a model of one or a few nodes, inputs and outputs. What is imported must
// give the outputs; all else is refused with a sentence. Nothing may be wrong.
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <gtest/gtest.h>
#include <onnx/onnx_pb.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

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
  const std::vector<arrays::Array> all = read_all(folder, "input", names.size());
  OnnxOptions options;
  for (std::size_t i = first; i < names.size(); ++i) options.constants.emplace_back(names[i], all[i]);
  const Model model = load_onnx(file, options);
  const std::span<const arrays::Array> inputs(all.data(), model.input_count());
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
/// gets its inputs but the first beforehand, or all of them.
bool is_right(const std::filesystem::path& folder) {
  const std::size_t count = input_names((folder / "model.onnx").string()).size();
  for (const std::size_t first : {count, std::size_t{1}}) {
    try {
      return is_right(folder, first);
    } catch (const Error& e) {
      if (e.code() != ErrorCode::unsupported || count == 0) throw;
    }
  }
  return is_right(folder, 0);
}

TEST(OperatorCases, AreRightOrRefused) {
  LOWBIT_REQUIRE_SHARED(kOperatorCases);
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
      EXPECT_GT(std::string(e.what()).size(), 15u) << name << ": " << e.what();
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
