// SPDX-License-Identifier: Apache-2.0
// Where a command's results go: to a file, or to standard output where its name is "-".
#pragma once

#include <cstdio>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>

#include "core/file_io.h"

namespace lowbit::cli {

/// Throws as OutputFile's constructor.
OutputFile open_output(const std::string& path);
/// Where to say what was written to `path`: a result on standard output stands there alone.
std::FILE* notes_beside(const std::string& path);

/// A report as text and as JSON: the JSON goes where --json says (nowhere if that is empty), the text to
/// standard output unless the JSON goes there.
class ReportOutput {
 public:
  /// Throws as OutputFile's constructor.
  explicit ReportOutput(const std::string& json);
  /// Throws Error(io).
  void put(const nlohmann::ordered_json& json, const std::string& text, std::FILE* text_goes_to = stdout);

 private:
  bool to_standard_output_;
  std::optional<OutputFile> file_;
};

}  // namespace lowbit::cli
