// SPDX-License-Identifier: Apache-2.0
// Layers of compressed-tensors as matrices.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "io/safetensors/bit_stream.h"
#include "io/safetensors/compressed_layer.h"
#include "lowbit/core/error.h"
#include "lowbit/quant/given_codes.h"
#include "lowbit/runtime/detail/float_env.h"

namespace lowbit {

namespace detail {

ScaleGrid scale_grid(std::int64_t rows, std::int64_t cols, std::span<const std::int64_t> scale_shape,
                     const CompressedGroup* config, const std::string& layer) {
  ScaleGrid grid{.rows = rows, .cols = cols};
  const auto fail = [&] {
    throw Error(ErrorCode::corrupt_file,
                fmt::format("layer '{}': scales of shape ({}) do not fit {}x{} weights", layer,
                            fmt::join(scale_shape, "x"), rows, cols));
  };
  std::int64_t elements = 1;
  for (const std::int64_t dim : scale_shape) {
    if (dim < 1 || dim > std::max(rows, cols)) fail();
    elements *= dim;
    if (elements > rows * cols) fail();
  }
  if (scale_shape.size() > 2) fail();
  grid.scale_rows = elements == 1 ? 1 : scale_shape[0];
  grid.groups = scale_shape.size() == 2 ? scale_shape[1] : 1;
  const auto round_up = [](std::int64_t a, std::int64_t b) { return (a + b - 1) / b; };
  const bool blocks = config && config->block.size() == 2;
  grid.block_rows = blocks && grid.scale_rows != rows ? config->block[0] : rows / grid.scale_rows;
  grid.group = blocks && grid.groups > 1                    ? config->block[1]
               : grid.groups > 1 && cols % grid.groups != 0 ? (config ? config->group_size : 0)
                                                            : cols / grid.groups;
  if (!blocks && grid.scale_rows != rows && rows % grid.scale_rows != 0) grid.block_rows = 128;
  if (grid.group == 0 && grid.groups > 1) grid.group = 128;  // the usual block
  if (grid.block_rows < 1 || grid.group < 1 || round_up(rows, grid.block_rows) != grid.scale_rows ||
      round_up(cols, grid.group) != grid.groups)
    fail();
  if (elements == 1 && rows * cols > 1) {
    grid.granularity = per_tensor();
  } else if (grid.groups > 1) {
    if (grid.group % 4 != 0 || grid.group > 65536)
      throw Error(ErrorCode::unsupported,
                  fmt::format("layer '{}' has groups of {} weights; lowbit has multiples of 4 up to 65536",
                              layer, grid.group));
    grid.granularity = per_group(static_cast<std::uint32_t>(grid.group));
  }
  return grid;
}

}  // namespace detail

namespace {

using detail::ScaleGrid;

class LayerReader {
 public:
  LayerReader(const SafetensorsFile& file, const std::string& layer, const CompressedConfig* config)
      : file_(file), layer_(layer), config_(config ? config->group_of(layer) : nullptr) {}

  CompressedWeights read() {
    const SafetensorsTensor* packed = find("weight_packed");
    const SafetensorsTensor& weight = packed ? *packed : tensor("weight");
    if (weight.shape.size() != 2)
      refuse(fmt::format("has weights of {} dimensions, where lowbit reads 2", weight.shape.size()));
    if (const SafetensorsTensor* order = find("weight_g_idx")) check_order(*order);
    const SafetensorsTensor& scale = tensor("weight_scale");
    w_.scale_type = scale.type;
    w_.scale_shape = scale.shape;
    if (packed && weight.type == SafetensorsType::i32) return read_words(weight);
    if (packed && weight.type == SafetensorsType::u8) {
      if (find("weight_global_scale")) return read_nvfp4(weight);
      return read_mxfp4(weight);
    }
    if (!packed && weight.type == SafetensorsType::i8) return read_bytes(weight);
    if (!packed && weight.type == SafetensorsType::f8_e4m3) return read_fp8(weight);
    refuse(fmt::format("has weights of type {}, in none of the formats that lowbit reads",
                       safetensors_type_name(weight.type)));
  }

