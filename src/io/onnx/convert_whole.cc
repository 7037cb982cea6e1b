// SPDX-License-Identifier: Apache-2.0
#include "io/onnx/convert_whole.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "arrays/registry.h"
#include "io/onnx/array_node.h"
#include "io/onnx/lower_attention.h"
#include "io/onnx/lower_recurrent.h"
#include "io/onnx/native_op.h"
#include "io/onnx/registry.h"
#include "io/onnx/unroll.h"
#include "lowbit/core/error.h"

namespace lowbit::onnx_import {
namespace {

/// How the converters that know batches get a node of a whole graph.
enum class Way {
  as_batch_of_one,  ///< tensors whose first dimension is 1, which is taken for the batch
  as_sample,        ///< the whole tensors as samples: for what does not depend on axes
  by_rows,          ///< all but the last dimension as one
};

struct Lowering {
  std::string_view op;
  Way way;
};

constexpr Lowering kLowerings[] = {
    {"Abs", Way::as_sample},
    {"Add", Way::as_sample},
    {"AveragePool", Way::as_batch_of_one},
    {"BatchNormalization", Way::as_batch_of_one},
    {"Clip", Way::as_sample},
    {"Conv", Way::as_batch_of_one},
    {"Div", Way::as_sample},
    {"Elu", Way::as_sample},
    {"Erf", Way::as_sample},
    {"Exp", Way::as_sample},
    {"Gelu", Way::as_sample},
    {"Gemm", Way::by_rows},
    {"GlobalAveragePool", Way::as_batch_of_one},
    {"HardSigmoid", Way::as_sample},
    {"HardSwish", Way::as_sample},
    {"LeakyRelu", Way::as_sample},
    {"Log", Way::as_sample},
    {"MatMul", Way::by_rows},
    {"MatMulNBits", Way::by_rows},
    {"MaxPool", Way::as_batch_of_one},
    {"Mul", Way::as_sample},
    {"Neg", Way::as_sample},
    {"Reciprocal", Way::as_sample},
    {"Relu", Way::as_sample},
    {"Sigmoid", Way::as_sample},
    {"Softplus", Way::as_sample},
    {"Sqrt", Way::as_sample},
    {"Sub", Way::as_sample},
    {"Swish", Way::as_sample},
    {"Tanh", Way::as_sample},
};

const Lowering* find_lowering(std::string_view op) {
  const auto* row = std::find_if(std::begin(kLowerings), std::end(kLowerings),
                                 [&](const Lowering& lowering) { return lowering.op == op; });
  return row == std::end(kLowerings) ? nullptr : row;
}

/// The next input of the ONNX operator: a value, a constant, or left out (null).
void add_operand(const Graph& graph, const Importer::Entry* entry, ops::ArrayOp& op,
                 std::vector<ValueId>& inputs) {
  if (!entry) {
    op.sources.push_back(ops::ArrayOp::kLeftOut);
  } else if (const auto* id = std::get_if<ValueId>(entry)) {
    op.sources.push_back(ops::ArrayOp::kValue);
    op.elements.push_back(graph.values[static_cast<std::size_t>(*id)].element);
    inputs.push_back(*id);
  } else {
    op.sources.push_back(static_cast<std::int64_t>(op.constants.size()));
    op.constants.push_back(to_array(*std::get<ConstantPtr>(*entry)));
  }
}

class WholeNode {
 public:
  WholeNode(Importer& importer, NodeContext& node) : importer_(importer), node_(node), proto_(node.proto()) {
    for (const auto& name : proto_.input()) entries_.push_back(name.empty() ? nullptr : importer.find(name));
  }

  void convert() {
    if (proto_.op_type() == "If") return convert_if();
    if (proto_.op_type() == "Loop") return unroll_loop(importer_, node_);
    if (proto_.op_type() == "Scan") return unroll_scan(importer_, node_);
    if (proto_.op_type() == "Constant") return convert_constant(node_);
    if ((proto_.op_type() == "QuantizeLinear" || proto_.op_type() == "DequantizeLinear") &&
        convert_codes(node_))
      return;
    if (is_copy()) return importer_.define(proto_.output(0), *entries_[0]);
    if (!fold() && !lower()) emit_array();
  }

