// SPDX-License-Identifier: Apache-2.0
// ResNet-20 on CIFAR-10, where the shared data is.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "data/dataset.h"
#include "lowbit/model/model.h"
#include "support/shared_data.h"

namespace lowbit::testing {

inline constexpr const char* kNet = "models/resnet20-cifar10.onnx";
inline constexpr const char* kData = "data/cifar10/data_batch_1.bin";

/// Images of the calibration split as the network takes them.
inline std::vector<Tensor> images(const Model& model, std::int64_t count) {
  const std::string folder = shared_data("data/cifar10").string();
  const auto set = data::open_dataset(data::parse_data_spec("cifar10:" + folder), data::Split::calibration,
                                      model.input_shape());
  const std::array<float, 3> mean{0.485f, 0.456f, 0.406f}, deviation{0.229f, 0.224f, 0.225f};
  std::vector<Tensor> all;
  for (std::int64_t i = 0; i < count; ++i) {
    Tensor& image = all.emplace_back(Shape{1, 3, 32, 32});
    set->read(i, image.data);
    for (std::size_t e = 0; e < 3072; ++e)
      image.data[e] = (image.data[e] / 255.0f - mean[e / 1024]) / deviation[e / 1024];
  }
  return all;
}

}  // namespace lowbit::testing
