// The data sets that --data names, one function each; dataset.cc is what chooses among them.
#pragma once

#include <memory>
#include <string>

#include "data/dataset.h"

namespace lowbit::data {

/// MNIST in `folder`, IDX files with or without .gz: t10k for evaluation, train for calibration.
std::unique_ptr<Dataset> open_mnist(const std::string& folder, Split split);
/// A pair of IDX files; `labels` may be empty.
std::unique_ptr<Dataset> open_idx(const std::string& images, const std::string& labels);
/// CIFAR-10 in `folder`, binary version: test_batch.bin for evaluation; those of data_batch_1.bin to
/// data_batch_5.bin that exist, at least the first, for calibration.
std::unique_ptr<Dataset> open_cifar10(const std::string& folder, Split split);
/// One .npy file or a folder of them in the order of their names, each an image or a batch. `labels` may be
/// empty.
std::unique_ptr<Dataset> open_npy(const std::string& path, const std::string& labels,
                                  const Shape& input_shape);
/// Images drawn by the program itself.
std::unique_ptr<Dataset> open_glyphs(Split split);

}  // namespace lowbit::data
