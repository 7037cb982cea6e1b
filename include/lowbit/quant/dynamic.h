// Dynamic quantization: the scale and zero point of a row of activations, found from its smallest and largest
// element while the model runs.
#pragma once

#include "lowbit/core/qparams.h"

namespace lowbit {

/// Asymmetric parameters for u8 codes (0..255): what choose_qparams({min, max}, {0, 255}) gives, without ever
/// throwing. min > max or a NaN, which is how an observer says that nothing finite was there, gives scale 1
/// and zero point 0. Allocates nothing; the same bits on every CPU.
QParams dynamic_qparams(float min, float max) noexcept;

}  // namespace lowbit