 private:
  const Graph::Value* value(std::size_t i) const {
    const auto* id = entries_[i] ? std::get_if<ValueId>(entries_[i]) : nullptr;
    return id ? &importer_.graph().values[static_cast<std::size_t>(*id)] : nullptr;
  }
  const Constant* constant(std::size_t i) const {
    const auto* c = entries_[i] ? std::get_if<ConstantPtr>(entries_[i]) : nullptr;
    return c ? c->get() : nullptr;
  }

  /// Errors of arrays do not know the node.
  template <class Body>
  auto named(Body&& body) const {
    try {
      return body();
    } catch (const Error& e) {
      throw Error(e.code(), fmt::format("{}: node '{}': {}", importer_.file(), node_.name(), e.what()));
    }
  }

  /// Gives a value as it is.
  bool is_copy() const {
    if (entries_.empty() || !value(0) || proto_.output_size() != 1) return false;
    if (proto_.op_type() == "Identity") return true;
    if (proto_.op_type() != "Cast") return false;
    const onnx::AttributeProto* to = node_.find_attribute("to");
    const std::optional<ElementType> element = to ? element_type(static_cast<int>(to->i())) : std::nullopt;
    // Floats of 16 bits are rounded by Cast alone.
    return element == ElementType::f32 && value(0)->element == ElementType::f32;
  }

  /// Computes a node whose inputs are constants, or which only asks for shapes.
  bool fold() {
    const bool of_shapes = proto_.op_type() == "Shape" || proto_.op_type() == "Size";
    std::vector<arrays::Array> arrays(entries_.size());
    std::vector<const arrays::Array*> inputs;
    for (std::size_t i = 0; i < entries_.size(); ++i) {
      if (value(i) && !of_shapes) return false;
      if (value(i))
        arrays[i].type = {value(i)->element, value(i)->shape};
      else if (entries_[i])
        arrays[i] = to_array(*constant(i));
      inputs.push_back(entries_[i] ? &arrays[i] : nullptr);
    }
    std::vector<arrays::Array> outputs =
        named([&] { return apply(proto_, importer_.opset(), inputs, read_); });
    for (int i = 0; i < proto_.output_size(); ++i)
      if (!proto_.output(i).empty()) {
        Constant result = to_constant(std::move(outputs.at(static_cast<std::size_t>(i))));
        if (proto_.op_type() == "Transpose" && constant(0)->codes)
          result.codes = transposed(*constant(0)->codes);
        importer_.define(proto_.output(i), std::make_shared<const Constant>(std::move(result)));
      }
    return true;
  }

  /// The scales of a constant in codes whose axes are exchanged; null for blocks.
  std::shared_ptr<const ConstantCodes> transposed(ConstantCodes codes) const {
    if (codes.block > 0) return nullptr;
    const std::vector<std::int64_t> perm = node_.ints_attribute("perm", {});
    for (int axis = 0, rank = static_cast<int>(constant(0)->dims.size()); axis < rank; ++axis)
      if (codes.axis == (perm.empty() ? rank - 1 - axis : perm[static_cast<std::size_t>(axis)])) {
        codes.axis = axis;
        break;
      }
    return std::make_shared<const ConstantCodes>(std::move(codes));
  }

  /// Gives the node to a converter for batches, where one knows it.
  bool lower() {
    const Lowering* lowering = find_lowering(proto_.op_type());
    if (!lowering || proto_.output_size() > 1) return false;
    NodeContext::Frame frame;
    frame.substitutes.resize(entries_.size());
    for (std::size_t i = 0; i < entries_.size(); ++i)
      if (value(i) && (!is_float(value(i)->element) || value(i)->shape.elements() == 0)) return false;
    if (!enter(lowering->way, frame)) return false;
    const ElementType element = first_element();
    node_.set_frame(&frame);
    try {
      find_converter(proto_.op_type())(node_);
    } catch (const Error& e) {
      if (e.code() != ErrorCode::unsupported && e.code() != ErrorCode::shape_mismatch &&
          e.code() != ErrorCode::corrupt_file)
        throw;
      node_.set_frame(nullptr);
      return false;
    }
    node_.set_frame(nullptr);
    if (const auto* id = std::get_if<ValueId>(importer_.find(proto_.output(0))))
      importer_.graph().values[static_cast<std::size_t>(*id)].element = element;
    return true;
  }

