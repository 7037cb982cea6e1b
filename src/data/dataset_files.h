// SPDX-License-Identifier: Apache-2.0
// The data sets that --data names, one function each; dataset.cc is what chooses among them.
#pragma once

#include <memory>
#include <string>

#include "data/dataset.h"

namespace lowbit::data {

/// What a data set is opened for.
struct OpenRequest {
  const DataSpec& spec;
  Split split;
  std::span<const InputType> inputs;
  const Reading& reading;
};

/// MNIST in `folder`, IDX files with or without .gz: t10k for evaluation, train for calibration.
std::unique_ptr<Dataset> open_mnist(const std::string& folder, Split split);
/// A pair of IDX files; `labels` may be empty.
std::unique_ptr<Dataset> open_idx(const std::string& images, const std::string& labels);
/// CIFAR-10 in `folder`, binary version: test_batch.bin for evaluation; those of data_batch_1.bin to
/// data_batch_5.bin that exist, at least the first, for calibration.
std::unique_ptr<Dataset> open_cifar10(const std::string& folder, Split split);
/// One .npy file or a folder of them in the order of their names, each a sample or a batch.
std::unique_ptr<Dataset> open_npy(const OpenRequest& request);
/// A .npz file: an array for each input of the model by its name, besides labels in "labels" or what
/// `--labels` names.
std::unique_ptr<Dataset> open_npz(const OpenRequest& request);
/// A .csv file: a line of names, then a sample a line. The labels are in the column that `--labels` names, or
/// in the last one where there is one more than the model takes.
std::unique_ptr<Dataset> open_csv(const OpenRequest& request);
/// A folder of PNG, JPEG and WebP files: of classes in folders, sorted by name; with labels.csv, which has a
/// file and a label a line; or without labels. Images are resized and cropped to what the model takes.
std::unique_ptr<Dataset> open_images(const OpenRequest& request);
/// A folder of .wav files: windows as long as the model's input, one after the other or `hop` samples apart.
std::unique_ptr<Dataset> open_wav(const OpenRequest& request);
/// Images drawn by the program itself.
std::unique_ptr<Dataset> open_glyphs(Split split);

}  // namespace lowbit::data
