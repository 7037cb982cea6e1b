// SPDX-License-Identifier: Apache-2.0
// Errors, shapes, tensors, small floats, casts and packed codes.
#include "lowbit/core/cast-inl.h"
#include "lowbit/core/error-inl.h"
#include "lowbit/core/half-inl.h"
#include "lowbit/core/minifloat-inl.h"
#include "lowbit/core/packing-inl.h"
#include "lowbit/core/sentence-inl.h"
#include "lowbit/core/shape-inl.h"
#include "lowbit/core/tensor-inl.h"
