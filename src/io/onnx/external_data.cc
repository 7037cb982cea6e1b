// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <filesystem>

#include "io/onnx/initializers.h"
#include "lowbit/core/error.h"

namespace lowbit::onnx_import {

namespace {

namespace fs = std::filesystem;

struct Location {
  std::string path;
  std::uint64_t offset = 0, length = 0;
  bool has_length = false;
};

std::uint64_t parse_number(const std::string& text, const std::string& where) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size())
    throw Error(ErrorCode::corrupt_file,
                fmt::format("{} has the offset or length '{}', which is no number", where, text));
  return value;
}

Location parse_location(const onnx::TensorProto& tensor, const std::string& where) {
  Location location;
  for (const auto& entry : tensor.external_data()) {
    if (entry.key() == "location") location.path = entry.value();
    if (entry.key() == "offset") location.offset = parse_number(entry.value(), where);
    if (entry.key() == "length") {
      location.length = parse_number(entry.value(), where);
      location.has_length = true;
    }
  }
  return location;
}

/// The file that `path` names, links resolved, which must lie in `folder`.
fs::path resolve(const std::string& path, const std::string& folder, const std::string& where) {
  const auto refuse = [&](const char* why) {
    throw Error(ErrorCode::invalid_argument,
                fmt::format("{} refers to the file '{}', which {}", where, path, why));
  };
  const fs::path relative(path);
  const bool climbs =
      std::any_of(relative.begin(), relative.end(), [](const fs::path& p) { return p == ".."; });
  if (path.empty() || path.find('\0') != std::string::npos) refuse("is no file name");
  if (relative.is_absolute() || relative.has_root_path() || climbs || path.find('\\') != std::string::npos)
    refuse("is not inside the model's folder");
  if (folder.empty()) refuse("cannot be read, because the model came without a folder");
  std::error_code error;
  const fs::path root = fs::canonical(folder, error);
  if (error) refuse("cannot be read, because the model's folder does not exist");
  fs::path target = fs::canonical(root / relative, error);
  if (error)
    throw Error(ErrorCode::not_found,
                fmt::format("{} needs the file '{}', which does not exist", where, path));
  const auto [root_end, unused] = std::mismatch(root.begin(), root.end(), target.begin(), target.end());
  if (root_end != root.end()) refuse("is a link that leads out of the model's folder");
  if (!fs::is_regular_file(target, error)) refuse("is no regular file");
  return target;
}

}  // namespace

ExternalData find_external_data(const onnx::TensorProto& tensor, std::uint64_t bytes, const std::string& file,
                                const std::string& folder) {
  const std::string where = fmt::format("{}: tensor '{}'", file, tensor.name());
  const Location location = parse_location(tensor, where);
  const fs::path target = resolve(location.path, folder, where);
  std::error_code error;
  const std::uint64_t size = fs::file_size(target, error);
  if (error)
    throw Error(ErrorCode::io, fmt::format("{}: the size of '{}' cannot be found", where, location.path));
  if (location.has_length && location.length != bytes)
    throw Error(ErrorCode::corrupt_file,
                fmt::format("{} has {} bytes of external data where its shape needs {}", where,
                            location.length, bytes));
  if (location.offset > size || bytes > size - location.offset)
    throw Error(ErrorCode::corrupt_file, fmt::format("{} needs {} bytes from offset {} of '{}', which has {}",
                                                     where, bytes, location.offset, location.path, size));
  return {target.string(), location.offset};
}

}  // namespace lowbit::onnx_import
