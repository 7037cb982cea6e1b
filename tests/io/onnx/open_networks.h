// SPDX-License-Identifier: Apache-2.0
// Small ONNX files with open dimensions.
#pragma once

#include <string>
#include <vector>

#include "io/onnx/onnx_builder.h"
#include "lowbit/model/open_shapes.h"

namespace lowbit::testing {

using Sizes = std::vector<std::int64_t>;

struct OpenNetwork {
  struct Input {
    std::string name;
    std::vector<std::string> dims;  ///< numbers, names of open ones, or "a + b"
    lowbit::ElementType element = lowbit::ElementType::f32;
    Shape at(const std::vector<OpenDimension>& dimensions, const Sizes& at_sizes) const;
  };
  OnnxBuilder file{17};
  std::vector<Input> inputs{};
  std::vector<OpenDimension> open{};
  std::vector<Sizes> sizes{};  ///< some to try; where there is a batch, it is the first of them
  bool has_batch = false;

  void add_input(const std::string& name, const std::vector<std::string>& dims,
                 lowbit::ElementType element = lowbit::ElementType::f32);
};

std::vector<std::string> open_network_names();
OpenNetwork open_network(const std::string& name);
/// Networks with other nodes at sizes of 0 and 1, which `sizes` are here.
std::vector<std::string> small_network_names();
OpenNetwork small_network(const std::string& name);
/// One whose nodes depend on "sequence" in ways that follow no rule.
OpenNetwork refused_network(const std::string& name);

}  // namespace lowbit::testing
