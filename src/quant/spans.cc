// SPDX-License-Identifier: Apache-2.0
// Quantization of spans and tensors of values.
#include "lowbit/quant/affine_qparams-inl.h"
#include "lowbit/quant/blocked-inl.h"
#include "lowbit/quant/dynamic-inl.h"
#include "lowbit/quant/error-inl.h"
#include "lowbit/quant/fixed_point-inl.h"
#include "lowbit/quant/quantize-inl.h"
#include "lowbit/quant/requantize-inl.h"
