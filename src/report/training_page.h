// SPDX-License-Identifier: Apache-2.0
// What a training did, as a page for people: the loss and the accuracy of its epochs.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "lowbit/train/deployment.h"
#include "lowbit/train/trainer.h"

namespace lowbit::report {

struct TrainingReport {
  std::string model, data, scheme, output;
  std::int64_t images = 0, held_out = 0;
  double start_accuracy = 0;  ///< of the images that were held out, before the first step
  TrainingResult result{};
  std::optional<DeploymentComparison> deployed{};
  std::vector<std::pair<std::string, std::string>> options{};  ///< name and value, as they are shown
};

std::string training_page(const TrainingReport& report);

}  // namespace lowbit::report
