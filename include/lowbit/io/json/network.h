// SPDX-License-Identifier: Apache-2.0
// A network that has learned nothing yet, as a list of layers in JSON: what `lowbit train --from-scratch`
// begins with. Layers are those of Sequential, by the names that it gives their nodes; the format is
// described in docs/training.md. Part of the optional library lowbit::json.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "lowbit/model/model.h"

namespace lowbit {

/// Weights are random by the seed: close to Gaussian, with a variance of 2 / inputs of an output (He et al.,
/// "Delving Deep into Rectifiers", ICCV 2015); biases are 0. The same text and seed give the same bits on
/// every CPU. `name` stands in sentences and is the model's source. Throws Error(corrupt_file), naming key
/// and layer, for text that is no such list, Error(unsupported) for a newer version, Error(shape_mismatch) or
/// Error(invalid_argument) naming the layer that does not fit what is before it.
LOWBIT_JSON_CALL Model parse_network(std::string_view text, std::uint64_t seed,
                                     const std::string& name = "network");
/// Throws Error(not_found) or Error(io), and as above.
LOWBIT_JSON_CALL Model load_network(const std::string& path, std::uint64_t seed);

}  // namespace lowbit