 private:
  std::string name(const char* member) const { return fmt::format("{}.{}", layer_, member); }
  const SafetensorsTensor* find(const char* member) const { return file_.find(name(member)); }
  const SafetensorsTensor& tensor(const char* member) const { return file_.tensor(name(member)); }
  [[noreturn]] void refuse(const std::string& why) const {
    throw Error(ErrorCode::unsupported, fmt::format("layer '{}' of {} {}", layer_, file_.name(), why));
  }
  [[noreturn]] void fail(const std::string& why) const {
    throw Error(ErrorCode::corrupt_file, fmt::format("layer '{}' of {} {}", layer_, file_.name(), why));
  }

  void set_size(std::int64_t rows, std::int64_t cols) {
    constexpr std::int64_t kLimit = std::numeric_limits<std::int32_t>::max();
    if (rows < 1 || cols < 1 || rows > kLimit || cols > kLimit)
      fail(fmt::format("has {}x{} weights", rows, cols));
    grid_ = detail::scale_grid(rows, cols, *w_.scale_shape, config_, layer_);
  }
  /// Columns that belong to groups in another order than their own.
  void check_order(const SafetensorsTensor& order) const {
    const std::vector<std::int64_t> groups = file_.integers(order);
    for (std::size_t i = 0; i < groups.size(); ++i) {
      if (groups[i] == -1) return;  // not in use
      if (i && groups[i] < groups[i - 1])
        refuse("has columns in the order of activations (weight_g_idx), which lowbit has no groups for");
    }
  }

  /// One for each group of the matrix, in its order; one for a tensor.
  template <class T>
  std::vector<T> spread(const std::vector<T>& given) const {
    if (grid_.granularity.kind == Granularity::Kind::tensor) return {given.at(0)};
    std::vector<T> all;
    all.reserve(static_cast<std::size_t>(grid_.rows * grid_.groups));
    for (std::int64_t r = 0; r < grid_.rows; ++r)
      for (std::int64_t g = 0; g < grid_.groups; ++g)
        all.push_back(given[static_cast<std::size_t>(grid_.index(r, g))]);
    return all;
  }
  std::vector<float> scales() const {
    switch (w_.scale_type) {
      case SafetensorsType::f32:
      case SafetensorsType::f16:
      case SafetensorsType::bf16:
      case SafetensorsType::f8_e4m3:
        return spread(file_.floats(tensor("weight_scale")));
      default:
        refuse(fmt::format("has scales of type {}", safetensors_type_name(w_.scale_type)));
    }
  }

  /// Calls f(first, count, index of the scale) for the weights of each group.
  template <class F>
  void each_group(const F& f) const {
    const bool per_tensor = grid_.granularity.kind == Granularity::Kind::tensor;
    for (std::int64_t r = 0; r < grid_.rows; ++r)
      for (std::int64_t g = 0; g < grid_.groups; ++g) {
        const std::int64_t first = g * grid_.group;
        f(static_cast<std::size_t>(r * grid_.cols + first),
          static_cast<std::size_t>(std::min(grid_.group, grid_.cols - first)),
          per_tensor ? std::size_t{0} : static_cast<std::size_t>(r * grid_.groups + g));
      }
  }

  std::vector<std::int32_t> zero_points(int bits) {
    const SafetensorsTensor* zeros = find("weight_zero_point");
    if (!zeros) return {};
    w_.zero_point_type = zeros->type;
    const std::int64_t count = grid_.scale_rows * grid_.groups;
    std::vector<std::int32_t> values;
    if (zeros->type == SafetensorsType::i8) {
      if (zeros->elements() != count) fail("has another number of zero points than of scales");
      for (const std::int64_t v : file_.integers(*zeros)) values.push_back(static_cast<std::int32_t>(v));
    } else if (zeros->type == SafetensorsType::i32) {
      const std::int64_t words = detail::stream_words(grid_.scale_rows, bits);
      if (zeros->shape != std::vector<std::int64_t>{words, grid_.groups})
        fail(fmt::format("has zero points in {} words, where {}x{} are needed", fmt::join(zeros->shape, "x"),
                         words, grid_.groups));
      const std::span<const std::byte> stream = file_.bytes(*zeros);
      for (std::int64_t r = 0; r < grid_.scale_rows; ++r)
        for (std::int64_t g = 0; g < grid_.groups; ++g)
          values.push_back(
              static_cast<std::int32_t>(detail::stream_code(stream, r, bits, static_cast<std::size_t>(g),
                                                            static_cast<std::size_t>(grid_.groups))) -
              (1 << (bits - 1)));
    } else {
      refuse(fmt::format("has zero points of type {}", safetensors_type_name(zeros->type)));
    }
    return spread(values);
  }

