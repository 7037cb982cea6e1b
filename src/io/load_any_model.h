// SPDX-License-Identifier: Apache-2.0
// Loading whatever model file the user names; its content decides what it is, not its name.
#pragma once

#include <string>

#include "lowbit/io/onnx/load.h"
#include "lowbit/model/model.h"

namespace lowbit::io {

/// A .lowbit, ONNX or TensorFlow Lite file. Throws Error as load(), load_onnx() and load_tflite() do;
/// Error(not_built) for a file that is not .lowbit in a build without the ONNX importer;
/// Error(invalid_argument) for shapes beside a file that is not ONNX.
Model load_model(const std::string& path, const OnnxOptions& options = {});

/// What load_model() takes for a .lowbit file. Throws as read_prefix().
bool is_lowbit_file(const std::string& path);
/// Likewise for TensorFlow Lite.
bool is_tflite_file(const std::string& path);

}  // namespace lowbit::io
