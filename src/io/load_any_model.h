// Loading whatever model file the user names; its content decides what it is, not its name.
#pragma once

#include <string>

#include "lowbit/model/model.h"

namespace lowbit::io {

/// A .lowbit or ONNX file. Throws Error as load() and load_onnx() do; Error(not_built) for a file that is not
/// .lowbit in a build without the ONNX importer.
Model load_model(const std::string& path);

/// Throws Error(unsupported) unless the model has one input.
void require_one_input(const Model& model, const std::string& path);

}  // namespace lowbit::io
