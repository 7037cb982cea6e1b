// SPDX-License-Identifier: Apache-2.0
// The learning rate range test: a few steps at rates that grow by a constant factor, until the loss leaves
// where it was least (Smith, "Cyclical Learning Rates for Training Neural Networks", WACV 2017).
#pragma once

#include <span>

#include "lowbit/train/trainer.h"

namespace lowbit::train {

/// A tenth of the rate at which the smoothed loss was least, of 1e-5 to 1. The tape is as before afterwards.
double search_rate(Tape& tape, const TrainerOptions& options, const LabelledSamples& samples);

/// That choice: losses before the step of each rate. Losses are averaged with weights that fall by 0.8 a
/// step; what follows a loss that is no number, or three times the least, does not count.
double choose_rate(std::span<const double> rates, std::span<const double> losses);

}  // namespace lowbit::train