  ElementType first_element() const {
    for (std::size_t i = 0; i < entries_.size(); ++i)
      if (value(i)) return value(i)->element;
    return ElementType::f32;
  }

  /// Fills in the frame; false where the node does not go this way.
  bool enter(Way way, NodeContext::Frame& frame) {
    if (way == Way::as_sample) return true;
    if (way == Way::as_batch_of_one) {
      for (std::size_t i = 0; i < entries_.size(); ++i)
        if (value(i) && (value(i)->shape.rank() < 2 || value(i)->shape[0] != 1)) return false;
      frame.prefix = {1};
      for (std::size_t i = 0; i < entries_.size(); ++i)
        if (value(i)) {
          const std::span<const std::int64_t> dims = value(i)->shape.dims();
          frame.substitutes[i] = reshaped(i, {dims.begin() + 1, dims.end()});
        }
      return true;
    }
    const bool has_blocks = proto_.op_type() == "MatMulNBits";
    if (!value(0) || value(0)->shape.rank() < 2 || !constant(1) ||
        (constant(1)->dims.size() != 2 && !has_blocks))
      return false;
    if (proto_.op_type() == "Gemm" && value(0)->shape.rank() != 2) return false;
    const std::span<const std::int64_t> dims = value(0)->shape.dims();
    frame.prefix.assign(dims.begin(), dims.end() - 1);
    frame.dropped = 1;
    frame.substitutes[0] = reshaped(0, {value(0)->shape.elements() / dims.back(), dims.back()});
    return true;
  }

  ValueId reshaped(std::size_t i, std::vector<std::int64_t> dims) {
    const ValueId id = std::get<ValueId>(*entries_[i]);
    if (Shape(dims) == value(i)->shape) return id;
    return node_.emit_inner(fmt::format("/in{}", i), ops::ReshapeOp{std::move(dims)}, {id});
  }

  void emit_array() {
    ops::ArrayOp op;
    op.function = proto_.op_type();
    op.opset = importer_.opset();
    op.attributes = named([&] { return array_attributes(proto_, read_); });
    op.outputs = proto_.output_size();
    std::vector<ValueId> inputs;
    for (const Importer::Entry* entry : entries_) add_operand(importer_.graph(), entry, op, inputs);
    if (emit_lowered(op, inputs)) return;
    for (int i = 0; i < proto_.output_size(); ++i)
      if (importer_.is_used(proto_.output(i))) emit_output(op, i, inputs);
  }

  /// What becomes several operators of lowbit, with several outputs.
  bool emit_lowered(const ops::ArrayOp& op, const std::vector<ValueId>& inputs) {
    const bool is_attention = op.function == "Attention";
    if (!is_attention && op.function != "LSTM" && op.function != "GRU") return false;
    named([&] { return ops::array_result(op, shapes_of(inputs)); });  // looks at all of the node
    std::vector<bool> used;
    for (const std::string& name : proto_.output()) used.push_back(importer_.is_used(name));
    const auto results =
        is_attention ? lower_attention(node_, op, inputs, used) : lower_recurrent(node_, op, inputs, used);
    if (!results) return false;
    for (int i = 0; i < proto_.output_size(); ++i) {
      const std::optional<ValueId>& id = results->at(static_cast<std::size_t>(i));
      if (!id) continue;
      importer_.graph().values[static_cast<std::size_t>(*id)].name = proto_.output(i);
      importer_.define(proto_.output(i), *id);
    }
    return true;
  }

