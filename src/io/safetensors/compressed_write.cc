// SPDX-License-Identifier: Apache-2.0
// Matrices as layers of compressed-tensors.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <cstring>

#include "io/safetensors/bit_stream.h"
#include "io/safetensors/compressed_layer.h"
#include "io/safetensors/types.h"
#include "lowbit/core/cast.h"
#include "lowbit/core/error.h"
#include "lowbit/quant/detail/storage.h"

namespace lowbit {
namespace {

using detail::ScaleGrid;

class LayerWriter {
 public:
  LayerWriter(SafetensorsWriter& writer, const std::string& layer, const CompressedWeights& weights)
      : writer_(writer), layer_(layer), w_(weights), q_(weights.matrix) {
    q_.validate();
    if (!q_.offsets.empty()) refuse("a matrix with offsets");
    if (q_.format == WeightFormat::b1) refuse("sign bits");
    shape_ = w_.scale_shape ? *w_.scale_shape : usual_shape();
    CompressedGroup group;
    if (q_.groups() > 1) group.group_size = q_.granularity.group_size;
    try {
      grid_ = detail::scale_grid(q_.rows, q_.cols, shape_, &group, layer);
    } catch (const Error& e) {
      throw Error(ErrorCode::shape_mismatch, e.what());
    }
    if (q_.groups() > 1 && (grid_.groups != q_.groups() || grid_.group != q_.granularity.group_size))
      throw Error(ErrorCode::shape_mismatch,
                  fmt::format("layer '{}': scales of shape ({}) cannot be those of groups of {}", layer,
                              fmt::join(shape_, "x"), q_.granularity.group_size));
  }

  void write() {
    switch (w_.format) {
      case CompressedFormat::pack_quantized:
        return write_words();
      case CompressedFormat::int_quantized:
        return write_bytes();
      case CompressedFormat::float_quantized:
        return write_fp8();
      case CompressedFormat::nvfp4_pack_quantized:
        return write_nvfp4();
      case CompressedFormat::mxfp4_pack_quantized:
        return write_mxfp4();
    }
  }

 private:
  std::string name(const char* member) const { return fmt::format("{}.{}", layer_, member); }
  [[noreturn]] void refuse(const std::string& what) const {
    throw Error(ErrorCode::unsupported, fmt::format("layer '{}': {} cannot be written as {}", layer_, what,
                                                    compressed_format_name(w_.format)));
  }
  std::vector<std::int64_t> usual_shape() const {
    if (q_.granularity.kind == Granularity::Kind::tensor) return {1};
    return {q_.rows, q_.groups()};
  }
  std::int32_t zero_point(std::size_t entry) const {
    const std::int32_t middle = detail::storage_of(q_.format).middle;
    return q_.zero_points.empty() ? 0 : q_.zero_points[entry] - middle;
  }

  /// One value for each scale of the file, from the entries of the matrix that have to agree.
  template <class T, class Get>
  std::vector<T> gathered(const Get& get, const char* what) const {
    std::vector<T> values(static_cast<std::size_t>(grid_.scale_rows * grid_.groups));
    std::vector<bool> seen(values.size());
    for (std::int64_t r = 0; r < q_.rows; ++r)
      for (std::int64_t g = 0; g < q_.groups(); ++g) {
        const auto at =
            static_cast<std::size_t>(grid_.scale_rows == 1 && grid_.groups == 1 ? 0 : grid_.index(r, g));
        const T value = get(static_cast<std::size_t>(r * q_.groups() + g));
        if (seen[at] && values[at] != value)
          refuse(fmt::format("{} that differ within one (row {}, group {})", what, r, g));
        seen[at] = true, values[at] = value;
      }
    return values;
  }
  std::vector<float> scales() const {
    return gathered<float>(
        [&](std::size_t i) { return q_.scales[i] == detail::kNoScale && is_zero(i) ? 0.0f : q_.scales[i]; },
        "scales");
  }
  /// Whether all weights of a group are 0.
  bool is_zero(std::size_t entry) const {
    const auto groups = q_.groups();
    const auto r = static_cast<std::int64_t>(entry) / groups, g = static_cast<std::int64_t>(entry) % groups;
    const std::int64_t size = groups > 1 ? q_.granularity.group_size : q_.cols;
    for (std::int64_t c = g * size; c < std::min(q_.cols, (g + 1) * size); ++c) {
      const std::int32_t code = q_.code(r, c);
      const bool zero = q_.levels.empty() ? code - detail::storage_of(q_.format).middle == zero_point(entry)
                                          : q_.levels[static_cast<std::size_t>(code)] == 0.0f;
      if (!zero) return false;
    }
    return true;
  }
  void add_scales(const std::vector<float>& values) {
    const std::optional<ElementType> element = detail::safetensors_type_row(w_.scale_type).element;
    if (!element || !is_float(*element))
      refuse(fmt::format("scales of type {}", safetensors_type_name(w_.scale_type)));
    std::vector<std::byte> bytes(element_bytes(*element, values.size()));
    std::vector<float> back(values.size());
    cast(ElementType::f32, std::as_bytes(std::span(values)), *element, bytes, values.size());
    cast(*element, bytes, ElementType::f32, std::as_writable_bytes(std::span(back)), values.size());
    for (std::size_t i = 0; i < values.size(); ++i)
      if (back[i] != values[i])
        refuse(fmt::format("the scale {}, which is no {},", values[i], safetensors_type_name(w_.scale_type)));
    writer_.add(name("weight_scale"), w_.scale_type, shape_, std::move(bytes));
  }

