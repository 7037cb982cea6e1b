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

struct SaveOptions {
  /// Codes and other numbers by their entropy, where that takes fewer bytes, and names and shapes by a model
  /// of what stands before them. Nothing is rounded: load() gives the same model. Lowbits before version 8 of
  /// the format do not read such files.
  bool compress = false;
};

std::vector<std::byte> save_to_bytes(const Model& model, const SaveOptions& options = {});
/// Writes to a temporary file beside `path` and renames it: `path` is never half-written. Throws Error(io).
void save(const Model& model, const std::string& path, const SaveOptions& options = {});
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
