// SPDX-License-Identifier: Apache-2.0
// Samples from a .npz file: an array for each input of the model, by name.
#include <fmt/format.h>

#include "data/dataset_files.h"
#include "data/labelled_dataset.h"
#include "data/npy_samples.h"
#include "data/zip_file.h"

namespace lowbit::data {
namespace {

constexpr const char* kLabels = "labels";

class NpzDataset final : public LabelledDataset {
 public:
  NpzDataset(const ZipFile& file, const std::string& labels, std::span<const InputType> inputs)
      : arrays_(npz_inputs(file, inputs)) {
    const std::string name = labels.empty() ? kLabels : labels;
    if (labels.empty() && !file.find(name + ".npy")) return;
    set_labels(labels_of(npz_array(file, name, "which --labels names"), count(),
                         fmt::format("'{}' in {}", name, file.path())));
  }

  std::int64_t count() const override { return arrays_[0].count(); }
  Shape sample_shape() const override { return arrays_[0].sample_shape(); }
  std::optional<Shape> input_shape(std::size_t input) const override { return arrays_[input].input_shape(); }
  void read_input(std::size_t input, std::int64_t index, const arrays::MutableArrayView& out) const override {
    arrays_[input].read(index, out);
  }

 private:
  std::vector<NpySamples> arrays_;  ///< one an input
};

}  // namespace

std::unique_ptr<Dataset> open_npz(const OpenRequest& request) {
  return std::make_unique<NpzDataset>(ZipFile(request.spec.path), request.spec.labels_path, request.inputs);
}

}  // namespace lowbit::data