  /// Calls put(row, column, signed code).
  template <class Put>
  void each_integer(int bits, const Put& put) const {
    if (!q_.levels.empty()) refuse("a table of levels");
    const std::int32_t middle = detail::storage_of(q_.format).middle, half = 1 << (bits - 1);
    for (std::int64_t r = 0; r < q_.rows; ++r)
      for (std::int64_t c = 0; c < q_.cols; ++c) {
        const std::int32_t code = q_.code(r, c) - middle;
        if (code < -half || code >= half)
          refuse(fmt::format("the code {} (row {}, column {}), beyond {} bits,", code, r, c, bits));
        put(r, c, code);
      }
  }
  void add_zero_points(int bits) {
    std::optional<SafetensorsType> type = w_.zero_point_type;
    if (!type && !q_.zero_points.empty())
      type = w_.format == CompressedFormat::pack_quantized ? SafetensorsType::i32 : SafetensorsType::i8;
    if (!type) return;
    const auto zeros = gathered<std::int32_t>([&](std::size_t i) { return zero_point(i); }, "zero points");
    const std::int32_t half = 1 << (bits - 1);
    for (const std::int32_t z : zeros)
      if (z < -half || z >= half) refuse(fmt::format("the zero point {}, beyond {} bits,", z, bits));
    if (*type == SafetensorsType::i8) {
      std::vector<std::byte> bytes;
      for (const std::int32_t z : zeros) bytes.push_back(static_cast<std::byte>(z));
      return writer_.add(name("weight_zero_point"), *type, shape_, std::move(bytes));
    }
    if (*type != SafetensorsType::i32)
      refuse(fmt::format("zero points of type {}", safetensors_type_name(*type)));
    const std::int64_t words = detail::stream_words(grid_.scale_rows, bits);
    std::vector<std::byte> bytes(static_cast<std::size_t>(words * grid_.groups) * 4);
    const auto groups = static_cast<std::size_t>(grid_.groups);
    for (std::size_t i = 0; i < zeros.size(); ++i)
      detail::put_stream_code(bytes, static_cast<std::int64_t>(i / groups), bits, i % groups, groups,
                              static_cast<unsigned>(zeros[i] + half));
    writer_.add(name("weight_zero_point"), *type, {words, grid_.groups}, std::move(bytes));
  }

  void write_words() {
    if (w_.bits < 2 || w_.bits > 8) refuse(fmt::format("codes of {} bits", w_.bits));
    const std::int64_t words = detail::stream_words(q_.cols, w_.bits);
    std::vector<std::byte> bytes(static_cast<std::size_t>(q_.rows * words) * 4);
    each_integer(w_.bits, [&](std::int64_t r, std::int64_t c, std::int32_t code) {
      detail::put_stream_code(bytes, c, w_.bits, static_cast<std::size_t>(r * words), 1,
                              static_cast<unsigned>(code + (1 << (w_.bits - 1))));
    });
    writer_.add(name("weight_packed"), SafetensorsType::i32, {q_.rows, words}, std::move(bytes));
    add_scales(scales());
    add_zero_points(w_.bits);
    const std::optional<ElementType> element = detail::safetensors_type_row(w_.shape_type).element;
    if (!element || is_float(*element)) refuse("a weight_shape of that type");
    const std::int64_t size[] = {q_.rows, q_.cols};
    std::vector<std::byte> shape(element_bytes(*element, 2));
    cast(ElementType::i64, std::as_bytes(std::span(size)), *element, shape, 2);
    writer_.add(name("weight_shape"), w_.shape_type, {2}, std::move(shape));
  }

