#include "data/images.h"

#include <fmt/format.h>

#include "lowbit/core/error.h"
#include "model/copy_samples.h"

namespace lowbit::data {

Images::Images(const DataSpec& spec, Split split, const std::string& preprocess, const Shape& input_shape,
               std::int64_t wanted, std::uint64_t seed)
    : shape_(input_shape) {
  Preprocess defaults;
  defaults.scale = spec.default_scale();
  preprocess_ = preprocess.empty() ? defaults : parse_preprocess(preprocess, defaults);
  data_ = open_dataset(spec, split, input_shape);
  require_channels(preprocess_, channel_count(data_->sample_shape()));
  order_ = choose_images(data_->count(), wanted, seed);
}

Shape Images::batch_shape(std::int64_t images) const {
  return with_batch(shape_, images);
}

void Images::read(std::int64_t first, std::span<float> out) const {
  const auto size = static_cast<std::size_t>(shape_.elements());
  const std::int64_t channels = channel_count(data_->sample_shape());
  for (std::size_t at = 0; at + size <= out.size(); at += size, ++first) {
    const std::span<float> image = out.subspan(at, size);
    data_->read(order_[static_cast<std::size_t>(first)], image);
    apply(preprocess_, channels, image);
  }
}

}  // namespace lowbit::data
