// SPDX-License-Identifier: Apache-2.0
// lowbit check: what an ONNX file needs, and what would be quantized of it.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>
#include <nlohmann/json.hpp>

#include "cli/commands.h"
#include "cli/options.h"
#include "eval/scheme_options.h"
#include "io/load_any_model.h"
#include "lowbit/core/error.h"
#include "report/check_report.h"
#include "report/printable.h"
#include "report/terminal.h"

namespace lowbit::cli {
namespace {

struct CheckArguments {
  OnnxOptions onnx;
  std::string file, scheme = "int8";
  bool json = false;
};

void run_check(const CheckArguments& options) {
#ifdef LOWBIT_WITH_ONNX
  if (io::is_tflite_file(options.file))
    throw Error(
        ErrorCode::unsupported,
        fmt::format("{} is a TensorFlow Lite file: lowbit info says what becomes of it", options.file));
  report::Check check{
      .path = options.file, .file = describe_onnx(options.file), .scheme = parse_scheme(options.scheme)};
  require_built(check.scheme);
  ErrorCode code = ErrorCode::unsupported;
  try {
    check.model = load_onnx(options.file, options.onnx);
  } catch (const Error& e) {
    check.problem = e.what();
    code = e.code();
  }
  fmt::print("{}",
             options.json ? report::json_text(to_json(check)) : format_check(check, report::use_colour()));
  if (!check.model) throw Error(code, check.problem);
#else
  throw Error(ErrorCode::not_built, fmt::format("{}: this build has no ONNX importer", options.file));
#endif
}

}  // namespace

void add_check_command(CLI::App& program) {
  CLI::App* command = program.add_subcommand(
      "check", "what an ONNX file needs: operators, shapes, memory, what would be quantized");
  auto options = std::make_shared<CheckArguments>();
  command->add_option("FILE", options->file, "an .onnx file")->required();
  command->add_option("--scheme", options->scheme, "the scheme that is asked about")->capture_default_str();
  add_onnx_options(*command, options->onnx);
  command->add_flag("--json", options->json, "JSON instead of text");
  command->callback([options] { run_check(*options); });
}

}  // namespace lowbit::cli