  void write_bytes() {
    std::vector<std::byte> bytes;
    bytes.reserve(static_cast<std::size_t>(q_.rows * q_.cols));
    each_integer(8, [&](std::int64_t, std::int64_t, std::int32_t code) {
      bytes.push_back(static_cast<std::byte>(code));
    });
    writer_.add(name("weight"), SafetensorsType::i8, {q_.rows, q_.cols}, std::move(bytes));
    add_scales(scales());
    add_zero_points(8);
  }

  /// The factor by which the matrix's levels are those of the format.
  float check_levels(MiniFloat format) const {
    const std::vector<float> levels = detail::finite_levels(format);
    if (q_.levels.size() != levels.size()) refuse("such levels");
    constexpr std::size_t kOne = 2;  // FP4 has 1 there
    const float factor = format == MiniFloat::fp4_e2m1 ? q_.levels[kOne] : 1.0f;
    for (std::size_t i = 0; i < levels.size(); ++i)
      if (q_.levels[i] != levels[i] * factor) refuse(fmt::format("the level {}", q_.levels[i]));
    return factor;
  }
  void write_fp8() {
    check_levels(MiniFloat::fp8_e4m3fn);
    std::vector<std::byte> bytes;
    for (const std::uint8_t code : q_.codes) bytes.push_back(static_cast<std::byte>(code));
    writer_.add(name("weight"), SafetensorsType::f8_e4m3, {q_.rows, q_.cols}, std::move(bytes));
    add_scales(scales());
  }
  void add_halves() {
    if (q_.cols % 2 != 0) refuse(fmt::format("a row of {} weights", q_.cols));
    std::vector<std::byte> bytes;
    for (const std::uint8_t code : q_.codes) bytes.push_back(static_cast<std::byte>(code));
    writer_.add(name("weight_packed"), SafetensorsType::u8, {q_.rows, q_.cols / 2}, std::move(bytes));
  }

  void write_nvfp4() {
    if (check_levels(MiniFloat::fp4_e2m1) != 1.0f) refuse("levels with a factor");
    std::vector<float> values = scales();
    for (float& s : values) s = scale_of_quotient(s);
    add_halves();
    add_scales(values);
    const float global[] = {w_.global_scale};
    writer_.add(name("weight_global_scale"), SafetensorsType::f32, {1}, std::span(global));
  }
  /// The number of the scale's type that gives `quotient` when it is divided by the global scale.
  float scale_of_quotient(float quotient) const {
    const ElementType element = detail::safetensors_type_row(w_.scale_type).element.value_or(ElementType::u8);
    if (element != ElementType::f8e4m3fn) return quotient * w_.global_scale;
    const int code = minifloat::encode(MiniFloat::fp8_e4m3fn, quotient * w_.global_scale);
    for (const int near : {code, code - 1, code + 1}) {
      if (near < 0 || near > 0x7e) continue;
      const float value = minifloat::decode(MiniFloat::fp8_e4m3fn, static_cast<std::uint8_t>(near));
      if (value / w_.global_scale == quotient) return value;
    }
    refuse(fmt::format("the scale {}, which is no FP8 number over {},", quotient, w_.global_scale));
  }

  void write_mxfp4() {
    const float factor = check_levels(MiniFloat::fp4_e2m1);
    std::vector<std::byte> exponents;
    for (const float s : scales()) {
      const double whole = double{s} * double{factor};  // 2^-127 is no normal float
      const int exponent = s > 0 ? std::ilogb(whole) + 127 : -1;
      if (exponent < 0 || exponent > 254 || std::ldexp(1.0, exponent - 127) != whole)
        refuse(fmt::format("the scale {}, which is no power of two from 2^-127 to 2^127,", s));
      exponents.push_back(static_cast<std::byte>(exponent));
    }
    const SafetensorsType type =
        w_.scale_type == SafetensorsType::f8_e8m0 ? SafetensorsType::f8_e8m0 : SafetensorsType::u8;
    add_halves();
    writer_.add(name("weight_scale"), type, shape_, std::move(exponents));
  }

  SafetensorsWriter& writer_;
  const std::string& layer_;
  const CompressedWeights& w_;
  const QuantizedMatrix& q_;
  std::vector<std::int64_t> shape_;
  ScaleGrid grid_;
};

}  // namespace

void add_compressed(SafetensorsWriter& writer, const std::string& layer, const CompressedWeights& weights) {
  LayerWriter(writer, layer, weights).write();
}

}  // namespace lowbit
