// SPDX-License-Identifier: Apache-2.0
// A network that lost columns of its layers, fitted again: layer by layer in the order in which they run,
// each to the products of the original network, from the inputs that the changed layers before it really
// give. So a layer also makes good what was lost before it. (He, Zhang, Sun, "Channel Pruning for
// Accelerating Very Deep Neural Networks", ICCV 2017, refit a whole network so.)
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <vector>

#include "lowbit/model/model.h"
#include "recover/recovery_samples.h"

namespace lowbit::detail {

/// `changed` is the graph of `fp32` with other weights. `kept`: by node, of Conv2d of one group and Linear,
/// the columns of weight_matrix() that stay; those of the others become zero. Weights and biases are of least
/// squared error on the samples that are learned from, damped towards those in `changed`, and are taken where
/// the error on the samples kept aside is less. Throws as StagedRun for samples that do not fit.
Graph refit_layers(const Model& fp32, Graph changed,
                   const std::map<std::size_t, std::vector<std::int64_t>>& kept,
                   const RecoverySamples& samples, int threads);

}  // namespace lowbit::detail
