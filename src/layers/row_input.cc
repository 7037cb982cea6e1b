// SPDX-License-Identifier: Apache-2.0
#include "layers/row_input.h"

#include "lowbit/core/error.h"

namespace lowbit {

kernels::ActType activations_of(RowInput input) {
  if (input == RowInput::signs) return kernels::ActType::b1;
  return input == RowInput::floats ? kernels::ActType::f32 : kernels::ActType::u8;
}

RowInput row_input(const ops::StepSpec& spec) {
  if ((spec.signs || spec.dynamic) && spec.inputs[0]->dtype != DType::f32)
    throw Error(ErrorCode::unsupported, "a layer that quantizes its input takes floats, not codes");
  if (spec.signs) return RowInput::signs;
  if (spec.dynamic) return RowInput::quantize;
  return spec.inputs[0]->dtype == DType::f32 ? RowInput::floats : RowInput::codes;
}

SignScale sign_scale(const ops::StepSpec& spec) {
  return spec.dynamic ? SignScale::mean : SignScale::in_weights;
}

bool has_f32_residual(const ops::StepSpec& spec) {
  return spec.inputs.size() > 1 && spec.inputs[1]->dtype == DType::f32;
}

LayerQuantization quantization_of(const ops::StepSpec& spec) {
  LayerQuantization q;
  if (row_input(spec) == RowInput::codes) q.input = spec.inputs[0]->qparams;
  if (spec.output->dtype == DType::u8) q.output = spec.output->qparams;
  q.output_qmax = spec.output->codes().qmax;
  if (spec.inputs.size() > 1 && !has_f32_residual(spec)) q.residual = spec.inputs[1]->qparams;
  return q;
}

}  // namespace lowbit
