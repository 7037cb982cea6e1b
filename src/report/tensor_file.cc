// SPDX-License-Identifier: Apache-2.0
#include "report/tensor_file.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <vector>

#include "core/file_io.h"
#include "lowbit/io/gguf/gguf_file.h"
#include "lowbit/io/safetensors/compressed_tensors.h"
#include "report/printable.h"
#include "report/table.h"

namespace lowbit::report {
namespace {

using TensorFileJson = nlohmann::ordered_json;
constexpr std::string_view kGgufStart = "GGUF";

struct TensorRow {
  std::string name, type;
  std::vector<std::int64_t> shape;
  std::uint64_t bytes;
  std::string matrix;  // what it becomes
};

struct TensorFileInfo {
  std::string format;
  std::vector<std::pair<std::string, std::string>> metadata{};
  std::vector<TensorRow> tensors{};
};

bool is_gguf(const std::string& path) {
  return read_prefix(path, kGgufStart.size()) == kGgufStart;
}

TensorFileInfo gguf_info(const std::string& path) {
  const GgufFile file(path);
  TensorFileInfo info{.format = fmt::format("GGUF {}", file.version())};
  for (const GgufEntry& entry : file.metadata())
    info.metadata.emplace_back(entry.key, entry.value.to_string());
  for (const GgufTensor& t : file.tensors())
    info.tensors.push_back({t.name, std::string(ggml_type_name(t.type)), t.shape, t.bytes,
                            ggml_has_matrix(t.type)   ? "codes"
                            : ggml_has_floats(t.type) ? "floats"
                                                      : ""});
  return info;
}

TensorFileInfo safetensors_info(const std::string& path) {
  const SafetensorsFile file(path);
  TensorFileInfo info{.format = "safetensors", .metadata = file.metadata()};
  std::vector<std::string> weights;
  for (const std::string& layer : compressed_layers(file))
    for (const char* member : {".weight_packed", ".weight"}) weights.push_back(layer + member);
  std::sort(weights.begin(), weights.end());
  for (const SafetensorsTensor& t : file.tensors())
    info.tensors.push_back({t.name, std::string(safetensors_type_name(t.type)), t.shape, t.bytes,
                            std::binary_search(weights.begin(), weights.end(), t.name) ? "codes" : ""});
  return info;
}

TensorFileInfo tensor_file_info(const std::string& path) {
  return is_gguf(path) ? gguf_info(path) : safetensors_info(path);
}

}  // namespace

bool is_tensor_file(const std::string& path) {
  return is_gguf(path) || path.ends_with(".safetensors");
}

std::string describe_tensor_file(const std::string& path, bool colour) {
  const TensorFileInfo info = tensor_file_info(path);
  using Align = Table::Align;
  std::string text = fmt::format("{}, {} tensors\n", info.format, info.tensors.size());
  if (!info.metadata.empty()) {
    Table metadata({{"metadata", Align::left}, {"value", Align::left}});
    for (const auto& [key, value] : info.metadata) metadata.add_row({key, value.substr(0, 100)});
    text += fmt::format("\n{}", metadata.to_string(colour));
  }
  Table tensors(
      {{"tensor", Align::left}, {"type", Align::left}, {"shape"}, {"bytes"}, {"as a matrix", Align::left}});
  std::uint64_t bytes = 0;
  for (const TensorRow& t : info.tensors) {
    tensors.add_row({t.name, t.type, t.shape.empty() ? "scalar" : fmt::format("{}", fmt::join(t.shape, "x")),
                     fmt::format("{}", t.bytes), t.matrix});
    bytes += t.bytes;
  }
  return text + "\n" + tensors.to_string(colour) + fmt::format("{} bytes of tensors\n", bytes);
}

std::string tensor_file_json(const std::string& path) {
  const TensorFileInfo info = tensor_file_info(path);
  TensorFileJson metadata = TensorFileJson::object(), tensors = TensorFileJson::array();
  for (const auto& [key, value] : info.metadata) metadata[key] = value;
  for (const TensorRow& t : info.tensors)
    tensors.push_back(
        {{"name", t.name}, {"type", t.type}, {"shape", t.shape}, {"bytes", t.bytes}, {"matrix", t.matrix}});
  return json_text({{"schema", "lowbit-tensors-1"},
                    {"format", info.format},
                    {"metadata", metadata},
                    {"tensors", tensors}});
}

}  // namespace lowbit::report
