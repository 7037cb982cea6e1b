// SPDX-License-Identifier: Apache-2.0
// lowbit train: an fp32 model learns to live with the codes of a scheme, and becomes a .lowbit file.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cmath>
#include <memory>
#include <optional>

#include "cli/commands.h"
#include "cli/interrupt.h"
#include "cli/options.h"
#include "cli/output.h"
#include "data/dataset.h"
#include "eval/auto_preprocess.h"
#include "eval/scheme_options.h"
#include "eval/training.h"
#include "io/load_any_model.h"
#include "lowbit/core/error.h"
#include "lowbit/io/json/network.h"
#include "lowbit/model/quantize.h"
#include "lowbit/model/serialize.h"
#include "report/deployment_line.h"
#include "report/sparkline.h"
#include "report/training_page.h"

namespace lowbit::cli {
namespace {

struct TrainArguments : eval::TrainingOptions {
  OnnxOptions onnx;
  std::string model, network, output, report;
  std::string optimizer = "adam", schedule = "cosine", rate = "0.001";
  std::string activation_steps = "lsq", weight_steps = "lsq", estimator = "ste", sign_gradient = "polynomial";
  bool normalizes = false;
};

const char* describe_end(TrainingEnd end) {
  switch (end) {
    case TrainingEnd::stopped:
      return ", stopped";
    case TrainingEnd::no_progress:
      return ", ended without progress";
    case TrainingEnd::diverged:
      return ", diverged";
    case TrainingEnd::finished:
      break;
  }
  return "";
}

/// The rate is a number, or found.
void take_rate(TrainArguments& options) {
  options.finds_rate = options.rate == "auto";
  double& peak = options.trainer.schedule.peak;
  if (!options.finds_rate &&
      (!CLI::detail::lexical_cast(options.rate, peak) || !(peak >= 0) || std::isinf(peak)))
    throw Error(ErrorCode::invalid_argument,
                fmt::format("--lr is a rate of 0 or more, or auto, not '{}'", options.rate));
}

void take_fake_quantization(TrainArguments& options) {
  FakeQuantization& how = options.fake_quantization;
  how.activations = parse_activation_steps(options.activation_steps);
  how.weights = parse_weight_steps(options.weight_steps);
  how.rounding = parse_rounding_gradient(options.estimator);
  how.signs = parse_sign_gradient(options.sign_gradient);
}

/// Of a file, or of random weights.
Model load_start(const TrainArguments& options) {
  if (options.model.empty() == options.network.empty())
    throw Error(ErrorCode::invalid_argument,
                "train takes a MODEL, or --from-scratch and a list of layers: one of the two");
  if (!options.network.empty()) return load_network(options.network, options.data.seed);
  const Model fp32 = io::load_model(options.model, options.onnx);
  if (fp32.is_quantized())
    throw Error(ErrorCode::invalid_argument,
                fmt::format("{} is quantized already ({}); training needs an fp32 model", options.model,
                            fp32.scheme()));
  return fp32;
}

report::TrainingReport report_of(const TrainArguments& options, const eval::TrainedModel& trained) {
  report::TrainingReport report;
  report.model = options.network.empty() ? options.model : options.network;
  report.data = options.data.data, report.scheme = trained.model.scheme(), report.output = options.output;
  report.images = trained.images, report.held_out = trained.validation;
  report.start_accuracy = trained.start_accuracy;
  report.result = trained.result;
  report.deployed = trained.deployed;
  const TrainerOptions& t = options.trainer;
  report.options = {{"optimizer", options.optimizer},
                    {"highest rate", fmt::format("{:g}", trained.rate)},
                    {"schedule", options.schedule},
                    {"images of a step", fmt::format("{}", t.batch)},
                    {"weight decay", fmt::format("{:g}", t.optimizer.weight_decay)},
                    {"seed", fmt::format("{}", options.data.seed)}};
  if (options.normalizes) report.options.emplace_back("batch normalization", "behind every convolution");
  if (options.distill) report.options.emplace_back("teacher", "the fp32 network");
  if (t.pruning.sparsity > 0)
    report.options.emplace_back("weights that become zero", fmt::format("{:g}", t.pruning.sparsity));
  return report;
}

void run_train(TrainArguments options) {
  eval::parse_scheme_option(options.scheme);
  data::parse_data_spec(options.data.data, options.data.labels);
  options.trainer.optimizer.kind = options.optimizer == "sgd"    ? OptimizerKind::sgd
                                   : options.optimizer == "adam" ? OptimizerKind::adam
                                                                 : OptimizerKind::adamw;
  options.trainer.schedule.kind = options.schedule == "constant" ? RateSchedule::Kind::constant
                                  : options.schedule == "cosine" ? RateSchedule::Kind::cosine
                                                                 : RateSchedule::Kind::steps;
  take_rate(options);
  take_fake_quantization(options);
  if (options.normalizes) options.batch_norm = {"*"};
  OutputFile output = open_output(options.output);
  std::FILE* notes = notes_beside(options.output);
  std::optional<OutputFile> page;
  if (!options.report.empty()) page.emplace(open_output(options.report));
  const Model fp32 = load_start(options);
  options.stops = interrupted;
  const FinishOnInterrupt finish;
  const eval::TrainedModel trained = eval::train_model(fp32, options);
  const TrainingResult& r = trained.result;
  if (r.best_epoch > 0 || r.end != TrainingEnd::diverged) {
    output.write(save_to_bytes(trained.model));
    output.commit();
    fmt::print(
        notes,
        "{}: {}, {} images, {} epochs{}; {:.2f} % of {} held-out images right after epoch {}, {:.2f} % "
        "before\n",
        output.path(), trained.model.scheme(), trained.images, r.epochs, describe_end(r.end),
        100 * r.best_accuracy, trained.validation, r.best_epoch, 100 * trained.start_accuracy);
    if (trained.deployed) fmt::print(notes, "{}\n", report::deployment_line(*trained.deployed));
    if (r.losses.size() > 1)
      fmt::print(notes, "loss of the epochs: {} from {:.4f} to {:.4f}\n", report::sparkline(r.losses),
                 r.losses.front(), r.losses.back());
  }
  if (page) {
    page->write(report::training_page(report_of(options, trained)));
    page->commit();
  }
  if (r.end == TrainingEnd::diverged)
    throw Error(ErrorCode::invalid_argument,
                fmt::format("training diverged in epoch {}: the loss is no number; a lower --lr may help{}",
                            r.epochs + 1, r.best_epoch > 0 ? "; the best epoch before is kept" : ""));
}

/// How codes are learned.
void add_code_options(CLI::App& command, TrainArguments& options) {
  FakeQuantization& how = options.fake_quantization;
  command.add_option("--activation-steps", options.activation_steps, "how ranges of activations are learned")
      ->capture_default_str()
      ->check(CLI::IsMember(activation_steps_names()));
  command.add_option("--weight-steps", options.weight_steps, "how steps of integer and ternary weights are")
      ->capture_default_str()
      ->check(CLI::IsMember(weight_steps_names()));
  command.add_option("--estimator", options.estimator, "what a gradient becomes in a rounding")
      ->capture_default_str()
      ->check(CLI::IsMember(rounding_gradient_names()));
  command.add_option("--ewgs-scaling", how.ewgs_scaling, "of --estimator ewgs")
      ->capture_default_str()
      ->check(CLI::NonNegativeNumber);
  command.add_option("--sign-gradient", options.sign_gradient, "of activations of one sign")
      ->capture_default_str()
      ->check(CLI::IsMember(sign_gradient_names()));
  command
      .add_option("--dampening", options.trainer.dampening,
                  "draws weights to their codes, so that they do not oscillate; it grows to this")
      ->capture_default_str()
      ->check(CLI::NonNegativeNumber);
  command
      .add_option("--freeze-above", options.trainer.freeze_above,
                  "codes stay that turn back in more than this part of the steps (0: none)")
      ->capture_default_str()
      ->check(CLI::NonNegativeNumber);
}

}  // namespace

void add_train_command(CLI::App& program) {
  CLI::App* command = program.add_subcommand("train", "train a model for a scheme and save it as .lowbit");
  auto options = std::make_shared<TrainArguments>();
  options->trainer.schedule.warm_up = 0;
  command->add_option("MODEL", options->model, "an .onnx, .tflite or .lowbit file");
  command->add_option("--from-scratch", options->network,
                      "in its place: a .json file with a list of layers, whose weights are random by --seed");
  add_onnx_options(*command, options->onnx);
  add_data_options(*command, options->data);
  command->get_option("--data")->required();
  command->add_option("--scheme", options->scheme, "see lowbit schemes; fp32 trains floats")
      ->capture_default_str();
  add_quantization_options(*command, options->quantization);
  TrainerOptions& t = options->trainer;
  command->add_option("--epochs", t.epochs, "passes over the training samples")
      ->capture_default_str()
      ->check(above_zero);
  command->add_option("--batch", t.batch, "samples of a step")->capture_default_str()->check(above_zero);
  command
      ->add_option("--lr", options->rate, "the highest learning rate; auto: by a few steps at rising rates")
      ->capture_default_str();
  command->add_option("--schedule", options->schedule, "how it falls")
      ->capture_default_str()
      ->check(CLI::IsMember({"cosine", "steps", "constant"}));
  command->add_option("--warm-up", t.schedule.warm_up, "steps in which it rises; -1: the first epoch")
      ->capture_default_str();
  command->add_option("--optimizer", options->optimizer, "")
      ->capture_default_str()
      ->check(CLI::IsMember({"adam", "adamw", "sgd"}));
  add_code_options(*command, *options);
  command->add_option("--weight-decay", t.optimizer.weight_decay, "of weights")->capture_default_str();
  command->add_option("--images", options->images, "samples to train with (default: all)")->check(above_zero);
  command
      ->add_option("--validate", options->validation,
                   "of these, held out to choose the best epoch (default: a tenth, at most 5000)")
      ->check(above_zero);
  command->add_option("--label-smoothing", t.label_smoothing, "part of the label that all classes share")
      ->capture_default_str()
      ->check(CLI::Range(0.0, 0.9999));
  command->add_flag("--distill", options->distill, "learn from the outputs of the fp32 model too");
  command->add_flag("--batch-norm", options->normalizes,
                    "normalize behind every convolution while training; folded into weights afterwards");
  command->add_option("--augment-pad", t.augmentation.pad, "move images by up to so many pixels")
      ->capture_default_str();
  command->add_flag("--augment-flip", t.augmentation.flip, "turn every other image left to right");
  command
      ->add_option(
          "--reestimate", t.reestimation_batches,
          "batches whose statistics those of the normalizations become in the end, if held-out samples "
          "do not lose by it")
      ->capture_default_str();
  command
      ->add_option("--prune", t.pruning.sparsity,
                   "part of all weights that becomes zero, the least important of all layers")
      ->check(CLI::Range(0.0, 0.9999));
  add_layer_part_option(*command, "--prune-layer", t.pruning.overrides);
  command->add_option("--prune-until", t.pruning.until, "part of all steps in which these weights go")
      ->capture_default_str()
      ->check(CLI::Range(0.0, 1.0));
  command->add_flag("--keep-zeros", t.pruning.keep_zeros, "weights that are zero stay zero");
  command->add_option("--patience", t.patience, "epochs without progress after which training ends (0: none)")
      ->capture_default_str();
  command->add_option("--report", options->report, "an HTML file with the curves of loss and accuracy");
  command->add_option("--checkpoint", t.checkpoint, "a file to go on from after an interruption");
  command->add_option("-o,--output", options->output, "the .lowbit file to write; - is standard output")
      ->required();
  command->footer(
      "Example: lowbit train mnist.onnx --data mnist:data --scheme int4-a4 --epochs 3 -o mnist.lowbit");
  command->callback([options] {
    if (options->network.empty()) eval::resolve_auto_preprocess(options->data, options->model, options->onnx);
    options->trainer.seed = options->data.seed + 1;
    run_train(*options);
  });
}

}  // namespace lowbit::cli
