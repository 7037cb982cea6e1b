// lowbit run: arrays in, arrays out.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <memory>

#include "cli/commands.h"
#include "cli/options.h"
#include "core/file_io.h"
#include "data/dataset.h"
#include "data/images.h"
#include "data/npy.h"
#include "io/load_any_model.h"
#include "lowbit/core/error.h"
#include "lowbit/model/model.h"
#include "model/copy_samples.h"

namespace lowbit::cli {
namespace {

// Large enough for the kernels to be at their best, small enough for the caches.
constexpr std::int64_t kRunBatch = 64;

struct RunArguments {
  OnnxOptions onnx;
  std::string model;
  std::vector<std::string> inputs, outputs;
  int threads = 1;
};

struct Input {
  data::NpyArray array;
  Shape sample;
  std::int64_t count;
};

Input open_input(const std::string& path, const Shape& sample) {
  data::NpyArray array = data::read_npy(path);
  const Shape& shape = array.shape();
  if (shape.rank() > 0 && data::shapes_fit(Shape(shape.dims().subspan(1)), sample)) {
    const std::int64_t count = shape[0];
    return {std::move(array), sample, count};
  }
  if (data::shapes_fit(shape, sample)) return {std::move(array), sample, 1};
  throw Error(ErrorCode::shape_mismatch,
              fmt::format("{} has shape {}; the model takes {}, one sample or a batch", path,
                          shape.to_string(), sample.to_string()));
}

std::vector<Input> open_inputs(const RunArguments& options, const Model& model) {
  std::vector<Input> inputs;
  for (std::size_t i = 0; i < options.inputs.size(); ++i)
    inputs.push_back(open_input(options.inputs[i], model.input_shape(i)));
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    if (inputs[i].count == 0)
      throw Error(ErrorCode::invalid_argument, fmt::format("{} has no samples", options.inputs[i]));
    if (inputs[i].count != inputs[0].count)
      throw Error(ErrorCode::shape_mismatch,
                  fmt::format("{} has {} samples and {} has {}", options.inputs[0], inputs[0].count,
                              options.inputs[i], inputs[i].count));
  }
  return inputs;
}

/// Of an output on `count` samples. A model without a batch gives one tensor as it is.
Shape shape_of_output(const Model& model, std::size_t i, std::int64_t count) {
  const Shape& shape = model.output_shape(i);
  return model.graph().has_batch || count > 1 ? with_batch(shape, count) : shape;
}

void run_all(const Model& model, const std::vector<Input>& inputs, std::vector<OutputFile>& files,
             int threads) {
  const std::int64_t total = inputs[0].count, largest = std::min(kRunBatch, total);
  Workspace workspace(model, {.batch = largest, .threads = threads, .executor = nullptr});
  std::vector<std::vector<float>> in(inputs.size()), out(files.size());
  for (std::size_t i = 0; i < files.size(); ++i)
    files[i].write(data::npy_float_header(shape_of_output(model, i, total)));
  for (std::int64_t first = 0; first < total; first += largest) {
    const std::int64_t count = std::min(largest, total - first);
    std::vector<TensorView> in_views;
    std::vector<MutableTensorView> out_views;
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      const std::int64_t size = inputs[i].sample.elements();
      in[i].resize(static_cast<std::size_t>(count * size));
      inputs[i].array.read(first * size, in[i]);
      in_views.emplace_back(in[i].data(), model.graph().has_batch || count > 1
                                              ? with_batch(inputs[i].sample, count)
                                              : inputs[i].sample);
    }
    for (std::size_t i = 0; i < files.size(); ++i) {
      out[i].resize(static_cast<std::size_t>(count * model.output_shape(i).elements()));
      out_views.emplace_back(out[i].data(), shape_of_output(model, i, count));
    }
    run(model, in_views, out_views, workspace);
    for (std::size_t i = 0; i < files.size(); ++i) files[i].write(std::as_bytes(std::span(out[i])));
  }
}

void run_model(const RunArguments& options) {
  const Model model = io::load_model(options.model, options.onnx);
  if (options.inputs.size() != model.input_count() || options.outputs.size() != model.output_count())
    throw Error(ErrorCode::invalid_argument,
                fmt::format("{} has {} inputs and {} outputs; --input was given {} times and --output {}",
                            options.model, model.input_count(), model.output_count(), options.inputs.size(),
                            options.outputs.size()));
  const std::vector<Input> inputs = open_inputs(options, model);
  std::vector<OutputFile> files;
  files.reserve(options.outputs.size());
  for (const std::string& path : options.outputs) files.emplace_back(path);
  run_all(model, inputs, files, options.threads);
  for (OutputFile& file : files) file.commit();
  for (std::size_t i = 0; i < files.size(); ++i)
    fmt::print("{}: {}\n", files[i].path(), shape_of_output(model, i, inputs[0].count).to_string());
}

}  // namespace

void add_run_command(CLI::App& program) {
  CLI::App* command =
      program.add_subcommand("run", "run a model on a .npy file and write its output as .npy");
  auto options = std::make_shared<RunArguments>();
  command->add_option("MODEL", options->model, "an .onnx or .lowbit file")->required();
  add_onnx_options(*command, options->onnx);
  command
      ->add_option("--input", options->inputs,
                   ".npy file, one sample or a batch; once for each input of the model")
      ->required()
      ->allow_extra_args(false);
  command->add_option("--output", options->outputs, ".npy file to write; once for each output of the model")
      ->required()
      ->allow_extra_args(false);
  command->add_option("--threads", options->threads, "threads, including the main one")
      ->check(CLI::Range(1, 1024))
      ->capture_default_str();
  command->footer("Example: lowbit run net.lowbit --input x.npy --output y.npy");
  command->callback([options] { run_model(*options); });
}

}  // namespace lowbit::cli
