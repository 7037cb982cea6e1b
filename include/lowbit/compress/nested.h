// SPDX-License-Identifier: Apache-2.0
// Nested codes: weights of 8 bits whose first 6, 4 and 2 bits are codes of 6, 4 and 2 bits. One file holds
// all widths, and a NestedModel is whichever of them is asked for, all layers alike or each its own:
//
//   NestedModel nested = make_nested(fp32, table, {.data = images});
//   nested.set_bits(4);                        // all layers
//   nested.set_bits("conv1", 8);               // one
//   run(nested.model(), in, out, workspace);
//   save(nested, "net.nested");
//   NestedModel small = load_nested("net.nested", 4);   // reads half of the codes
//
// Each width has scales, biases and (2 bits) levels of its own, and the codes are chosen for all widths at
// once, by the errors that each makes in the outputs of its layer: Park et al., "Any-Precision LLM", ICML
// 2024; Nair et al., "Matryoshka Quantization", 2025, which train for the same end.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "lowbit/model/model.h"
#include "lowbit/recover/recover.h"

namespace lowbit {

/// Widths that there are, the narrowest first.
inline constexpr int kNestedBits[] = {2, 4, 6, 8};

/// The weights of one layer in all widths. Code k of 8 bits of row r stands for scales[r] * (k - 136), its
/// first 6 bits for 4 and its first 4 for 16 times a scale of their own times (code - 34) and (code - 8), its
/// first 2 for a level.
struct NestedMatrix {
  std::int64_t rows = 0, cols = 0;
  std::vector<std::uint8_t> codes{};  ///< [rows][cols], of 8 bits
  std::vector<float> scales{};        ///< [rows], of 8 bits
  /// What a narrower width has of its own.
  struct Slice {
    std::vector<std::int8_t>
        ratios{};  ///< [rows] 4 and 6 bits: its scale is (1 + ratio / 400) times as large
    std::vector<std::int8_t> levels{};  ///< [rows][4] 2 bits: ascending, in scales of 8 bits
    float bias_step = 0;
    std::vector<std::int8_t> biases{};  ///< [rows]: in bias_steps, added to the biases of 8 bits
  };
  std::array<Slice, 3> slices{};  ///< of 2, 4 and 6 bits

  /// The weights in one width: s8 for 8 and 6 bits, u4 for 4, lut4 for 2. Throws Error(invalid_argument) for
  /// another width.
  QuantizedMatrix at(int bits) const;
  /// Biases of that width from those of 8 bits, [rows].
  std::vector<float> bias_at(int bits, std::span<const float> bias) const;
  /// Throws Error(corrupt_file) for a member whose size or value cannot be.
  void validate() const;
};

struct NestedOptions {
  /// Samples and how they are used, as for a recovery: of its members those that say which samples, how
  /// many rows of each, threads and progress.
  RecoverOptions recover{};
  /// How much the error of each width counts, beside what that width alone could do: 2, 4, 6 and 8 bits.
  /// A width of weight 0 gets what the others leave it.
  double weights[4] = {1, 1, 0.3, 0.3};
  int turns = 12;  ///< of codes and scales
};

/// One model in all widths. Copies share everything but which width they are.
class NestedModel {
 public:
  /// `base`: with 8-bit scales and biases. `layers`: one a node, empty (no rows) where there are no nested
  /// codes. `least` to 8 bits are there. Throws Error(invalid_argument) where they do not fit.
  NestedModel(const Model& base, std::vector<NestedMatrix> layers, int most_bits = 8);

  /// The widest codes there are: 8, or what load_nested() was asked for.
  int most_bits() const;
  /// All layers. The first call for a width packs its weights for this machine, later ones pick them up.
  /// Throws Error(invalid_argument) for a width that is none, or is not there.
  void set_bits(int bits);
  /// One layer, by the name of its node; also where it has no nested codes: Error(not_found).
  void set_bits(std::string_view layer, int bits);
  /// Packs the weights of all widths now.
  void prepare() const;
  /// In the widths that were set last; 8 bits at first, or most_bits(). A value that later calls do not
  /// change.
  const Model& model() const { return current_; }
  /// Of each node; 0 where there are no nested codes.
  const std::vector<int>& bits() const { return bits_; }
  const std::vector<NestedMatrix>& layers() const;

 private:
  struct State;
  const Model& whole(int bits) const;

  std::shared_ptr<State> state_;
  std::vector<int> bits_;
  Model current_;
};

/// Of all Conv2d and Linear of the network, with activations of 8 bits. Throws as quantize() with
/// recover_default().
NestedModel make_nested(const Model& fp32, const CalibrationTable& table, const NestedOptions& options = {});

std::vector<std::byte> save_to_bytes(const NestedModel& model);
/// Throws Error(io); Error(invalid_argument) for a model without its 8 bits.
void save(const NestedModel& model, const std::string& path);
/// Reads the codes of at most so many bits, and no byte of the others. Treats the bytes as hostile: throws
/// Error(corrupt_file), or Error(unsupported) for a newer version.
NestedModel load_nested(const std::string& path, int most_bits = 8);
NestedModel load_nested(std::span<const std::byte> bytes, int most_bits = 8,
                        const std::string& name = "model");

}  // namespace lowbit
