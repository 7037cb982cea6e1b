// SPDX-License-Identifier: Apache-2.0
#include "cli/output.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "report/printable.h"

namespace lowbit::cli {

OutputFile open_output(const std::string& path) {
  return path == "-" ? OutputFile::standard_output() : OutputFile(path);
}

std::FILE* notes_beside(const std::string& path) {
  return path == "-" ? stderr : stdout;
}

ReportOutput::ReportOutput(const std::string& json) : to_standard_output_(json == "-") {
  if (!json.empty()) file_.emplace(open_output(json));
}

void ReportOutput::put(const nlohmann::ordered_json& json, const std::string& text, std::FILE* text_goes_to) {
  if (file_) {
    file_->write(report::json_text(json));
    file_->commit();
  }
  if (!to_standard_output_) fmt::print(text_goes_to, "{}", text);
}

}  // namespace lowbit::cli
