// SPDX-License-Identifier: Apache-2.0
// Builds small TensorFlow Lite files in memory, with the schema that the importer reads them by.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "schema_generated.h"

namespace lowbit::testing {

namespace schema = tflite_schema;

struct TfliteScales {
  std::vector<float> scales{};
  std::vector<std::int64_t> zero_points{};
  int axis = 0;
  bool is_aligned = true;  ///< false: the zero points lie four bytes off, as they do in damaged files
};

class TfliteBuilder {
 public:
  TfliteBuilder() { buffers_.push_back(schema::CreateBuffer(b_)); }

  /// A computed tensor, or an input; returns its number.
  int tensor(const std::string& name, const std::vector<int>& dims,
             schema::TensorType type = schema::TensorType::FLOAT32, const TfliteScales& q = {}) {
    return add(name, dims, type, q, 0);
  }
  /// A constant.
  template <class T>
  int constant(const std::string& name, const std::vector<int>& dims, schema::TensorType type,
               const std::vector<T>& values, const TfliteScales& q = {}) {
    const auto* bytes = reinterpret_cast<const std::uint8_t*>(values.data());
    buffers_.push_back(schema::CreateBuffer(b_, b_.CreateVector(bytes, values.size() * sizeof(T))));
    return add(name, dims, type, q, static_cast<std::uint32_t>(buffers_.size() - 1));
  }
  int floats(const std::string& name, const std::vector<int>& dims, const std::vector<float>& values) {
    return constant(name, dims, schema::TensorType::FLOAT32, values);
  }
  int integers(const std::string& name, const std::vector<std::int32_t>& values) {
    return constant(name, {static_cast<int>(values.size())}, schema::TensorType::INT32, values);
  }
  /// `options` were made in builder().
  template <class T = schema::AddOptions>
  void op(int code, const std::vector<int>& inputs, const std::vector<int>& outputs,
          flatbuffers::Offset<T> options = 0) {
    kinds_.push_back(
        schema::CreateOperatorCode(b_, static_cast<std::int8_t>(code < 127 ? code : 127), 0, 1, code));
    const auto in = b_.CreateVector(inputs), out = b_.CreateVector(outputs);
    operators_.push_back(schema::CreateOperator(
        b_, static_cast<std::uint32_t>(kinds_.size() - 1), in, out,
        options.IsNull() ? schema::Options::NONE : schema::OptionsTraits<T>::enum_value, options.Union()));
  }
  flatbuffers::FlatBufferBuilder& builder() { return b_; }

  std::vector<std::byte> bytes(const std::vector<int>& inputs, const std::vector<int>& outputs) {
    const auto tensors = b_.CreateVector(tensors_);
    const auto in = b_.CreateVector(inputs), out = b_.CreateVector(outputs);
    const auto operators = b_.CreateVector(operators_);
    const std::vector<flatbuffers::Offset<schema::SubGraph>> graphs{
        schema::CreateSubGraph(b_, tensors, in, out, operators)};
    const auto graph_list = b_.CreateVector(graphs);
    const auto kinds = b_.CreateVector(kinds_);
    const auto buffers = b_.CreateVector(buffers_);
    schema::FinishModelBuffer(b_, schema::CreateModel(b_, 3, kinds, graph_list, 0, buffers));
    const auto* first = reinterpret_cast<const std::byte*>(b_.GetBufferPointer());
    return {first, first + b_.GetSize()};
  }

 private:
  int add(const std::string& name, const std::vector<int>& dims, schema::TensorType type,
          const TfliteScales& q, std::uint32_t buffer) {
    flatbuffers::Offset<schema::QuantizationParameters> quantization = 0;
    if (!q.scales.empty()) {
      const auto scales = b_.CreateVector(q.scales);
      const auto zeros = q.is_aligned ? b_.CreateVector(q.zero_points) : misaligned(q.zero_points);
      quantization = schema::CreateQuantizationParameters(b_, 0, 0, scales, zeros, 0, 0, q.axis);
    }
    const auto shape = b_.CreateVector(dims);
    const auto text = b_.CreateString(name);
    tensors_.push_back(schema::CreateTensor(b_, shape, type, buffer, text, quantization));
    return static_cast<int>(tensors_.size() - 1);
  }

  flatbuffers::Offset<flatbuffers::Vector<std::int64_t>> misaligned(const std::vector<std::int64_t>& values) {
    // Offsets count from the end of the buffer, whose size is a multiple of 8.
    while (b_.GetSize() % 8 != 4) b_.PushElement(std::uint8_t{0});
    b_.StartVector(values.size() * 2, sizeof(std::uint32_t));
    for (auto v = values.rbegin(); v != values.rend(); ++v) {
      b_.PushElement(static_cast<std::uint32_t>(*v >> 32));
      b_.PushElement(static_cast<std::uint32_t>(*v));
    }
    return b_.EndVector(values.size());
  }

  flatbuffers::FlatBufferBuilder b_;
  std::vector<flatbuffers::Offset<schema::Buffer>> buffers_;
  std::vector<flatbuffers::Offset<schema::Tensor>> tensors_;
  std::vector<flatbuffers::Offset<schema::OperatorCode>> kinds_;
  std::vector<flatbuffers::Offset<schema::Operator>> operators_;
};

}  // namespace lowbit::testing
