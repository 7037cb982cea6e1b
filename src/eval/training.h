// SPDX-License-Identifier: Apache-2.0
// Training on the samples that the options of a command name.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "data/data_options.h"
#include "eval/model_quantizer.h"
#include "lowbit/model/model.h"
#include "lowbit/train/deployment.h"
#include "lowbit/train/trainer.h"

namespace lowbit::eval {

struct TrainingOptions {
  data::DataOptions data;
  QuantizationOptions quantization;
  std::string scheme = "int8";            ///< of the result; "fp32": weights stay floats
  std::vector<std::string> batch_norm{};  ///< as in TapeOptions
  std::int64_t images = 0;                ///< to train on; 0: all
  std::int64_t validation = 0;  ///< of these, held out to choose the best epoch; 0: a tenth, at most 5000
  bool distill = false;         ///< the teacher is the fp32 model
  FakeQuantization fake_quantization{};
  bool finds_rate = false;  ///< the schedule's peak by Trainer::find_rate
  TrainerOptions trainer{};
  std::function<bool()> stops{};
};

struct TrainedModel {
  Model model;
  TrainingResult result;
  std::int64_t images = 0, validation = 0;
  double start_accuracy = 0;  ///< of the validation images, before the first step
  double rate = 0;            ///< the schedule's peak
  /// Of a quantized model, on the validation images.
  std::optional<DeploymentComparison> deployed{};
};

/// Shows progress. Throws as Samples, ModelQuantizer, Tape and Trainer; Error(invalid_argument) for data
/// without labels.
TrainedModel train_model(const Model& fp32, const TrainingOptions& options);

}  // namespace lowbit::eval