  CompressedWeights integers(std::vector<std::int8_t> codes, int bits) {
    std::vector<float> scale = scales();
    const std::vector<std::int32_t> zeros = zero_points(bits);
    each_group([&](std::size_t first, std::size_t count, std::size_t i) {
      if (scale[i] != 0.0f) return;
      std::fill_n(codes.begin() + static_cast<std::ptrdiff_t>(first), count,
                  zeros.empty() ? std::int8_t{0} : static_cast<std::int8_t>(zeros[i]));
    });
    for (float& s : scale)
      if (s == 0.0f) s = detail::kNoScale;
    w_.bits = bits;
    w_.matrix = matrix_from_codes(AffineCodes{.codes = {codes.data(), grid_.rows, grid_.cols},
                                              .bits = bits,
                                              .granularity = grid_.granularity,
                                              .scales = scale,
                                              .zero_points = zeros});
    return std::move(w_);
  }

  CompressedWeights read_words(const SafetensorsTensor& packed) {
    const SafetensorsTensor& shape = tensor("weight_shape");
    const std::vector<std::int64_t> size = file_.integers(shape);
    if (size.size() != 2 || size[0] != packed.shape[0])
      fail(fmt::format("has the weight_shape {}, and {} rows of words", fmt::join(size, "x"),
                       packed.shape[0]));
    w_.format = CompressedFormat::pack_quantized;
    w_.shape_type = shape.type;
    set_size(size[0], size[1]);
    const auto fits = [&](int bits) {
      return bits >= 2 && bits <= 8 && detail::stream_words(grid_.cols, bits) == packed.shape[1];
    };
    int bits = config_ && fits(config_->bits) ? config_->bits : 4;
    for (const int other : {8, 2, 3, 5, 6, 7})
      if (!fits(bits)) bits = other;
    if (!fits(bits)) fail(fmt::format("has {} words for {} weights of a row", packed.shape[1], grid_.cols));
    const std::span<const std::byte> stream = file_.bytes(packed);
    std::vector<std::int8_t> codes;
    codes.reserve(static_cast<std::size_t>(grid_.rows * grid_.cols));
    for (std::int64_t r = 0; r < grid_.rows; ++r)
      for (std::int64_t c = 0; c < grid_.cols; ++c)
        codes.push_back(
            static_cast<std::int8_t>(static_cast<int>(detail::stream_code(
                                         stream, c, bits, static_cast<std::size_t>(r * packed.shape[1]), 1)) -
                                     (1 << (bits - 1))));
    return integers(std::move(codes), bits);
  }

  CompressedWeights read_bytes(const SafetensorsTensor& weight) {
    w_.format = CompressedFormat::int_quantized;
    set_size(weight.shape[0], weight.shape[1]);
    const std::span<const std::byte> bytes = file_.bytes(weight);
    const auto* codes = reinterpret_cast<const std::int8_t*>(bytes.data());
    return integers({codes, codes + bytes.size()}, 8);
  }

  /// Codes of small floats; one of scale 0 must stand for zero.
  CompressedWeights table(std::vector<std::uint8_t> codes, std::span<const float> levels,
                          std::vector<float> scale) {
    each_group([&](std::size_t first, std::size_t count, std::size_t i) {
      if (scale[i] != 0.0f) return;
      for (std::size_t k = first; k < first + count; ++k)
        if (levels[codes[k]] != 0.0f) codes[k] = 0;
    });
    for (float& s : scale)
      if (s == 0.0f) s = detail::kNoScale;
    w_.matrix = matrix_from_codes(TableCodes{.codes = {codes.data(), grid_.rows, grid_.cols},
                                             .levels = levels,
                                             .granularity = grid_.granularity,
                                             .scales = scale});
    return std::move(w_);
  }

