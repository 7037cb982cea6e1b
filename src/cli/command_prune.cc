// SPDX-License-Identifier: Apache-2.0
// lowbit prune: weights of an fp32 model become zero, or whole channels go.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <memory>
#include <optional>

#include "cli/commands.h"
#include "cli/options.h"
#include "cli/output.h"
#include "core/refuse.h"
#include "data/samples.h"
#include "eval/auto_preprocess.h"
#include "io/load_any_model.h"
#include "lowbit/compress/prune.h"
#include "lowbit/compress/prune_channels.h"
#include "lowbit/model/serialize.h"
#include "lowbit/recover/capture.h"
#include "report/progress.h"
#include "report/table.h"
#include "report/terminal.h"

namespace lowbit::cli {
namespace {

constexpr std::int64_t kCaptureBatch = 32, kFewestToRefit = 8;

struct PruneArguments {
  OnnxOptions onnx;
  std::string model, output, pattern, scope = "network";
  data::DataOptions data;
  PruneOptions prune;
  std::optional<double> channels{};
  bool magnitude = false;
};

/// "2:4" is 2 of 4.
void parse_pattern(const std::string& text, PruneOptions& options) {
  int end = -1;
  if (std::sscanf(text.c_str(), "%d:%d%n", &options.keep, &options.of, &end) != 2 ||
      end != static_cast<int>(text.size()) || options.keep < 0 || options.of < 1 || options.keep > options.of)
    refuse(fmt::format("--keep \"{}\" is not N:M, N weights of each M in a row", text));
}

LayerStats capture_layers(const Model& fp32, const data::Samples& samples, const PruneArguments& options) {
  Capturer capturer(fp32, {.sampled_rows = 0, .threads = options.prune.threads});
  report::Progress progress("looking at inputs of layers", samples.count());
  for (std::int64_t first = 0; first < samples.count(); first += kCaptureBatch) {
    const std::int64_t count = std::min(kCaptureBatch, samples.count() - first);
    const data::SampleArrays inputs = samples.read(first, count);
    capturer.add(data::views(inputs));
    progress.update(first + count);
  }
  return capturer.finish();
}

std::string percent(std::int64_t part, std::int64_t of) {
  return fmt::format("{:.1f} %", of == 0 ? 0.0 : 100 * static_cast<double>(part) / static_cast<double>(of));
}

void print_zeros(const Model& pruned, const std::string& output, std::FILE* notes) {
  report::Table table({{"layer", report::Table::Align::left}, {"weights"}, {"zero"}});
  std::int64_t weights = 0, zeros = 0;
  for (const LayerSparsity& layer : weight_sparsity(pruned)) {
    table.add_row({layer.name, fmt::format("{}", layer.weights), percent(layer.zeros, layer.weights)});
    weights += layer.weights, zeros += layer.zeros;
  }
  fmt::print(notes, "{}{}: {} of {} weights are zero ({})\n", table.to_string(report::use_colour()), output,
             zeros, weights, percent(zeros, weights));
}

void print_channels(const std::vector<RemovedChannels>& layers, const Model& fp32, const Model& smaller,
                    const std::string& output, std::FILE* notes) {
  report::Table table({{"layer", report::Table::Align::left},
                       {"channels"},
                       {"left"},
                       {"why all stay", report::Table::Align::left}});
  for (const RemovedChannels& layer : layers)
    table.add_row({layer.layer, fmt::format("{}", layer.channels), fmt::format("{}", layer.kept.size()),
                   layer.untouched});
  fmt::print(notes, "{}{}: {} bytes of weights and biases, {} of {}\n", table.to_string(report::use_colour()),
             output, smaller.stored_bytes(),
             percent(static_cast<std::int64_t>(smaller.stored_bytes()),
                     static_cast<std::int64_t>(fp32.stored_bytes())),
             fp32.stored_bytes());
}

void run_prune(PruneArguments options) {
  PruneOptions& prune_options = options.prune;
  prune_options.scope = options.scope == "row"     ? PruneScope::row
                        : options.scope == "layer" ? PruneScope::layer
                                                   : PruneScope::network;
  if (options.channels && prune_options.scope == PruneScope::row)
    refuse("--scope row is for weights: channels compete with those of their layer, or with all");
  if (!options.pattern.empty()) {
    parse_pattern(options.pattern, prune_options);
    prune_options.scope = PruneScope::row;
  }
  const bool by_error = !options.data.data.empty() && !options.magnitude;
  if (by_error) data::parse_data_spec(options.data.data, options.data.labels);
  OutputFile output = open_output(options.output);
  const Model fp32 = io::load_model(options.model, options.onnx);
  if (fp32.is_quantized())
    refuse(fmt::format("{} is quantized already ({}); weights are pruned in an fp32 model", options.model,
                       fp32.scheme()));
  std::optional<LayerStats> stats;
  PruneChannelsOptions channels{.scope = prune_options.scope, .threads = prune_options.threads};
  data::SampleArrays arrays;  // that `channels` points into
  if (by_error) {
    const data::Samples samples(options.data, data::Split::calibration, data::inputs_of(fp32),
                                options.data.calib, options.data.seed);
    stats = capture_layers(fp32, samples, options);
    if (options.channels && samples.count() >= kFewestToRefit) {
      arrays = samples.read(0, std::min(samples.count(), channels.samples));
      channels.arrays = data::views(arrays);
    }
  }
  std::vector<RemovedChannels> removed;
  if (options.channels) channels.fraction = *options.channels;
  const LayerStats* of_layers = stats ? &*stats : nullptr;
  const Model pruned = options.channels ? prune_channels(fp32, channels, of_layers, &removed)
                                        : prune(fp32, prune_options, of_layers);
  output.write(save_to_bytes(pruned));
  output.commit();
  std::FILE* notes = notes_beside(options.output);
  if (options.channels)
    print_channels(removed, fp32, pruned, output.path(), notes);
  else
    print_zeros(pruned, output.path(), notes);
}

}  // namespace

void add_prune_command(CLI::App& program) {
  CLI::App* command = program.add_subcommand(
      "prune", "make weights of a network zero, or remove channels, for a smaller file");
  auto options = std::make_shared<PruneArguments>();
  command->add_option("MODEL", options->model, "an .onnx file, or an fp32 .lowbit file")->required();
  add_onnx_options(*command, options->onnx);
  add_data_options(*command, options->data);
  add_threads_option(*command, options->prune.threads);
  command->add_option("--sparsity", options->prune.sparsity, "part of the weights that becomes zero")
      ->capture_default_str()
      ->check(CLI::Range(0.0, 1.0));
  command
      ->add_option("--scope", options->scope,
                   "what weights compete with: those of their output channel, "
                   "their layer, or all")
      ->capture_default_str()
      ->check(CLI::IsMember({"row", "layer", "network"}));
  command->add_option("--keep", options->pattern, "N:M: in each row N of M weights stay, 2:4 for example")
      ->excludes("--sparsity")
      ->excludes("--scope");
  command
      ->add_option("--channels", options->channels,
                   "part of the channels that is removed, with all that belongs to them: a smaller network")
      ->check(CLI::Range(0.0, 1.0))
      ->excludes("--sparsity")
      ->excludes("--keep");
  add_layer_part_option(*command, "--layer", options->prune.overrides);
  command->get_option("--layer")->excludes("--channels");
  command->add_flag("--magnitude", options->magnitude,
                    "by magnitude also with --data; else by the error in the outputs of layers");
  command->add_option("-o,--output", options->output, "the .lowbit file to write; - is standard output")
      ->required();
  command->footer(
      "Examples: lowbit prune net.onnx --data mnist:data --sparsity 0.6 -o pruned.lowbit   the rest makes "
      "good\n"
      "          lowbit prune net.onnx --keep 2:4 -o pruned.lowbit                         by magnitude\n"
      "          lowbit prune net.onnx --data mnist:data --channels 0.2 -o smaller.lowbit  whole channels\n"
      "          lowbit train net.onnx --data mnist:data --scheme fp32 --prune 0.9 ...     while training");
  command->callback([options] {
    eval::resolve_auto_preprocess(options->data, options->model, options->onnx);
    run_prune(*options);
  });
}

}  // namespace lowbit::cli
