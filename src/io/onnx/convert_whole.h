// SPDX-License-Identifier: Apache-2.0
// Importing nodes of a graph whose tensors are whole: every ONNX tensor is a value of the same dimensions.
// What follows from constants is computed here and now. Products and other operators that lowbit has kernels
// for become those, under the shapes that they want; all else becomes an ops::ArrayOp.
#pragma once

#include <string>
#include <string_view>

#include "io/onnx/importer.h"
#include "io/onnx/node_context.h"

namespace lowbit::onnx_import {

bool has_whole_converter(std::string_view op_type);
void convert_whole(Importer& importer, NodeContext& node);
/// A node that copies what `name` stands for, which may be a constant or an input. Returns its output, which
/// has that name.
ValueId copy_whole(Importer& importer, const std::string& name);

}  // namespace lowbit::onnx_import