  CompressedWeights read_fp8(const SafetensorsTensor& weight) {
    w_.format = CompressedFormat::float_quantized;
    set_size(weight.shape[0], weight.shape[1]);
    std::vector<std::uint8_t> codes;
    codes.reserve(weight.bytes);
    for (const std::byte b : file_.bytes(weight)) codes.push_back(static_cast<std::uint8_t>(b));
    for (const std::uint8_t code : codes)
      if ((code & 0x7f) == 0x7f) refuse("has NaN among its weights");
    return table(std::move(codes), detail::finite_levels(MiniFloat::fp8_e4m3fn), scales());
  }

  std::vector<std::uint8_t> halves(const SafetensorsTensor& packed) {
    set_size(packed.shape[0], packed.shape[1] <= INT32_MAX ? packed.shape[1] * 2 : 0);
    std::vector<std::uint8_t> codes;
    codes.reserve(2 * packed.bytes);
    for (const std::byte b : file_.bytes(packed)) {
      codes.push_back(static_cast<std::uint8_t>(b) & 15);
      codes.push_back(static_cast<std::uint8_t>(b) >> 4);
    }
    return codes;
  }

  CompressedWeights read_nvfp4(const SafetensorsTensor& packed) {
    w_.format = CompressedFormat::nvfp4_pack_quantized;
    const SafetensorsTensor& global = tensor("weight_global_scale");
    if (global.type != SafetensorsType::f32 || global.elements() != 1)
      fail("has a weight_global_scale that is not one F32");
    w_.global_scale = file_.floats(global)[0];
    std::vector<std::uint8_t> codes = halves(packed);
    std::vector<float> scale = scales();
    for (float& s : scale) s = s / w_.global_scale;
    return table(std::move(codes), detail::finite_levels(MiniFloat::fp4_e2m1), std::move(scale));
  }

  CompressedWeights read_mxfp4(const SafetensorsTensor& packed) {
    w_.format = CompressedFormat::mxfp4_pack_quantized;
    if (w_.scale_type != SafetensorsType::u8 && w_.scale_type != SafetensorsType::f8_e8m0)
      refuse(fmt::format("has FP4 weights with scales of type {}", safetensors_type_name(w_.scale_type)));
    std::vector<std::uint8_t> codes = halves(packed);
    std::vector<int> exponents;
    for (const std::byte b : file_.bytes(tensor("weight_scale"))) exponents.push_back(static_cast<int>(b));
    const auto [least, most] = std::minmax_element(exponents.begin(), exponents.end());
    if (*most == 255) refuse("has NaN among its scales");
    // 2^-127 is no normal float: the table takes a part of it.
    const int shift = *least == 0 ? 2 : 0;
    if (*most - 127 + shift > 127) refuse("has the exponents 0 and 253 or more among its scales");
    std::vector<float> levels = detail::finite_levels(MiniFloat::fp4_e2m1), scale;
    for (float& level : levels) level = std::ldexp(level, -shift);
    for (const int e : exponents) scale.push_back(std::ldexp(1.0f, e - 127 + shift));
    CompressedWeights w = table(std::move(codes), levels, spread(scale));
    w.matrix.scale_bits = 8;
    return w;
  }

  const SafetensorsFile& file_;
  const std::string& layer_;
  const CompressedGroup* config_;
  ScaleGrid grid_;
  CompressedWeights w_;
};

}  // namespace

std::vector<std::string> compressed_layers(const SafetensorsFile& file) {
  constexpr std::string_view kPacked = ".weight_packed", kWeight = ".weight";
  std::vector<std::string> layers;
  for (const SafetensorsTensor& t : file.tensors()) {
    const bool packed = t.name.ends_with(kPacked);
    if (!packed && !t.name.ends_with(kWeight)) continue;
    const std::string layer = t.name.substr(0, t.name.size() - (packed ? kPacked : kWeight).size());
    if (file.find(layer + ".weight_scale")) layers.push_back(layer);
  }
  return layers;
}

CompressedWeights read_compressed(const SafetensorsFile& file, const std::string& layer,
                                  const CompressedConfig* config) {
  const FloatEnvironmentGuard defaults;  // products may be subnormal
  try {
    return LayerReader(file, layer, config).read();
  } catch (const Error& e) {
    if (e.code() != ErrorCode::invalid_argument && e.code() != ErrorCode::shape_mismatch) throw;
    // A scale or zero point that cannot be.
    throw Error(ErrorCode::corrupt_file, fmt::format("layer '{}' of {}: {}", layer, file.name(), e.what()));
  }
}

}  // namespace lowbit
