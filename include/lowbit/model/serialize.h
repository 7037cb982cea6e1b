// SPDX-License-Identifier: Apache-2.0
// .lowbit files: a versioned, checksummed, little-endian image of a model with canonical codes (never packed
// panels), so that a file made on one CPU gives the same bits on every other. The format is described in
// docs/file-format.md.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "lowbit/model/model.h"

namespace lowbit {

std::vector<std::byte> save_to_bytes(const Model& model);
/// Writes to a temporary file beside `path` and renames it: `path` is never half-written. Throws Error(io).
void save(const Model& model, const std::string& path);
/// Treats the bytes as hostile. Throws Error(corrupt_file), or Error(unsupported) for a newer version; `name`
/// stands in the sentence.
Model load(std::span<const std::byte> bytes, const std::string& name = "model");
/// Throws Error(not_found) or Error(io), and as above.
Model load(const std::string& path);

/// Tells fp32 models apart: 64 bits (FNV-1a) of all that a file holds but for the name of its source. Stays
/// the same from one version of the format to the next. No protection against somebody who wants two models
/// to be taken for one.
std::uint64_t fingerprint(const Model& model);

}  // namespace lowbit
