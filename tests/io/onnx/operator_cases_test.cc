// ONNX's own tests of its operators: a model of one or a few nodes, inputs and outputs. What is imported must
// give the outputs; all else is refused with a sentence. Nothing may be wrong.
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <gtest/gtest.h>
#include <onnx/onnx_pb.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <optional>

#include "lowbit/core/error.h"
#include "lowbit/core/tensor.h"
#include "lowbit/io/onnx/load.h"
#include "support/shared_data.h"

namespace lowbit::testing {
namespace {

constexpr const char* kOperatorCases = "conformance/onnx-ops";

/// The elements of a tensor of floats; nothing of another type.
std::optional<Tensor> read_floats(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  onnx::TensorProto proto;
  if (!proto.ParseFromIstream(&file) || proto.data_type() != onnx::TensorProto::FLOAT ||
      proto.dims_size() > Shape::kMaxRank)
    return std::nullopt;
  Tensor t(Shape(std::vector<std::int64_t>(proto.dims().begin(), proto.dims().end())));
  if (proto.has_raw_data() && proto.raw_data().size() == t.data.size() * sizeof(float))
    std::memcpy(t.data.data(), proto.raw_data().data(), proto.raw_data().size());
  else
    std::copy(proto.float_data().begin(), proto.float_data().end(), t.data.begin());
  return t;
}

std::vector<Tensor> read_all(const std::filesystem::path& folder, const char* name, std::size_t count) {
  std::vector<Tensor> all;
  for (std::size_t i = 0; i < count; ++i) {
    std::optional<Tensor> t = read_floats(folder / "test_data_set_0" / fmt::format("{}_{}.pb", name, i));
    if (!t || t->shape.rank() == 0) throw Error(ErrorCode::unsupported, "not a tensor of floats");
    all.push_back(std::move(*t));
  }
  return all;
}

/// As the standard's own runner compares.
bool is_close(const Tensor& got, const Tensor& want) {
  for (std::size_t i = 0; i < want.data.size(); ++i) {
    const float a = got.data[i], b = want.data[i];
    if (std::isnan(a) != std::isnan(b)) return false;
    if (a == b || std::isnan(a)) continue;
    if (!(std::fabs(a - b) <= 1e-7f + 1e-3f * std::fabs(b))) return false;
  }
  return got.data.size() == want.data.size();
}

/// Throws Error where the case is refused.
bool is_right(const std::filesystem::path& folder) {
  const Model model = load_onnx((folder / "model.onnx").string());
  const std::vector<Tensor> inputs = read_all(folder, "input", model.input_count()),
                            want = read_all(folder, "output", model.output_count());
  const std::int64_t batch = inputs.at(0).shape[0];
  std::vector<Tensor> got;
  for (const Tensor& t : want) got.emplace_back(t.shape);
  std::vector<TensorView> in(inputs.begin(), inputs.end());
  std::vector<MutableTensorView> out(got.begin(), got.end());
  Workspace workspace(model, {.batch = batch});
  run(model, in, out, workspace);
  bool right = true;
  for (std::size_t i = 0; i < want.size(); ++i) right = right && is_close(got[i], want[i]);
  return right;
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
  EXPECT_GE(right, 51);
}

}  // namespace
}  // namespace lowbit::testing