  void emit_output(ops::ArrayOp& op, int i, const std::vector<ValueId>& inputs) {
    op.output = i;
    const std::vector<Shape> shapes = shapes_of(inputs);
    op.result = named([&] { return ops::array_result(op, shapes); });
    const Shape shape = named([&] { return ops::infer_shape(op, shapes); });
    std::optional<ops::Op> native = native_op(op, shapes, shape);
    ValueId id = node_.emit_inner(i == 0 ? "" : fmt::format("/out{}", i),
                                  native ? std::move(*native) : ops::Op(op), inputs);
    if (!(importer_.graph().values[static_cast<std::size_t>(id)].shape == shape))
      id = node_.emit_inner("/whole", ops::ReshapeOp{{shape.dims().begin(), shape.dims().end()}}, {id});
    Graph::Value& value = importer_.graph().values[static_cast<std::size_t>(id)];
    value.name = proto_.output(i);
    value.element = op.result;
    importer_.define(proto_.output(i), id);
  }

  std::vector<Shape> shapes_of(const std::vector<ValueId>& ids) const {
    std::vector<Shape> shapes;
    for (const ValueId id : ids)
      shapes.push_back(importer_.graph().values[static_cast<std::size_t>(id)].shape);
    return shapes;
  }

  /// One branch where the condition is known, else both and a choice between their results.
  void convert_if() {
    const auto* then_branch = node_.find_attribute("then_branch");
    const auto* else_branch = node_.find_attribute("else_branch");
    if (!then_branch || !else_branch) node_.reject("has not two branches");
    if (const Constant* condition = constant(0)) {
      if (condition->integers.size() != 1) node_.reject("has a condition that is not one boolean");
      return define_all(importer_.import_inner((condition->integers[0] ? then_branch : else_branch)->g()));
    }
    const std::vector<Importer::Entry> yes = importer_.import_inner(then_branch->g());
    const std::vector<Importer::Entry> no = importer_.import_inner(else_branch->g());
    if (yes.size() != no.size()) node_.reject("has branches with different numbers of results");
    for (std::size_t i = 0; i < yes.size(); ++i) choose(i, yes[i], no[i]);
  }

  void define_all(const std::vector<Importer::Entry>& results) {
    for (int i = 0; i < proto_.output_size(); ++i)
      importer_.define(proto_.output(i), results.at(static_cast<std::size_t>(i)));
  }

  void choose(std::size_t output, const Importer::Entry& yes, const Importer::Entry& no) {
    ops::ArrayOp op;
    op.function = "Where";
    op.opset = importer_.opset();
    std::vector<ValueId> inputs;
    for (const Importer::Entry* entry : {entries_[0], &yes, &no})
      add_operand(importer_.graph(), entry, op, inputs);
    op.result = named([&] { return ops::array_result(op, shapes_of(inputs)); });
    const ValueId id = node_.emit_inner(fmt::format("/choice{}", output), op, inputs);
    const std::string& name = proto_.output(static_cast<int>(output));
    importer_.graph().values[static_cast<std::size_t>(id)].name = name;
    importer_.define(name, id);
  }

  Importer& importer_;
  NodeContext& node_;
  const onnx::NodeProto& proto_;
  std::vector<const Importer::Entry*> entries_;
  TensorReader read_ = [this](const onnx::TensorProto& tensor) { return to_array(importer_.read(tensor)); };
};

}  // namespace

bool has_whole_converter(std::string_view op_type) {
  return op_type == "If" || op_type == "Loop" || op_type == "Scan" || op_type == "Constant" ||
         arrays::find_function(op_type) || find_lowering(op_type);
}

void convert_whole(Importer& importer, NodeContext& node) {
  WholeNode(importer, node).convert();
}

ValueId copy_whole(Importer& importer, const std::string& name) {
  ops::ArrayOp op;
  op.function = "Identity";
  op.opset = importer.opset();
  std::vector<ValueId> inputs;
  Graph& graph = importer.graph();
  add_operand(graph, importer.find(name), op, inputs);
  op.result = op.constants.empty() ? op.elements[0] : op.constants[0].type.element;
  const ValueId output = graph.add_node(importer.unique_node_name(name), std::move(op), inputs);
  graph.values[static_cast<std::size_t>(output)].name = name;
  return output;
}

}  // namespace lowbit::onnx_import
