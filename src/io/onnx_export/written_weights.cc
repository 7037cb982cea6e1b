// SPDX-License-Identifier: Apache-2.0
#include "io/onnx_export/written_weights.h"

#include <bit>

#include "lowbit/quant/effective.h"

namespace lowbit::onnx_export {
namespace {

bool is_affine(const QuantizedMatrix& q) {
  return (q.format == WeightFormat::s8 || q.format == WeightFormat::u4 || q.format == WeightFormat::s2) &&
         q.offsets.empty();
}

/// The code that ONNX's signed types have as 0.
std::int32_t middle_of(const QuantizedMatrix& q) {
  return q.format == WeightFormat::u4 ? 8 : q.format == WeightFormat::s2 ? 2 : 0;
}

bool fits_4_bits(const QuantizedMatrix& q) {
  return q.format != WeightFormat::s8;
}

/// Codes of the node meet codes of its input.
bool meets_codes(const GraphWriter& w, int number) {
  const Graph::Node& node = w.graph().nodes[static_cast<std::size_t>(number)];
  return w.is_coded(node.inputs[0]) || w.model().quantization(number).scheme.dynamic;
}

bool has_nbits(const QuantizedMatrix& q) {
  const auto block = static_cast<std::int64_t>(q.granularity.group_size);
  return is_affine(q) && q.granularity.kind == Granularity::Kind::group && block >= 16 &&
         std::has_single_bit(static_cast<std::uint64_t>(block));
}

/// As s8 with the scales that integer products have: what a kernel multiplies u8 codes by.
QuantizedMatrix as_integers(const QuantizedMatrix& q) {
  const EffectiveWeights effective(q, kernels::ActType::u8);
  QuantizedMatrix out;
  out.rows = q.rows, out.cols = q.cols;
  out.granularity = q.granularity;
  const std::span<const float> scales = effective.column_scales();
  out.scales.assign(scales.begin(), scales.end());
  const auto groups = static_cast<std::size_t>(out.groups());
  if (!effective.units().empty())
    for (std::size_t i = 0; i < out.scales.size(); ++i)
      out.scales[i] *= effective.units()[effective.units().size() == 1 ? 0 : i / groups];
  for (std::int64_t r = 0; r < q.rows; ++r)
    for (std::int64_t c = 0; c < q.cols; ++c)
      out.codes.push_back(static_cast<std::uint8_t>(effective.integer(r, c)));
  return out;
}

/// TensorProto::INT4, which older headers of ONNX lack.
constexpr std::int32_t kInt4 = 22;

std::string packed_4_bits(const std::vector<std::int32_t>& codes) {
  std::string bytes((codes.size() + 1) / 2, '\0');
  for (std::size_t i = 0; i < codes.size(); ++i)
    bytes[i / 2] =
        static_cast<char>(static_cast<unsigned char>(bytes[i / 2]) | (codes[i] & 15) << (i % 2 * 4));
  return bytes;
}

std::string bytes_of(const std::vector<std::int32_t>& codes) {
  return {codes.begin(), codes.end()};
}

}  // namespace

bool weights_need_blocks(const GraphWriter& w, int number) {
  const Graph::Node& node = w.graph().nodes[static_cast<std::size_t>(number)];
  if (!w.with_codes() || std::holds_alternative<ops::EmbeddingOp>(node.op) ||
      !w.model().quantization(number).weights)
    return false;
  const QuantizedMatrix& q = *w.model().quantization(number).weights;
  if (!is_affine(q)) return false;
  if (w.form() == OnnxForm::nbits && has_nbits(q) && std::holds_alternative<ops::LinearOp>(node.op) &&
      !meets_codes(w, number))
    return false;
  return q.groups() > 1 || (fits_4_bits(q) && !meets_codes(w, number));
}

WrittenWeights::WrittenWeights(GraphWriter& w, int number, const Tensor& weight, const Image& image)
    : w_(w),
      weight_(weight),
      image_(image),
      rows_(weight.shape[0]),
      cols_(weight.shape.elements() / weight.shape[0]) {
  std::optional<QuantizedMatrix> q = w.model().weights(number);
  if (!q) return;
  const bool integer = meets_codes(w, number);
  if (is_affine(*q))
    coded_ = std::move(q);
  else if (integer && q->planes() == 1)
    coded_ = as_integers(*q);
  else
    coded_ = std::move(q), is_table_ = true;
  are_integers_ = w.with_codes() && !is_table_ && integer && coded_->groups() == 1;
  if (are_integers_) scales_ = coded_->scales;
}

std::int64_t WrittenWeights::column(std::int64_t i) const {
  if (!is_image()) return i;
  const std::int64_t pixels = image_[1] * image_[2];
  return i % pixels * image_[0] + i / pixels;
}

std::int32_t WrittenWeights::stored(std::int64_t r, std::int64_t c) const {
  return coded_->code(r, c) - middle_of(*coded_);
}

std::int32_t WrittenWeights::stored_zero(std::int64_t r, std::int64_t g) const {
  if (coded_->zero_points.empty()) return 0;
  return coded_->zero_points[static_cast<std::size_t>(r * coded_->groups() + g)] - middle_of(*coded_);
}

Floats WrittenWeights::values() const {
  Floats all(static_cast<std::size_t>(rows_ * cols_));
  if (!coded_) return weight_.data;
  dequantize(*coded_, MutableMatrixView(all.data(), rows_, cols_));
  return all;
}

std::string WrittenWeights::stored_codes(bool by_columns, const Integers& dims) {
  std::vector<std::int32_t> codes;
  const std::int64_t outer = by_columns ? cols_ : rows_, inner = by_columns ? rows_ : cols_;
  for (std::int64_t i = 0; i < outer; ++i)
    for (std::int64_t j = 0; j < inner; ++j)
      codes.push_back(by_columns ? stored(j, column(i)) : stored(i, column(j)));
  if (!are_integers_ && fits_4_bits(*coded_)) return w_.constant(kInt4, packed_4_bits(codes), dims);
  return w_.constant(onnx::TensorProto::INT8, bytes_of(codes), dims);
}

/// A scale for each row.
std::string WrittenWeights::dequantized(bool by_columns, const Integers& dims) {
  const std::string codes = stored_codes(by_columns, dims), scales = w_.floats(coded_->scales, {rows_});
  // Some runtimes want zero points, all zero or not.
  return w_.op("DequantizeLinear", {codes, scales, zero_points()},
               {{"axis", std::int64_t{by_columns ? 1 : 0}}});
}

std::string WrittenWeights::zero_points() {
  std::vector<std::int32_t> zeros;
  for (std::int64_t r = 0; r < rows_; ++r) zeros.push_back(stored_zero(r, 0));
  const bool narrow = !are_integers_ && fits_4_bits(*coded_);
  return w_.constant(narrow ? kInt4 : std::int32_t{onnx::TensorProto::INT8},
                     narrow ? packed_4_bits(zeros) : bytes_of(zeros), {rows_});
}

/// A scale for each group of columns: [rows][columns], or the other way round, in the order of the matrix.
std::string WrittenWeights::blocks(bool by_columns) {
  const std::int64_t groups = coded_->groups();
  const auto ordered = [&](std::int64_t width, const auto& element) {
    std::vector<std::int32_t> all;
    const std::int64_t outer = by_columns ? width : rows_, inner = by_columns ? rows_ : width;
    for (std::int64_t i = 0; i < outer; ++i)
      for (std::int64_t j = 0; j < inner; ++j) all.push_back(by_columns ? element(j, i) : element(i, j));
    return all;
  };
  Floats scales;
  for (const std::int32_t i : ordered(
           groups, [&](std::int64_t r, std::int64_t g) { return static_cast<std::int32_t>(r * groups + g); }))
    scales.push_back(coded_->scales[static_cast<std::size_t>(i)]);
  const bool narrow = fits_4_bits(*coded_);
  const std::int32_t type = narrow ? kInt4 : std::int32_t{onnx::TensorProto::INT8};
  const auto codes = [&](std::int64_t width, const auto& element) {
    const std::vector<std::int32_t> all = ordered(width, element);
    return w_.constant(type, narrow ? packed_4_bits(all) : bytes_of(all),
                       by_columns ? Integers{width, rows_} : Integers{rows_, width});
  };
  std::vector<std::string> inputs{
      codes(cols_, [&](std::int64_t r, std::int64_t c) { return stored(r, c); }),
      w_.floats(scales, by_columns ? Integers{groups, rows_} : Integers{rows_, groups})};
  if (!coded_->zero_points.empty())
    inputs.push_back(codes(groups, [&](std::int64_t r, std::int64_t g) { return stored_zero(r, g); }));
  return w_.op("DequantizeLinear", inputs,
               {{"axis", std::int64_t{by_columns ? 0 : 1}},
                {"block_size", static_cast<std::int64_t>(coded_->granularity.group_size)}});
}

/// Channels of a pixel side by side become pixels of a channel.
std::string WrittenWeights::image_blocks() {
  const std::string apart =
      w_.op("Reshape", {blocks(false), w_.integers({rows_, image_[1], image_[2], image_[0]})});
  return w_.op("Transpose", {apart}, {{"perm", Integers{0, 3, 1, 2}}});
}

std::string WrittenWeights::by_rows(const Integers& dims) {
  if (coded_ && w_.with_codes() && !is_table_)
    return coded_->groups() == 1 ? dequantized(false, dims) : is_image() ? image_blocks() : blocks(false);
  const Floats all = values();
  // Floats of a layer that is not quantized are in the order of ONNX, but where a Flatten went into it.
  const bool in_order = !is_image() || (!coded_ && dims.size() == 4);
  if (in_order) return w_.floats(all, dims);
  Floats ordered;
  for (std::int64_t r = 0; r < rows_; ++r)
    for (std::int64_t c = 0; c < cols_; ++c)
      ordered.push_back(all[static_cast<std::size_t>(r * cols_ + column(c))]);
  return w_.floats(ordered, dims);
}

std::string WrittenWeights::by_columns() {
  const Integers dims{cols_, rows_};
  if (coded_ && w_.with_codes() && !is_table_) {
    if (coded_->groups() == 1) return dequantized(true, dims);
    if (!is_image()) return blocks(true);
    const std::string flat = w_.op("Reshape", {image_blocks(), w_.integers({rows_, cols_})});
    return w_.op("Transpose", {flat}, {{"perm", Integers{1, 0}}});
  }
  const Floats all = values();
  Floats ordered;
  for (std::int64_t c = 0; c < cols_; ++c)
    for (std::int64_t r = 0; r < rows_; ++r)
      ordered.push_back(all[static_cast<std::size_t>(r * cols_ + column(c))]);
  return w_.floats(ordered, dims);
}

std::string WrittenWeights::integers_by_rows(const Integers& dims) {
  return stored_codes(false, dims);
}

std::string WrittenWeights::integers_by_columns() {
  return stored_codes(true, {cols_, rows_});
}

std::optional<WrittenWeights::NBits> WrittenWeights::nbits() {
  if (!coded_ || is_table_ || is_image() || w_.form() != OnnxForm::nbits || !has_nbits(*coded_))
    return std::nullopt;
  NBits out;
  out.bits = fits_4_bits(*coded_) ? 4 : 8;
  out.block = static_cast<std::int64_t>(coded_->granularity.group_size);
  const std::int64_t groups = coded_->groups(), middle = std::int64_t{1} << (out.bits - 1);
  const auto raw = [&](const std::vector<std::int32_t>& codes) {
    return out.bits == 4 ? packed_4_bits(codes) : bytes_of(codes);
  };
  std::vector<std::int32_t> codes;
  for (std::int64_t r = 0; r < rows_; ++r)
    for (std::int64_t c = 0; c < groups * out.block; ++c)
      codes.push_back(static_cast<std::int32_t>((c < cols_ ? stored(r, c) : 0) + middle));
  out.codes = w_.constant(onnx::TensorProto::UINT8, raw(codes), {rows_, groups, out.block * out.bits / 8});
  out.scales = w_.floats(coded_->scales, {rows_ * groups});
  if (coded_->zero_points.empty()) return out;
  std::string zeros;
  for (std::int64_t r = 0; r < rows_; ++r) {
    std::vector<std::int32_t> row;
    for (std::int64_t g = 0; g < groups; ++g)
      row.push_back(static_cast<std::int32_t>(stored_zero(r, g) + middle));
    zeros += raw(row);
  }
  const auto bytes = static_cast<std::int64_t>(zeros.size());
  out.zero_points = w_.constant(onnx::TensorProto::UINT8, zeros, {bytes});
  return out;
}

}  // namespace lowbit::onnx_export
