// SPDX-License-Identifier: Apache-2.0
// lowbit convert: a file in another format, and what that changes.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "cli/commands.h"
#include "cli/options.h"
#include "cli/output.h"
#include "core/file_io.h"
#include "io/convert_tensors.h"
#include "io/load_any_model.h"
#include "lowbit/core/error.h"
#include "lowbit/io/onnx/export.h"
#include "lowbit/model/quantize.h"
#include "lowbit/model/serialize.h"
#include "report/tensor_file.h"

namespace lowbit::cli {
namespace {

struct ConvertArguments {
  OnnxOptions onnx;
  std::string input, output, to;
};

constexpr std::array<std::string_view, 5> kFileFormats{"lowbit", "onnx", "gguf", "safetensors", "tflite"};

std::string format_of_name(const std::string& path) {
  for (const std::string_view format : kFileFormats)
    if (path.ends_with(fmt::format(".{}", format))) return std::string(format);
  throw Error(ErrorCode::invalid_argument,
              fmt::format("{} ends like none of {}: say --to", path, fmt::join(kFileFormats, ", ")));
}

/// At most three names of a list.
std::string some(const std::vector<std::string>& names) {
  std::string text = fmt::format(
      "{}", fmt::join(names.begin(), names.begin() + std::min<std::ptrdiff_t>(3, std::ssize(names)), ", "));
  return names.size() > 3 ? text + ", ..." : text;
}

void tell(std::FILE* notes, const std::vector<std::string>& names, const char* what) {
  if (!names.empty()) fmt::print(notes, "  {} {}: {}\n", names.size(), what, some(names));
}

template <class File, class Writer>
void convert_tensors(const ConvertArguments& options, const char* other,
                     io::TensorConversion (*convert)(const File&, Writer&)) {
  const File file(options.input);
  Writer writer;
  const io::TensorConversion done = convert(file, writer);
  OutputFile output = open_output(options.output);
  const std::vector<std::byte> bytes = writer.bytes();
  output.write(bytes);
  output.commit();
  std::FILE* notes = notes_beside(options.output);
  fmt::print(notes, "{}: {} bytes, nothing was rounded\n", output.path(), bytes.size());
  tell(notes, done.as_they_were, "tensors as they were");
  tell(notes, done.with_codes, "tensors with the same codes and scales");
  tell(notes, done.as_floats,
       fmt::format("tensors as the F32 that they stand for, since {} has no such codes", other).c_str());
  tell(notes, done.left_out, "entries of metadata left out, which are lists");
}

void convert_network(const ConvertArguments& options, const std::string& to) {
  const Model model = io::load_model(options.input, options.onnx);
  std::vector<std::byte> bytes;
  std::string loss = model.is_quantized() ? "the same codes and scales" : "the same floats";
  if (to == "lowbit") {
    bytes = save_to_bytes(model);
  } else {
#ifdef LOWBIT_WITH_ONNX
    bytes = export_onnx_to_bytes(model);
    if (model.is_quantized())
      loss += "; biases become integers, and sums are rounded once more (docs/export.md)";
#else
    throw Error(ErrorCode::not_built, fmt::format("{}: this build has no ONNX files", options.output));
#endif
  }
  OutputFile output = open_output(options.output);
  output.write(bytes);
  output.commit();
  fmt::print(notes_beside(options.output), "{}: {} bytes, {} ({}): {}\n", output.path(), bytes.size(),
             model.scheme(), describe_coverage(model), loss);
}

void run_convert(const ConvertArguments& options) {
  const std::string to = options.to.empty() ? format_of_name(options.output) : options.to;
  if (to == "tflite") throw Error(ErrorCode::unsupported, "TensorFlow Lite files are read, not written");
  const bool writes_tensors = to == "gguf" || to == "safetensors";
  if (!report::is_tensor_file(options.input)) {
    if (writes_tensors)
      throw Error(
          ErrorCode::unsupported,
          fmt::format("{} is a network, which a file of tensors cannot hold: convert it to .lowbit or .onnx",
                      options.input));
    return convert_network(options, to);
  }
  const bool is_gguf = read_prefix(options.input, 4) == "GGUF";
  if (!writes_tensors || to == (is_gguf ? "gguf" : "safetensors"))
    throw Error(ErrorCode::unsupported, fmt::format("{} is a file of tensors, which becomes {}",
                                                    options.input, is_gguf ? "safetensors" : "gguf"));
  if (is_gguf)
    convert_tensors<GgufFile, SafetensorsWriter>(options, "safetensors", io::to_safetensors);
  else
    convert_tensors<SafetensorsFile, GgufWriter>(options, "GGUF", io::to_gguf);
}

}  // namespace

void add_convert_command(CLI::App& program) {
  CLI::App* command =
      program.add_subcommand("convert", "write a file in another format, and say what that changes");
  auto options = std::make_shared<ConvertArguments>();
  command
      ->add_option("IN", options->input,
                   "a network (.onnx, .tflite, .lowbit) or tensors (.gguf, .safetensors)")
      ->required();
  command->add_option("OUT", options->output, "the file to write; - is standard output")->required();
  add_onnx_options(*command, options->onnx);
  command
      ->add_option("--to", options->to,
                   "the format of OUT, where its name does not say it: lowbit or onnx for networks, gguf or "
                   "safetensors "
                   "for tensors")
      ->check(CLI::IsMember({"lowbit", "onnx", "gguf", "safetensors"}));
  command->footer("Example: lowbit convert net.tflite net.lowbit");
  command->callback([options] { run_convert(*options); });
}

}  // namespace lowbit::cli
