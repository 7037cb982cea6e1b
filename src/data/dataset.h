// SPDX-License-Identifier: Apache-2.0
// Dataset: samples one by one, with labels or without, and the opening of what --data names.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "data/preprocess.h"
#include "lowbit/core/array.h"
#include "lowbit/core/shape.h"

namespace lowbit::data {

/// What a model takes as one of its inputs.
struct InputType {
  std::string name{};
  arrays::ArrayType type{};  ///< of one sample, without the batch
  /// Whether a dimension may have any size: a model's open ones. Empty: none.
  std::vector<bool> open{};
};

/// Samples of one type. Reading is const and may be done in any order.
class Dataset {
 public:
  virtual ~Dataset() = default;
  virtual std::int64_t count() const = 0;
  /// Of one sample, without the batch: C x H x W for images. Of the first input, where there are several.
  virtual Shape sample_shape() const = 0;
  /// What the samples are for an input with open dimensions; nothing where they were made as its type says.
  virtual std::optional<Shape> input_shape(std::size_t input) const {
    (void)input;
    return std::nullopt;
  }
  /// Nothing where the data has no labels.
  virtual std::optional<std::int64_t> label(std::int64_t index) const = 0;
  virtual bool has_labels() const = 0;
  /// Whether samples of three dimensions are H x W x C.
  virtual bool channels_last() const { return false; }
  /// As stored (bytes are 0..255), before preprocessing. `out` has as many elements as sample_shape().
  virtual void read(std::int64_t index, std::span<float> out) const = 0;
  /// The sample as input `input` of a model, row-major, of the type of `out`. This one reads floats, and
  /// where integers are wanted takes the nearest.
  virtual void read_input(std::size_t input, std::int64_t index, const arrays::MutableArrayView& out) const;
};

/// The parts of a data set that the command asks for.
enum class Split { evaluation, calibration };

/// What --data says.
struct DataSpec {
  std::string name = "glyphs";  ///< "mnist", "npy", ...
  std::string path{};           ///< of the folder or file; empty for glyphs
  std::string labels_path{};    ///< --labels: a file for npy, a name for npz

  /// Scale of the pixels unless --preprocess says otherwise: 1/255 where they are bytes by definition.
  float default_scale() const;
  /// Whether calibration and evaluation read different files.
  bool has_split() const;
};

/// "mnist:DIR, cifar10:DIR, npy:FILE_OR_DIR, ... or glyphs": what there is.
std::string known_data_specs();
/// One of them. Throws Error(invalid_argument) for anything else.
DataSpec parse_data_spec(const std::string& text, const std::string& labels_path = {});

/// Opens one split. `inputs` is what the model takes; it decides whether a .npy file is one sample or a
/// batch. Throws Error(not_found) naming every missing file, Error(corrupt_file), Error(shape_mismatch) when
/// the data does not fit the model, Error(invalid_argument) for ways of reading that the data does not have.
std::unique_ptr<Dataset> open_dataset(const DataSpec& spec, Split split, std::span<const InputType> inputs,
                                      const Reading& reading = {});
/// For one input of floats.
std::unique_ptr<Dataset> open_dataset(const DataSpec& spec, Split split, const Shape& input_shape);

/// Whether images of shape `sample` can be fed to an input of shape `input`: equal, equal without dimensions
/// of size 1, or one of them flat with the same number of elements.
bool shapes_fit(const Shape& sample, const Shape& input);
/// The shape that the input has for such a sample: its own, with the sizes of the sample in open dimensions.
/// Nothing where the sample does not fit.
std::optional<Shape> shape_as_input(const Shape& sample, const InputType& input);

/// Indices of `wanted` of `count` images (all if `wanted` is 0 or more than there are): the first in file
/// order for seed 0, else a random subset in random order, which depends on the seed alone.
std::vector<std::int64_t> choose_images(std::int64_t count, std::int64_t wanted, std::uint64_t seed);

}  // namespace lowbit::data
