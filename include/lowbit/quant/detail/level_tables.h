// SPDX-License-Identifier: Apache-2.0
// Fixed sets of levels for look-up quantization, each scaled so that its largest level is 1. A code is an
// index into the ascending table; a group has a scale of its own.
#pragma once

#include <span>

#include "lowbit/core/config.h"

namespace lowbit::detail {

/// NormalFloat, 16 levels: quantiles of the normal distribution at evenly spaced probabilities, 8 up to zero
/// and 9 from zero on, which is common to both. The numbers published with Dettmers, Pagnoni, Holtzman,
/// Zettlemoyer, "QLoRA: Efficient Finetuning of Quantized LLMs", NeurIPS 2023.
std::span<const float> nf4_levels();

/// Zero and +-2^-e for e = 0 ... 2^(bits-1) - 2; `bits` is 2 to 8, the number of levels 2^bits - 1. One bit
/// is the sign and the others number the exponents, with one code for zero: Miyashita, Lee, Murmann,
/// "Convolutional Neural Networks using Logarithmic Data Representation", 2016, where 2^b - 1 exponents below
/// the full scale are kept and values below them become zero. As zero has no sign, one of 2^bits codes is
/// free.
std::span<const float> log_levels(int bits);

/// The same with base sqrt(2), which that paper has too, and 8 bits: zero and +-2^(-e/2) for e = 0 ... 126,
/// 255 levels.
std::span<const float> sqrt2_levels();

/// Sums of powers of two; `bits` is 3 to 8, the number of levels 2^bits - 1. Of the bits - 1 bits of the
/// magnitude, every two choose a term out of zero and three powers of two, and an odd one a term out of zero
/// and one power. With n = (bits - 1) / 2 terms of the first kind and j = 0 ... n - 1, term j is one of
///
///   0, 2^-(j+1), 2^-(j+1+n), 2^-(j+1+2n) without an odd bit,
///   0, 2^-(j+1), 2^-(j+1+n), 2^-(j+2+2n) with one, whose term is 0 or 2^-(2n+1).
///
/// All powers differ, so that all sums do; they are divided by the greatest. Li, Dong, Wang, "Additive
/// Powers-of-Two Quantization", ICLR 2020; the sets with an odd bit are those of the authors' program for 4
/// and 6 bits, continued in the same way to 8.
std::span<const float> apot_levels(int bits);

}  // namespace lowbit::detail

#ifdef LOWBIT_HEADER_ONLY
#include "lowbit/quant/detail/level_tables-inl.h"
#endif
