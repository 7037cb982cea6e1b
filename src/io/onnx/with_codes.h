// SPDX-License-Identifier: Apache-2.0
// A model of a file that is quantized already: its own codes, scales and zero points, on integer kernels.
#pragma once

#include "io/onnx/file_codes.h"
#include "lowbit/model/model.h"

namespace lowbit::onnx_import {

/// `fp32` is the model in floats. A product whose weights are codes runs on codes where the file says how its
/// input is quantized, beforehand or at run time, else from the codes of its weights alone; other operators
/// where the file says so of all that they read and give. The rest stays in floats. `fp32` itself where the
/// file has no weights in codes.
Model with_codes(Model fp32, const FileCodes& codes);

}  // namespace lowbit::onnx_import
