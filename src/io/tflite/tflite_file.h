// SPDX-License-Identifier: Apache-2.0
// A TensorFlow Lite file that was checked: FlatBuffers' verifier has seen that every offset stays inside, and
// numbers of tensors, buffers and operators, sizes, types and scales were held against each other.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "schema_generated.h"

namespace lowbit::tflite {

namespace schema = tflite_schema;
using schema::TensorType;

struct Tensor {
  std::string name;                ///< no other tensor has it
  std::vector<std::int64_t> dims;  ///< as in the file: N H W C
  TensorType type = TensorType::FLOAT32;
  bool is_constant = false;
  std::span<const std::uint8_t> data;     ///< of a constant, elements() of the type
  std::vector<float> scales;              ///< none, one, or one for each place along `axis`
  std::vector<std::int64_t> zero_points;  ///< as many as scales
  std::int64_t axis = 0;

  std::int64_t rank() const { return static_cast<std::int64_t>(dims.size()); }
  std::int64_t elements() const;
  /// 8-bit codes with a scale.
  bool is_coded() const { return (type == TensorType::INT8 || type == TensorType::UINT8) && !scales.empty(); }
};

struct Operator {
  std::int64_t code = 0;
  std::string name;         ///< of the kind: "CONV_2D"
  std::vector<int> inputs;  ///< -1: left out
  std::vector<int> outputs;
  const schema::Operator* raw = nullptr;
};

class TfliteFile {
 public:
  /// `bytes` must outlive the object; `name` is for messages. Throws Error(corrupt_file), or
  /// Error(unsupported) for what a file may have and lowbit does not read: sparse tensors, variables,
  /// contents behind the tables, several subgraphs of which one calls another.
  TfliteFile(std::span<const std::byte> bytes, std::string name);

  const std::string& name() const { return name_; }
  const Tensor& tensor(int i) const { return tensors_[static_cast<std::size_t>(i)]; }
  std::size_t tensor_count() const { return tensors_.size(); }
  const std::vector<Operator>& operators() const { return operators_; }
  const std::vector<int>& inputs() const { return inputs_; }
  const std::vector<int>& outputs() const { return outputs_; }

 private:
  void read_tensors(const schema::Model& model, const schema::SubGraph& graph);
  void read_quantization(const schema::QuantizationParameters& q, Tensor& tensor) const;
  void read_operators(const schema::Model& model, const schema::SubGraph& graph);
  std::vector<int> numbers(const flatbuffers::Vector<std::int32_t>* list, bool may_be_left_out) const;
  [[noreturn]] void reject(const std::string& what) const;
  [[noreturn]] void refuse(const std::string& what) const;

  std::string name_;
  std::vector<Tensor> tensors_;
  std::vector<Operator> operators_;
  std::vector<int> inputs_, outputs_;
};

/// Bytes of an element; 0 for types that lowbit does not read.
std::int64_t element_bytes(TensorType type);

}  // namespace lowbit::tflite
