// SPDX-License-Identifier: Apache-2.0
#include "io/load_any_model.h"

#include <fmt/format.h>

#include "core/file_io.h"
#include "lowbit/core/error.h"
#include "lowbit/io/tflite/load.h"
#include "lowbit/model/serialize.h"

namespace lowbit::io {
namespace {

constexpr std::string_view kMagic = "LOWBIT";

bool ends_with(std::string_view text, std::string_view suffix) {
  return text.size() >= suffix.size() && text.substr(text.size() - suffix.size()) == suffix;
}

}  // namespace

bool is_lowbit_file(const std::string& path) {
  // A damaged one is reported as one.
  return read_prefix(path, kMagic.size()) == kMagic || ends_with(path, ".lowbit");
}

bool is_tflite_file(const std::string& path) {
  // Behind an offset.
  const std::string head = read_prefix(path, 8);
  return (head.size() == 8 && head.substr(4) == "TFL3") || ends_with(path, ".tflite");
}

Model load_model(const std::string& path, const OnnxOptions& options) {
  if (read_prefix(path, 1).empty()) throw Error(ErrorCode::corrupt_file, fmt::format("{} is empty", path));
  const bool is_lowbit = is_lowbit_file(path), is_tflite = !is_lowbit && is_tflite_file(path);
  if ((is_lowbit || is_tflite) &&
      (!options.shapes.empty() || !options.constants.empty() || !options.open.empty()))
    throw Error(ErrorCode::invalid_argument, fmt::format("{} is a {} file, whose shapes and inputs are fixed",
                                                         path, is_lowbit ? ".lowbit" : ".tflite"));
  if (is_lowbit) return load(path);
#ifdef LOWBIT_WITH_ONNX
  if (is_tflite) return load_tflite(path);
  return load_onnx(path, options);
#else
  throw Error(ErrorCode::not_built,
              fmt::format("{} is not a .lowbit file, and this build has no ONNX importer", path));
#endif
}

}  // namespace lowbit::io
