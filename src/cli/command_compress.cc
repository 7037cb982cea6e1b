// SPDX-License-Identifier: Apache-2.0
// lowbit compress: the same model in a smaller file.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>

#include "cli/commands.h"
#include "cli/options.h"
#include "cli/output.h"
#include "io/load_any_model.h"
#include "lowbit/model/serialize.h"

namespace lowbit::cli {
namespace {

struct CompressArguments {
  OnnxOptions onnx;
  std::string model, output;
};

void run_compress(const CompressArguments& options) {
  OutputFile output = open_output(options.output);
  std::FILE* notes = notes_beside(options.output);
  const Model model = io::load_model(options.model, options.onnx);
  const std::vector<std::byte> bytes = save_to_bytes(model, {.compress = true});
  output.write(bytes);
  output.commit();
  const std::size_t plain = save_to_bytes(model).size();
  fmt::print(notes, "{}: {}, {} bytes, {:.1f} % of the {} that they take uncompressed\n", output.path(),
             model.scheme(), bytes.size(),
             100.0 * static_cast<double>(bytes.size()) / static_cast<double>(plain), plain);
}

}  // namespace

void add_compress_command(CLI::App& program) {
  CLI::App* command =
      program.add_subcommand("compress", "write a model to a smaller .lowbit file, with nothing rounded");
  auto options = std::make_shared<CompressArguments>();
  command->add_option("MODEL", options->model, "a .lowbit or .onnx file")->required();
  add_onnx_options(*command, options->onnx);
  command->add_option("-o,--output", options->output, "the .lowbit file to write; - is standard output")
      ->required();
  command->footer("Example: lowbit compress net.lowbit -o small.lowbit");
  command->callback([options] { run_compress(*options); });
}

}  // namespace lowbit::cli
