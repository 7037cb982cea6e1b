// Samples from a .npz file: an array for each input of the model, by name.
#include <fmt/format.h>

#include "data/dataset_files.h"
#include "data/npy_samples.h"
#include "data/zip_file.h"

namespace lowbit::data {
namespace {

constexpr const char* kLabels = "labels";

class NpzDataset final : public Dataset {
 public:
  NpzDataset(const ZipFile& file, const std::string& labels, std::span<const InputType> inputs)
      : arrays_(npz_inputs(file, inputs)) {
    const std::string name = labels.empty() ? kLabels : labels;
    if (labels.empty() && !file.find(name + ".npy")) return;
    labels_ = labels_of(npz_array(file, name, "which --labels names"), count(),
                        fmt::format("'{}' in {}", name, file.path()));
  }

  std::int64_t count() const override { return arrays_[0].count(); }
  Shape sample_shape() const override { return arrays_[0].sample_shape(); }
  bool has_labels() const override { return !labels_.empty(); }
  std::optional<std::int64_t> label(std::int64_t index) const override {
    if (labels_.empty()) return std::nullopt;
    return labels_[static_cast<std::size_t>(index)];
  }
  void read(std::int64_t index, std::span<float> out) const override {
    read_input(0, index,
               {{ElementType::f32, Shape{static_cast<std::int64_t>(out.size())}}, out.data(), nullptr});
  }
  void read_input(std::size_t input, std::int64_t index, const arrays::MutableArrayView& out) const override {
    arrays_[input].read(index, out);
  }

 private:
  std::vector<NpySamples> arrays_;  ///< one an input
  std::vector<std::int64_t> labels_;
};

}  // namespace

std::unique_ptr<Dataset> open_npz(const OpenRequest& request) {
  return std::make_unique<NpzDataset>(ZipFile(request.spec.path), request.spec.labels_path, request.inputs);
}

}  // namespace lowbit::data
