// SPDX-License-Identifier: Apache-2.0
#include "lowbit/io/gguf/gguf_writer.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "core/written_parts.h"
#include "io/gguf/gguf_layout.h"
#include "lowbit/core/cast.h"
#include "lowbit/core/error.h"

namespace lowbit {
namespace {

template <class T>
void append_number(std::string& head, T value) {
  head.append(reinterpret_cast<const char*>(&value), sizeof(T));
}

void append_text(std::string& head, const std::string& text) {
  append_number(head, std::uint64_t{text.size()});
  head += text;
}

std::span<const std::byte> bytes_of_text(const std::string& text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

}  // namespace

GgufWriter::GgufWriter(const GgufFile& file)
    : version_(file.version()), padded_at_end_(file.is_padded_at_end()), metadata_(file.metadata()) {
  for (std::size_t i = 0; i < file.tensors().size(); ++i) {
    const GgufTensor& t = file.tensors()[i];
    tensors_.push_back({t.name, t.shape, t.type, {}, {file}, i});
  }
}

void GgufWriter::set(const std::string& key, GgufValue value) {
  if (key == detail::kAlignmentKey && !detail::is_gguf_alignment(value))
    throw Error(
        ErrorCode::invalid_argument,
        fmt::format("an alignment of {} ({}) cannot be; it is a u32, a power of two or a multiple of 8",
                    value.to_string(), gguf_value_type_name(value.type())));
  const auto found = std::find_if(metadata_.begin(), metadata_.end(),
                                  [&](const GgufEntry& entry) { return entry.key == key; });
  if (found != metadata_.end())
    found->value = std::move(value);
  else
    metadata_.push_back({key, std::move(value)});
}

void GgufWriter::put(Tensor tensor) {
  constexpr std::size_t kLongestName = 64, kMostDimensions = 4;
  if (tensor.name.size() > kLongestName || tensor.shape.size() > kMostDimensions)
    throw Error(
        ErrorCode::invalid_argument,
        fmt::format("tensor '{}' of {} dimensions cannot be in a GGUF file: names have at most {} bytes, "
                    "shapes {} dimensions",
                    tensor.name, tensor.shape.size(), kLongestName, kMostDimensions));
  const auto found = std::find_if(tensors_.begin(), tensors_.end(),
                                  [&](const Tensor& other) { return other.name == tensor.name; });
  if (found != tensors_.end())
    *found = std::move(tensor);
  else
    tensors_.push_back(std::move(tensor));
}

void GgufWriter::add(const std::string& name, std::vector<std::int64_t> shape, GgmlType type,
                     std::vector<std::byte> bytes) {
  const detail::ggml::BlockType* t = detail::ggml::find_block_type(type);
  if (!t)
    throw Error(ErrorCode::unsupported, fmt::format("tensor '{}': the type {} does not exist", name,
                                                    static_cast<std::uint32_t>(type)));
  const std::optional<std::uint64_t> needed = detail::tensor_bytes(*t, shape);
  if (!needed || *needed != bytes.size())
    throw Error(ErrorCode::shape_mismatch, fmt::format("tensor '{}': {} bytes of {} cannot have the shape {}",
                                                       name, bytes.size(), t->name, fmt::join(shape, "x")));
  put({name, std::move(shape), type, std::move(bytes), {}, 0});
}

void GgufWriter::add(const std::string& name, std::vector<std::int64_t> shape, std::span<const float> values,
                     GgmlType type) {
  const ElementType element = type == GgmlType::f16    ? ElementType::f16
                              : type == GgmlType::bf16 ? ElementType::bf16
                                                       : ElementType::f32;
  if (element == ElementType::f32 && type != GgmlType::f32)
    throw Error(ErrorCode::unsupported,
                fmt::format("tensor '{}': floats are written as F32, F16 or BF16, not as {}", name,
                            ggml_type_name(type)));
  std::vector<std::byte> bytes(element_bytes(element, values.size()));
  cast(ElementType::f32, std::as_bytes(values), element, bytes, values.size());
  add(name, std::move(shape), type, std::move(bytes));
}

void GgufWriter::add(const std::string& name, const QuantizedMatrix& q, GgmlType type) {
  add(name, {q.rows, q.cols}, type, ggml_from_matrix(type, q));
}

std::uint64_t GgufWriter::alignment() const {
  for (const GgufEntry& entry : metadata_)
    if (entry.key == detail::kAlignmentKey) return static_cast<std::uint64_t>(entry.value.integer());
  return detail::kDefaultAlignment;
}

std::span<const std::byte> GgufWriter::bytes_of(const Tensor& tensor) const {
  if (tensor.file.empty()) return tensor.owned;
  return tensor.file[0].bytes(tensor.file[0].tensors()[tensor.index]);
}

void GgufWriter::write(const std::function<void(std::span<const std::byte>)>& out) const {
  const std::uint64_t align = alignment();
  std::string head(detail::kGgufMagic);
  append_number(head, version_);
  append_number(head, std::uint64_t{tensors_.size()});
  append_number(head, std::uint64_t{metadata_.size()});
  for (const GgufEntry& entry : metadata_) {
    append_text(head, entry.key);
    append_number(head, static_cast<std::uint32_t>(entry.value.type()));
    head += entry.value.bytes();
  }
  std::uint64_t offset = 0;
  for (const Tensor& tensor : tensors_) {
    append_text(head, tensor.name);
    append_number(head, static_cast<std::uint32_t>(tensor.shape.size()));
    for (std::size_t i = tensor.shape.size(); i-- > 0;) append_number(head, tensor.shape[i]);
    append_number(head, static_cast<std::uint32_t>(tensor.type));
    append_number(head, offset);
    offset += bytes_of(tensor).size();
    offset += detail::padding_to(offset, align);
  }
  std::string padding;
  if (!tensors_.empty() || padded_at_end_) head.append(detail::padding_to(head.size(), align), '\0');
  out(bytes_of_text(head));
  for (std::size_t i = 0; i < tensors_.size(); ++i) {
    const std::span<const std::byte> bytes = bytes_of(tensors_[i]);
    out(bytes);
    if (i + 1 == tensors_.size() && !padded_at_end_) break;
    padding.assign(static_cast<std::size_t>(detail::padding_to(bytes.size(), align)), '\0');
    out(bytes_of_text(padding));
  }
}

std::vector<std::byte> GgufWriter::bytes() const {
  return joined_parts([this](const PartWriter& out) { write(out); });
}

void GgufWriter::save(const std::string& path) const {
  write_parts(path, [this](const PartWriter& out) { write(out); });
}

}  // namespace lowbit
