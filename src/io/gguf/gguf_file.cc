// SPDX-License-Identifier: Apache-2.0
#include "lowbit/io/gguf/gguf_file.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <set>
#include <unordered_map>

#include "core/file_bytes.h"
#include "io/gguf/gguf_cursor.h"
#include "io/gguf/gguf_layout.h"

namespace lowbit {

using detail::GgufCursor;

struct GgufFile::State {
  FileBytes file;
  std::string name;
  std::uint32_t version = 0;
  std::uint64_t alignment = detail::kDefaultAlignment;
  std::vector<GgufEntry> metadata{};
  std::vector<GgufTensor> tensors{};
  std::unordered_map<std::string_view, std::size_t> by_name{};  // into the names of tensors
  bool is_padded_at_end = true;

  State(FileBytes f, std::string n) : file(std::move(f)), name(std::move(n)) { parse(); }

  void parse();
  void parse_metadata(GgufCursor& cursor, std::uint64_t count);
  void parse_tensor(GgufCursor& cursor);
  void place_tensors(GgufCursor& cursor);
  void check_overlap() const;
  [[noreturn]] void fail(const std::string& why) const {
    throw Error(ErrorCode::corrupt_file, fmt::format("{} {}", name, why));
  }
};

namespace {

constexpr std::size_t kShownName = 80;

std::string shown(std::string_view name) {
  return fmt::format("'{}{}'", name.substr(0, kShownName), name.size() > kShownName ? "..." : "");
}

}  // namespace

void GgufFile::State::parse() {
  GgufCursor cursor(file.all(), name);
  if (cursor.left() < detail::kGgufMagic.size()) fail("is no GGUF file: it is shorter than its first word");
  const std::span<const std::byte> magic = cursor.take(detail::kGgufMagic.size());
  if (!std::equal(magic.begin(), magic.end(), std::as_bytes(std::span(detail::kGgufMagic)).begin()))
    fail("is no GGUF file: it does not begin with \"GGUF\"");
  version = cursor.number<std::uint32_t>();
  if (version != 0 && (version & 0xffff) == 0)
    throw Error(ErrorCode::unsupported, fmt::format("{} is a big-endian GGUF file", name));
  if (version != 2 && version != 3)
    throw Error(ErrorCode::unsupported,
                fmt::format("{} has version {} of GGUF; lowbit reads 2 and 3", name, version));
  const auto tensor_count = cursor.number<std::uint64_t>(), entry_count = cursor.number<std::uint64_t>();
  // What the smallest ones take: nothing is reserved for a number that the file has no room for.
  constexpr std::uint64_t kLeastTensor = 8 + 4 + 4 + 8, kLeastEntry = 8 + 4 + 1;
  if (tensor_count > cursor.left() / kLeastTensor || entry_count > cursor.left() / kLeastEntry)
    fail(fmt::format("says that it has {} tensors and {} values of metadata, for which it is too short",
                     tensor_count, entry_count));
  parse_metadata(cursor, entry_count);
  tensors.reserve(static_cast<std::size_t>(tensor_count));
  for (std::uint64_t i = 0; i < tensor_count; ++i) parse_tensor(cursor);
  for (std::size_t i = 0; i < tensors.size(); ++i)
    if (!by_name.emplace(tensors[i].name, i).second)
      fail(fmt::format("has two tensors {}", shown(tensors[i].name)));
  place_tensors(cursor);
  check_overlap();
}

void GgufFile::State::parse_metadata(GgufCursor& cursor, std::uint64_t count) {
  metadata.reserve(static_cast<std::size_t>(count));
  std::set<std::string_view> seen;
  for (std::uint64_t i = 0; i < count; ++i) {
    cursor.call_it(fmt::format("{}, in value {} of its metadata,", name, i));
    const std::string_view key = cursor.text();
    if (!seen.insert(key).second) cursor.fail(fmt::format("has the key {} for the second time", shown(key)));
    cursor.call_it(fmt::format("{}, in {} of its metadata,", name, shown(key)));
    const GgufValueType type = cursor.value_type();
    metadata.push_back({std::string(key), GgufValue::from_bytes(type, cursor.value(type))});
    if (key != detail::kAlignmentKey) continue;
    if (!detail::is_gguf_alignment(metadata.back().value))
      cursor.fail(fmt::format("has an alignment of {}; it is a u32, a power of two or a multiple of 8",
                              metadata.back().value.to_string()));
    alignment = static_cast<std::uint64_t>(metadata.back().value.integer());
  }
}

void GgufFile::State::parse_tensor(GgufCursor& cursor) {
  constexpr std::uint32_t kMostDimensions = 8;
  cursor.call_it(fmt::format("{}, in tensor {},", name, tensors.size()));
  GgufTensor& tensor = tensors.emplace_back();
  tensor.name = cursor.text();
  cursor.call_it(fmt::format("{}, in tensor {},", name, shown(tensor.name)));
  const auto rank = cursor.number<std::uint32_t>();
  if (rank > kMostDimensions) cursor.fail(fmt::format("has {} dimensions", rank));
  for (std::uint32_t i = 0; i < rank; ++i) {
    const auto dim = cursor.number<std::uint64_t>();
    if (dim > static_cast<std::uint64_t>(INT64_MAX)) cursor.fail(fmt::format("has a dimension of {}", dim));
    tensor.shape.push_back(static_cast<std::int64_t>(dim));
  }
  std::reverse(tensor.shape.begin(), tensor.shape.end());
  const auto number = cursor.number<std::uint32_t>();
  tensor.type = static_cast<GgmlType>(number);
  const detail::ggml::BlockType* type = detail::ggml::find_block_type(tensor.type);
  if (!type)
    throw Error(ErrorCode::unsupported, fmt::format("{} has tensor {} of type {}, which lowbit does not know",
                                                    name, shown(tensor.name), number));
  const std::optional<std::uint64_t> bytes = detail::tensor_bytes(*type, tensor.shape);
  if (!bytes)
    cursor.fail(fmt::format("has a shape ({}) that cannot be: rows are made of blocks of {}",
                            fmt::join(tensor.shape, " x "), type->elements));
  tensor.bytes = *bytes;
  tensor.offset = cursor.number<std::uint64_t>();
}

/// Offsets from the start of the file for those from the start of the data.
void GgufFile::State::place_tensors(GgufCursor& cursor) {
  const std::uint64_t size = file.all().size();
  const std::uint64_t start = cursor.at() + detail::padding_to(cursor.at(), alignment);
  if (start > size && !tensors.empty()) fail("ends before the data of its tensors");
  std::uint64_t end = std::min(start, size);
  const std::uint64_t room = size - end;
  for (GgufTensor& tensor : tensors) {
    if (tensor.offset % alignment != 0)
      fail(fmt::format("has tensor {} at {}, which is no multiple of its alignment, {}", shown(tensor.name),
                       tensor.offset, alignment));
    if (tensor.offset > room || tensor.bytes > room - tensor.offset)
      fail(fmt::format("has tensor {} of {} bytes at {} of its data, which has {}", shown(tensor.name),
                       tensor.bytes, tensor.offset, room));
    tensor.offset += start;
    end = std::max(end, tensor.offset + tensor.bytes);
  }
  is_padded_at_end = start <= size && size >= end + detail::padding_to(end - start, alignment);
}

void GgufFile::State::check_overlap() const {
  std::vector<const GgufTensor*> order;
  for (const GgufTensor& tensor : tensors)
    if (tensor.bytes != 0) order.push_back(&tensor);
  std::sort(order.begin(), order.end(), [](auto* a, auto* b) { return a->offset < b->offset; });
  for (std::size_t i = 1; i < order.size(); ++i)
    if (order[i - 1]->offset + order[i - 1]->bytes > order[i]->offset)
      fail(fmt::format("has tensors {} and {} in the same place", shown(order[i - 1]->name),
                       shown(order[i]->name)));
}

std::int64_t GgufTensor::elements() const {
  std::int64_t product = 1;
  for (const std::int64_t dim : shape) product *= dim;
  return product;
}

std::int64_t GgufTensor::rows() const {
  std::int64_t product = 1;
  for (std::size_t i = 0; i + 1 < shape.size(); ++i) product *= shape[i];
  return product;
}

GgufFile::GgufFile(const std::string& path, FileAccess access)
    : state_(std::make_shared<const State>(FileBytes(path, access), path)) {}

GgufFile::GgufFile(std::span<const std::byte> bytes, const std::string& name)
    : state_(std::make_shared<const State>(FileBytes(bytes), name)) {}

std::uint32_t GgufFile::version() const {
  return state_->version;
}
std::uint64_t GgufFile::alignment() const {
  return state_->alignment;
}
const std::vector<GgufEntry>& GgufFile::metadata() const {
  return state_->metadata;
}
const std::vector<GgufTensor>& GgufFile::tensors() const {
  return state_->tensors;
}
bool GgufFile::is_padded_at_end() const {
  return state_->is_padded_at_end;
}

const GgufValue* GgufFile::find(std::string_view key) const {
  for (const GgufEntry& entry : metadata())
    if (entry.key == key) return &entry.value;
  return nullptr;
}

const GgufTensor& GgufFile::tensor(std::string_view name) const {
  const auto found = state_->by_name.find(name);
  if (found == state_->by_name.end())
    throw Error(ErrorCode::not_found, fmt::format("{} has no tensor {}", state_->name, shown(name)));
  return tensors()[found->second];
}

std::span<const std::byte> GgufFile::bytes(const GgufTensor& tensor) const {
  return state_->file.part(static_cast<std::size_t>(tensor.offset), static_cast<std::size_t>(tensor.bytes));
}

std::vector<float> GgufFile::floats(const GgufTensor& tensor) const {
  try {
    std::vector<float> values(ggml_has_floats(tensor.type) ? static_cast<std::size_t>(tensor.elements())
                                                           : std::size_t{0});
    ggml_floats(tensor.type, bytes(tensor), values);
    return values;
  } catch (const Error& e) {
    throw Error(e.code(), fmt::format("tensor {} of {}: {}", shown(tensor.name), state_->name, e.what()));
  }
}

QuantizedMatrix GgufFile::matrix(const GgufTensor& tensor) const {
  try {
    return matrix_from_ggml(tensor.type, bytes(tensor), tensor.rows(), tensor.cols());
  } catch (const Error& e) {
    throw Error(e.code(), fmt::format("tensor {} of {}: {}", shown(tensor.name), state_->name, e.what()));
  }
}

}  // namespace lowbit
