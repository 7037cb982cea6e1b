// SPDX-License-Identifier: Apache-2.0
// The images that the program draws itself, as a data set.
#include "data/dataset_files.h"
#include "data/glyphs.h"

namespace lowbit::data {
namespace {

// As many test images as make the standard error of an accuracy of 97 % less than half a percent.
constexpr std::int64_t kTestImages = 2000, kTrainImages = 10000;

class GlyphDataset final : public Dataset {
 public:
  explicit GlyphDataset(Split split)
      : seed_(split == Split::evaluation ? kGlyphTestSeed : kGlyphTrainSeed),
        count_(split == Split::evaluation ? kTestImages : kTrainImages) {}

  std::int64_t count() const override { return count_; }
  Shape sample_shape() const override { return {1, kGlyphSide, kGlyphSide}; }
  bool has_labels() const override { return true; }
  std::optional<std::int64_t> label(std::int64_t index) const override {
    return glyph_label(static_cast<std::uint64_t>(index));
  }
  void read(std::int64_t index, std::span<float> out) const override {
    draw_glyphs(seed_, static_cast<std::uint64_t>(index), out);
  }

 private:
  std::uint64_t seed_;
  std::int64_t count_;
};

}  // namespace

std::unique_ptr<Dataset> open_glyphs(Split split) {
  return std::make_unique<GlyphDataset>(split);
}

}  // namespace lowbit::data
