// SPDX-License-Identifier: Apache-2.0
// GraphWriter: the graph of a model as a graph of ONNX. It knows the names that values have there, in floats
// and in codes; write_ops.h says what each operator becomes.
#pragma once

#include <onnx/onnx_pb.h>

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <unordered_set>
#include <utility>
#include <variant>
#include <vector>

#include "lowbit/io/onnx/export.h"
#include "lowbit/model/model.h"

namespace lowbit::onnx_export {

using Integers = std::vector<std::int64_t>;
using Floats = std::vector<float>;

struct Attribute {
  std::string name;
  std::variant<std::int64_t, float, std::string, Integers, Floats> value;
};

/// Names of u8 codes and what they stand for.
struct Codes {
  std::string name, scale, zero_point;
};

class GraphWriter {
 public:
  GraphWriter(const Model& model, const OnnxExportOptions& options);
  onnx::ModelProto write();

  const Model& model() const { return model_; }
  const Graph& graph() const { return model_.graph(); }
  const Shape& shape(ValueId id) const { return model_.type(id).shape; }
  /// Of a dimension of samples in tensors: behind the batch, where there is one.
  std::int64_t axis(std::int64_t of_sample) const { return of_sample + (graph().has_batch ? 1 : 0); }
  /// For Reshape: the shape of tensors of such samples.
  Integers tensor_dims(const Shape& sample) const;
  bool with_codes() const { return form() != OnnxForm::fp32; }
  OnnxForm form() const { return options_.form; }
  bool rounds_sums() const { return !options_.exact_sums; }
  /// Whether the value is u8 codes in the file.
  bool is_coded(ValueId id) const;
  /// Of the operators' set of the file; 13 and above.
  std::int64_t opset() const { return opset_; }

  /// The value's tensor as it is: floats or integers. For a coded one a DequantizeLinear for this reader.
  std::string read(ValueId id);
  /// The same in another shape; of a coded one the codes are reshaped, so that the DequantizeLinear lies
  /// beside its reader.
  std::string read_reshaped(ValueId id, const Integers& dims);
  /// As N x C x H x W where samples are all of a tensor: 1 x C x H x W.
  std::string read_images(ValueId id);
  /// Of a coded value; and as N x C x H x W.
  Codes read_codes(ValueId id);
  Codes read_image_codes(ValueId id);
  Codes read_codes_reshaped(ValueId id, const Integers& dims);
  /// Scale and zero point of codes that an operator is to give.
  Codes codes_to_give(const QParams& qparams);
  /// Codes of floats in the range that they have when the network runs.
  Codes quantized_when_run(const std::string& floats);
  /// The result of the node, limited by its activation; becomes codes where the value is coded.
  void give(const Graph::Node& node, std::string result, const ops::Activation& limits = {});
  /// Of images, as read_images() has them.
  void give_images(const Graph::Node& node, std::string result, const ops::Activation& limits = {});
  /// Of a coded value: the result is u8 codes of it already.
  void give_codes(const Graph::Node& node, std::string codes, const ops::Activation& limits = {});
  void give_image_codes(const Graph::Node& node, std::string codes, const ops::Activation& limits = {});
  /// QuantizeLinear and DequantizeLinear around a result between two operators.
  std::string through_codes(const std::string& floats, const QParams& qparams);

  /// Adds a node with one output, whose name it returns; an input may be empty.
  std::string op(std::string_view type, const std::vector<std::string>& inputs,
                 const std::vector<Attribute>& attributes = {}, std::string_view domain = {});
  /// With several outputs.
  std::vector<std::string> op_of(std::string_view type, const std::vector<std::string>& inputs,
                                 const std::vector<Attribute>& attributes, int outputs,
                                 std::string_view domain = {});
  std::string floats(std::span<const float> values, const Integers& dims);
  std::string scalar(float value) { return floats({&value, 1}, {}); }
  std::string integers(const Integers& values);
  /// `type` as TensorProto has it; `raw`: the elements' bytes, of 4 bits packed, low ones first.
  std::string constant(std::int32_t type, std::string_view raw, const Integers& dims);
  std::string array(const arrays::Array& array);
  /// The node that is written, for names and messages.
  const std::string& current() const { return current_; }
  [[noreturn]] void refuse(const std::string& what) const;

 private:
  struct Value {
    std::string floats;  // or integers
    std::string codes;   // where it is coded
  };
  void choose_opset();
  void add_input(ValueId id);
  void add_output(ValueId id, std::size_t number);
  std::string unique(std::string hint);
  void rename_result(std::string& from, const std::string& to);
  std::string limited(std::string result, const ops::Activation& limits, ValueId id);
  std::string limited_codes(std::string codes, const ops::Activation& limits, ValueId id);
  void store(ValueId id, std::string result);
  std::string dequantized(const std::string& codes, ValueId id);
  Integers image_dims(ValueId id) const;
  std::string parameters(const QParams& qparams, std::string& zero_point);

  const Model& model_;
  OnnxExportOptions options_;
  std::int64_t opset_ = 17;
  onnx::ModelProto proto_;
  std::vector<Value> values_;
  std::unordered_set<std::string> names_;
  std::vector<std::pair<QParams, std::pair<std::string, std::string>>> parameters_;
  std::string current_ = "lowbit";
};

}  // namespace lowbit::onnx_export
