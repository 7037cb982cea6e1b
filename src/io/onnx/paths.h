// SPDX-License-Identifier: Apache-2.0
// The parts of a model's path that importing needs.
#pragma once

#include <string>

namespace lowbit::onnx_import {

std::string folder_of(const std::string& path);
std::string name_of(const std::string& path);

}  // namespace lowbit::onnx_import
