// SPDX-License-Identifier: Apache-2.0
#include "io/tflite/tflite_file.h"

#include <fmt/format.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <unordered_set>
#include <utility>

#include "io/tflite/operator_names.h"
#include "lowbit/core/error.h"

namespace lowbit::tflite {
namespace {

constexpr std::int64_t kMostElements = std::numeric_limits<std::int32_t>::max();

bool has_kind_without_room(std::int8_t old_code) {
  // Numbers that do not fit the old field leave 127 there.
  return old_code == 127;
}

}  // namespace

std::int64_t element_bytes(TensorType type) {
  switch (type) {
    case TensorType::FLOAT32:
    case TensorType::INT32:
      return 4;
    case TensorType::FLOAT16:
    case TensorType::INT16:
      return 2;
    case TensorType::INT64:
      return 8;
    case TensorType::UINT8:
    case TensorType::INT8:
    case TensorType::BOOL:
      return 1;
    default:
      return 0;
  }
}

std::int64_t Tensor::elements() const {
  std::int64_t n = 1;
  for (const std::int64_t d : dims) n *= d;
  return n;
}

void TfliteFile::reject(const std::string& what) const {
  throw Error(ErrorCode::corrupt_file, fmt::format("{}: {}", name_, what));
}

void TfliteFile::refuse(const std::string& what) const {
  throw Error(ErrorCode::unsupported, fmt::format("{}: {}", name_, what));
}

TfliteFile::TfliteFile(std::span<const std::byte> bytes, std::string name) : name_(std::move(name)) {
  const auto* data = reinterpret_cast<const std::uint8_t*>(bytes.data());
  if (bytes.size() < 8 || bytes.size() >= FLATBUFFERS_MAX_BUFFER_SIZE ||
      !schema::ModelBufferHasIdentifier(data))
    reject("this is no TensorFlow Lite file of version 3, or one of 2 GB and more");
  flatbuffers::Verifier verifier(data, bytes.size());
  if (!schema::VerifyModelBuffer(verifier))
    reject("the file is damaged: a table or a list of it does not lie inside");
  const schema::Model& model = *schema::GetModel(data);
  if (model.version() != 3)
    refuse(fmt::format("has version {} of the format, and 3 is read", model.version()));
  if (!model.subgraphs() || model.subgraphs()->size() == 0 || !model.subgraphs()->Get(0)->tensors() ||
      !model.subgraphs()->Get(0)->operators() || model.subgraphs()->Get(0)->operators()->size() == 0)
    reject("has no graph, or one without operators");
  const schema::SubGraph& graph = *model.subgraphs()->Get(0);
  read_tensors(model, graph);
  inputs_ = numbers(graph.inputs(), false);
  outputs_ = numbers(graph.outputs(), false);
  if (inputs_.empty() || outputs_.empty()) reject("has no input or no output");
  read_operators(model, graph);
}

void TfliteFile::read_tensors(const schema::Model& model, const schema::SubGraph& graph) {
  std::unordered_set<std::string> names;
  for (const schema::Tensor* raw : *graph.tensors()) {
    Tensor tensor;
    tensor.name = raw->name() ? raw->name()->str() : "";
    if (tensor.name.empty() || !names.insert(tensor.name).second)
      for (std::size_t i = tensors_.size();; ++i)
        if (std::string name = fmt::format("{}#{}", tensor.name, i); names.insert(name).second) {
          tensor.name = std::move(name);
          break;
        }
    tensor.type = raw->type();
    if (raw->sparsity()) refuse(fmt::format("tensor '{}' is sparse", tensor.name));
    if (raw->is_variable()) refuse(fmt::format("tensor '{}' is a variable", tensor.name));
    std::int64_t elements = 1;
    if (raw->shape())
      for (const std::int32_t d : *raw->shape()) {
        if (d < 0) reject(fmt::format("tensor '{}' has the dimension {}", tensor.name, d));
        if (d > 0 && elements > kMostElements / d)
          reject(fmt::format("tensor '{}' has more elements than 2147483647", tensor.name));
        elements *= d;
        tensor.dims.push_back(d);
      }
    if (raw->shape_signature())
      for (flatbuffers::uoffset_t i = 1; i < raw->shape_signature()->size(); ++i)
        if (raw->shape_signature()->Get(i) < 0)
          refuse(fmt::format("tensor '{}' leaves dimension {} open; only the batch may be", tensor.name, i));
    if (raw->quantization()) read_quantization(*raw->quantization(), tensor);
    if (!model.buffers() || raw->buffer() >= model.buffers()->size())
      reject(fmt::format("tensor '{}' lies in buffer {}, which is not there", tensor.name, raw->buffer()));
    const schema::Buffer& buffer = *model.buffers()->Get(raw->buffer());
    if (buffer.offset() > 1)
      refuse(fmt::format("the contents of tensor '{}' lie behind the tables", tensor.name));
    if (buffer.data() && buffer.data()->size() > 0) {
      tensor.is_constant = true;
      tensor.data = {buffer.data()->data(), buffer.data()->size()};
      const std::int64_t size = element_bytes(tensor.type);
      if (size == 0)
        refuse(fmt::format("tensor '{}' has elements of type {}, which are not read", tensor.name,
                           static_cast<int>(tensor.type)));
      if (static_cast<std::int64_t>(tensor.data.size()) != elements * size)
        reject(fmt::format("tensor '{}' has {} elements of {} bytes, and its buffer {} bytes", tensor.name,
                           elements, size, tensor.data.size()));
    }
    tensors_.push_back(std::move(tensor));
  }
}

void TfliteFile::read_quantization(const schema::QuantizationParameters& q, Tensor& tensor) const {
  if (!q.scale() || q.scale()->size() == 0) return;
  tensor.axis = q.quantized_dimension();
  const std::size_t count = q.scale()->size();
  if (count > 1 && (tensor.axis < 0 || tensor.axis >= tensor.rank() ||
                    static_cast<std::int64_t>(count) != tensor.dims[static_cast<std::size_t>(tensor.axis)]))
    reject(fmt::format("tensor '{}' has {} scales along dimension {}", tensor.name, count, tensor.axis));
  for (const float scale : *q.scale()) {
    if (!std::isnormal(scale) || scale < 0)
      reject(fmt::format("tensor '{}' has the scale {}", tensor.name, scale));
    tensor.scales.push_back(scale);
  }
  const std::size_t zeros = q.zero_point() ? q.zero_point()->size() : 0;
  if (zeros > 1 && zeros != count)
    reject(fmt::format("tensor '{}' has {} scales and {} zero points", tensor.name, count, zeros));
  for (std::size_t i = 0; i < count; ++i) {
    // The elements of a list may lie anywhere: the verifier of flatbuffers checks where the list's size
    // lies, to 4 bytes.
    std::int64_t zero = 0;
    if (zeros > 0)
      std::memcpy(&zero, q.zero_point()->Data() + (zeros == 1 ? 0 : i) * sizeof zero, sizeof zero);
    const bool is_unsigned = tensor.type == TensorType::UINT8;
    if ((tensor.type == TensorType::INT8 || is_unsigned) &&
        (zero < (is_unsigned ? 0 : -128) || zero > (is_unsigned ? 255 : 127)))
      reject(fmt::format("tensor '{}' has the zero point {}", tensor.name, zero));
    tensor.zero_points.push_back(zero);
  }
}

std::vector<int> TfliteFile::numbers(const flatbuffers::Vector<std::int32_t>* list,
                                     bool may_be_left_out) const {
  std::vector<int> result;
  if (!list) return result;
  for (const std::int32_t i : *list) {
    if (i >= static_cast<std::int64_t>(tensors_.size()) || i < (may_be_left_out ? -1 : 0))
      reject(fmt::format("names tensor {} of {}", i, tensors_.size()));
    result.push_back(i);
  }
  return result;
}

void TfliteFile::read_operators(const schema::Model& model, const schema::SubGraph& graph) {
  for (const schema::Operator* raw : *graph.operators()) {
    if (!model.operator_codes() || raw->opcode_index() >= model.operator_codes()->size())
      reject(fmt::format("has an operator of kind {}, which is not there", raw->opcode_index()));
    const schema::OperatorCode& kind = *model.operator_codes()->Get(raw->opcode_index());
    Operator op;
    const std::int8_t old = kind.deprecated_builtin_code();
    op.code = has_kind_without_room(old) || kind.builtin_code() > old ? kind.builtin_code() : old;
    op.name = operator_name(op.code);
    if (kind.custom_code() && kind.custom_code()->size() > 0)
      op.name = fmt::format("custom operator '{}'", kind.custom_code()->str());
    op.inputs = numbers(raw->inputs(), true);
    op.outputs = numbers(raw->outputs(), false);
    if (op.outputs.empty()) reject(fmt::format("{} has no output", op.name));
    op.raw = raw;
    operators_.push_back(std::move(op));
  }
}

}  // namespace lowbit::tflite
