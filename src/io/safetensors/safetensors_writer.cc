// SPDX-License-Identifier: Apache-2.0
#include "lowbit/io/safetensors/safetensors_writer.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "core/written_parts.h"
#include "io/safetensors/header.h"
#include "io/safetensors/types.h"
#include "lowbit/core/cast.h"
#include "lowbit/core/error.h"

namespace lowbit {
namespace {

std::string json_text(const std::string& text) {
  try {
    return nlohmann::json(text).dump();
  } catch (const nlohmann::json::exception&) {
    throw Error(ErrorCode::unsupported,
                "a name or text is not UTF-8 and cannot be written to a safetensors file");
  }
}

}  // namespace

SafetensorsWriter::SafetensorsWriter(const SafetensorsFile& file) : file_(file), metadata_(file.metadata()) {
  for (const SafetensorsTensor& t : file.tensors()) tensors_.push_back({t.name, t.type, t.shape, {}, true});
}

SafetensorsWriter::Tensor* SafetensorsWriter::find(const std::string& name) {
  const auto found =
      std::find_if(tensors_.begin(), tensors_.end(), [&](const Tensor& t) { return t.name == name; });
  return found == tensors_.end() ? nullptr : &*found;
}

void SafetensorsWriter::set_metadata(const std::string& key, std::string text) {
  for (auto& [existing, value] : metadata_)
    if (existing == key) {
      value = std::move(text);
      return;
    }
  metadata_.emplace_back(key, std::move(text));
}

void SafetensorsWriter::add(const std::string& name, SafetensorsType type, std::vector<std::int64_t> shape,
                            std::vector<std::byte> bytes) {
  if (name == detail::kMetadataKey)
    throw Error(ErrorCode::invalid_argument, fmt::format("a tensor cannot be called {}", name));
  if (detail::safetensors_bytes(type, shape) != bytes.size())
    throw Error(ErrorCode::shape_mismatch,
                fmt::format("tensor '{}': {} bytes of {} cannot have the shape {}", name, bytes.size(),
                            safetensors_type_name(type), fmt::join(shape, "x")));
  Tensor tensor{name, type, std::move(shape), std::move(bytes), false};
  if (Tensor* existing = find(name))
    *existing = std::move(tensor);
  else
    tensors_.push_back(std::move(tensor));
}

void SafetensorsWriter::add(const std::string& name, SafetensorsType type, std::vector<std::int64_t> shape,
                            std::span<const float> values) {
  const std::optional<ElementType> element = detail::safetensors_type_row(type).element;
  if (!element || !is_float(*element) || element_bits(*element) < 8)
    throw Error(ErrorCode::unsupported,
                fmt::format("tensor '{}': floats are not written as {}", name, safetensors_type_name(type)));
  std::vector<std::byte> bytes(element_bytes(*element, values.size()));
  cast(ElementType::f32, std::as_bytes(values), *element, bytes, values.size());
  add(name, type, std::move(shape), std::move(bytes));
}

bool SafetensorsWriter::remove(const std::string& name) {
  return std::erase_if(tensors_, [&](const Tensor& t) { return t.name == name; }) != 0;
}

bool SafetensorsWriter::is_like_file() const {
  if (!file_ || metadata_ != file_->metadata() || tensors_.size() != file_->tensors().size()) return false;
  return std::all_of(tensors_.begin(), tensors_.end(), [&](const Tensor& t) {
    const SafetensorsTensor* of_file = file_->find(t.name);
    return of_file && of_file->type == t.type && of_file->shape == t.shape;
  });
}

std::vector<const SafetensorsWriter::Tensor*> SafetensorsWriter::order() const {
  std::vector<const Tensor*> order;
  for (const Tensor& t : tensors_) order.push_back(&t);
  const bool as_in_file = is_like_file();
  std::sort(order.begin(), order.end(), [&](const Tensor* a, const Tensor* b) {
    if (as_in_file) return file_->find(a->name) < file_->find(b->name);
    return a->type != b->type ? a->type > b->type : a->name < b->name;
  });
  return order;
}

std::string SafetensorsWriter::header(std::span<const Tensor* const> tensors) const {
  if (is_like_file()) return std::string(file_->header());
  constexpr std::size_t kAlignment = 8;
  std::vector<std::string> entries;
  if (!metadata_.empty()) {
    std::vector<std::string> texts;
    for (const auto& [key, text] : metadata_)
      texts.push_back(fmt::format("{}:{}", json_text(key), json_text(text)));
    entries.push_back(fmt::format("\"{}\":{{{}}}", detail::kMetadataKey, fmt::join(texts, ",")));
  }
  std::size_t offset = 0;
  for (const Tensor* t : tensors) {
    const std::size_t size = bytes_of(*t).size();
    entries.push_back(fmt::format("{}:{{\"dtype\":\"{}\",\"shape\":[{}],\"data_offsets\":[{},{}]}}",
                                  json_text(t->name), safetensors_type_name(t->type),
                                  fmt::join(t->shape, ","), offset, offset + size));
    offset += size;
  }
  std::string text = fmt::format("{{{}}}", fmt::join(entries, ","));
  text.append((kAlignment - text.size() % kAlignment) % kAlignment, ' ');
  return text;
}

std::span<const std::byte> SafetensorsWriter::bytes_of(const Tensor& tensor) const {
  return tensor.is_of_file ? file_->bytes(file_->tensor(tensor.name)) : std::span(tensor.owned);
}

void SafetensorsWriter::write(const std::function<void(std::span<const std::byte>)>& out) const {
  const std::vector<const Tensor*> tensors = order();
  const std::string text = header(tensors);
  const std::uint64_t length = text.size();
  out(std::as_bytes(std::span(&length, 1)));
  out(std::as_bytes(std::span(text)));
  for (const Tensor* t : tensors) out(bytes_of(*t));
}

std::vector<std::byte> SafetensorsWriter::bytes() const {
  return joined_parts([this](const PartWriter& out) { write(out); });
}

void SafetensorsWriter::save(const std::string& path) const {
  write_parts(path, [this](const PartWriter& out) { write(out); });
}

}  // namespace lowbit
