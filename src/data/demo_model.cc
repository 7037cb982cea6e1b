// SPDX-License-Identifier: Apache-2.0
#include "data/demo_model.h"

#include "lowbit/core/error.h"
#include "lowbit/io/onnx/load.h"

namespace lowbit::data {

Model load_demo_model() {
#ifdef LOWBIT_WITH_ONNX
  return load_onnx(demo_model(), "the demo network");
#else
  throw Error(ErrorCode::not_built, "the demo network is an ONNX file, and this build has no ONNX importer");
#endif
}

}  // namespace lowbit::data
