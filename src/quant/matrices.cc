// SPDX-License-Identifier: Apache-2.0
// Quantized matrices.
#include "lowbit/quant/detail/group_codes-inl.h"
#include "lowbit/quant/detail/group_codes_row-inl.h"
#include "lowbit/quant/detail/level_rounding-inl.h"
#include "lowbit/quant/detail/level_search-inl.h"
#include "lowbit/quant/detail/matrix_rows-inl.h"
#include "lowbit/quant/detail/quantize_matrix-inl.h"
#include "lowbit/quant/effective-inl.h"
#include "lowbit/quant/fake_quantize-inl.h"
#include "lowbit/quant/given_codes-inl.h"
#include "lowbit/quant/quantized_matrix-inl.h"
