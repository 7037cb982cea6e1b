// SPDX-License-Identifier: Apache-2.0
// An Array runs a function of src/arrays. Values are handed to it row-major: floats of three dimensions,
// which lie with their channels last, are gathered before and scattered after.
#include "lowbit/layers/array_op.h"

#include <fmt/format.h>

#include <new>

#include "arrays/registry.h"
#include "layers/copy_box.h"
#include "layers/step_common.h"

namespace lowbit::ops {
namespace {

/// What a damaged file could have.
void check(const ArrayOp& op) {
  const auto known = [](ElementType element) {
    return static_cast<int>(element) < kElementTypes && element != ElementType::f64;
  };
  bool fits = known(op.result) && op.outputs >= 1 && op.outputs < 64;
  for (const ElementType element : op.elements) fits = fits && known(element);
  for (const std::int64_t source : op.sources)
    fits = fits && source >= ArrayOp::kValue && source < static_cast<std::int64_t>(op.constants.size());
  for (const arrays::Array& constant : op.constants) {
    const auto size = static_cast<std::size_t>(constant.type.shape.elements());
    fits = fits && known(constant.type.element);
    fits =
        fits && (is_float(constant.type.element) ? constant.floats.size() : constant.integers.size()) == size;
  }
  if (!fits)
    throw Error(ErrorCode::invalid_argument,
                fmt::format("the parts of '{}' do not go together", op.function));
}

arrays::Prepared prepared(const ArrayOp& op, std::span<const Shape> inputs) {
  const arrays::Prepare function = arrays::find_function(op.function);
  if (!function)
    throw Error(ErrorCode::unsupported,
                fmt::format("there is no operator '{}' of arrays in this lowbit", op.function));
  check(op);
  std::vector<arrays::Call::Input> list;
  std::size_t next = 0;
  for (const std::int64_t source : op.sources) {
    arrays::Call::Input& input = list.emplace_back();
    if (source == ArrayOp::kLeftOut) continue;
    if (source == ArrayOp::kValue) {
      if (next >= inputs.size() || next >= op.elements.size())
        throw Error(ErrorCode::shape_mismatch,
                    fmt::format("{} has {} inputs only", op.function, inputs.size()));
      input.type = arrays::ArrayType{op.elements[next], inputs[next]};
      ++next;
      continue;
    }
    const arrays::Array& constant = op.constants.at(static_cast<std::size_t>(source));
    input = {constant.type, &constant};
  }
  require_inputs(inputs, next, op.function);
  arrays::Prepared result = arrays::prepare(
      function,
      arrays::Call(op.function, op.opset, op.attributes, std::move(list), static_cast<int>(op.outputs)));
  if (op.output < 0 || static_cast<std::size_t>(op.output) >= result.outputs.size())
    throw Error(ErrorCode::unsupported, fmt::format("{} has no output {}", op.function, op.output));
  return result;
}

/// Whether a sample lies as an array does.
bool is_row_major(const ValueType& type) {
  return type.dtype != DType::f32 || type.shape.rank() != 3 || type.shape[0] == 1 ||
         type.shape[1] * type.shape[2] == 1;
}

std::size_t padded(std::size_t bytes) {
  return (bytes + 63) / 64 * 64;
}

class ArrayStep final : public Step {
 public:
  ArrayStep(const ArrayOp& op, const StepSpec& spec, const arrays::Prepared& prepared)
      : work_(prepared.work()),
        work_scratch_bytes_(prepared.scratch_bytes),
        output_(static_cast<std::size_t>(op.output)) {
    std::size_t next = 0;
    for (const std::int64_t source : op.sources) {
      arrays::ArrayView& view = in_.emplace_back();
      if (source >= 0) view = op.constants[static_cast<std::size_t>(source)].view();
      if (source != ArrayOp::kValue) continue;
      view.type = {op.elements[next], spec.inputs[next]->shape};
      values_.push_back({in_.size() - 1, *spec.inputs[next], 0, !is_row_major(*spec.inputs[next])});
      ++next;
    }
    for (const arrays::ArrayType& type : prepared.outputs) out_.push_back({type, nullptr, nullptr});
    rooms_.resize(out_.size());
    scratch_bytes_ = padded(in_.size() * sizeof(arrays::ArrayView)) +
                     padded(out_.size() * sizeof(arrays::MutableArrayView));
    for (Value& value : values_) value.room = reserve(value);
    result_ = {output_, *spec.output, 0, !is_row_major(*spec.output)};
    result_.room = reserve(result_);
    // Outputs that are not this node's: functions write all of them.
    for (std::size_t i = 0; i < out_.size(); ++i) {
      rooms_[i] = scratch_bytes_;
      if (i != output_)
        scratch_bytes_ += padded(static_cast<std::size_t>(out_[i].size()) * sizeof(std::int64_t)) + 64;
    }
  }

  std::size_t scratch_bytes(std::int64_t, int) const override {
    return scratch_bytes_ + padded(work_scratch_bytes_);
  }

  bool reads_operator() const override { return true; }

  void run(const StepArgs& args) const noexcept override {
    // Views of this run: in the scratch memory, since a step may run in several workspaces at once.
    auto* in = reinterpret_cast<arrays::ArrayView*>(args.scratch);
    auto* out = reinterpret_cast<arrays::MutableArrayView*>(args.scratch +
                                                            padded(in_.size() * sizeof(arrays::ArrayView)));
    std::uninitialized_copy(in_.begin(), in_.end(), in);
    std::uninitialized_copy(out_.begin(), out_.end(), out);
    for (std::size_t i = 0; i < out_.size(); ++i) {
      std::byte* room = args.scratch + rooms_[i];
      if (is_float(out_[i].type.element))
        out[i].floats = reinterpret_cast<float*>(room);
      else
        out[i].integers = reinterpret_cast<std::int64_t*>(room);
    }
    for (std::int64_t s = 0; s < args.batch; ++s) {
      for (std::size_t i = 0; i < values_.size(); ++i) read(args, i, s, in[values_[i].place]);
      float* gathered = reinterpret_cast<float*>(args.scratch + result_.room);
      if (result_.type.dtype == DType::i64)
        out[output_].integers = args.output.sample<std::int64_t>(s);
      else
        out[output_].floats = result_.moves ? gathered : args.output.sample<float>(s);
      work_({std::span(in, in_.size()), std::span(out, out_.size()), args.scratch + scratch_bytes_});
      if (result_.moves) move(result_, args.output.sample<float>(s), gathered, false);
    }
  }

 private:
  struct Value {
    std::size_t place = 0;  ///< among the inputs or outputs of the ONNX operator
    ValueType type{};
    std::size_t room = 0;  ///< offset of its row-major copy in the scratch memory
    bool moves = false;
  };

  std::size_t reserve(const Value& value) {
    const std::size_t at = scratch_bytes_;
    if (value.moves)
      scratch_bytes_ += padded(static_cast<std::size_t>(value.type.shape.elements()) * sizeof(float));
    return at;
  }

  void read(const StepArgs& args, std::size_t i, std::int64_t s, arrays::ArrayView& view) const {
    const Value& value = values_[i];
    if (value.type.dtype == DType::i64) {
      view.integers = args.inputs[i].sample<const std::int64_t>(s);
    } else if (!value.moves) {
      view.floats = args.inputs[i].sample<const float>(s);
    } else {
      auto* gathered = reinterpret_cast<float*>(args.scratch + value.room);
      move(value, args.inputs[i].sample<float>(s), gathered, true);
      view.floats = gathered;
    }
  }

  /// Between a sample as it lies in the workspace and a row-major copy.
  static void move(const Value& value, float* sample, float* array, bool to_array) {
    const Box box(value.type);
    const BoxDims strides = row_major_strides(value.type.shape);
    if (to_array)
      copy_box<float>(box.size, sample, box.stride, array, strides);
    else
      copy_box<float>(box.size, array, strides, sample, box.stride);
  }

  arrays::Work work_;
  std::size_t work_scratch_bytes_;
  std::size_t output_;
  std::vector<arrays::ArrayView> in_;
  std::vector<arrays::MutableArrayView> out_;
  std::vector<std::size_t> rooms_;  ///< of outputs, in the scratch memory
  std::vector<Value> values_;
  Value result_;
  std::size_t scratch_bytes_ = 0;
};

}  // namespace

ElementType array_result(const ArrayOp& op, std::span<const Shape> inputs) {
  return prepared(op, inputs).outputs[static_cast<std::size_t>(op.output)].element;
}

Shape infer_shape(const ArrayOp& op, std::span<const Shape> inputs) {
  const arrays::Prepared work = prepared(op, inputs);
  const arrays::ArrayType& type = work.outputs[static_cast<std::size_t>(op.output)];
  if (type.element != op.result)
    throw Error(ErrorCode::invalid_argument,
                fmt::format("{} does not give {}", op.function, element_name(op.result)));
  return type.shape;
}

std::unique_ptr<Step> make_step(const ArrayOp& op, const StepSpec& spec) {
  const arrays::Prepared work = prepared(op, input_shapes(spec));
  require_output_shape(spec, work.outputs[static_cast<std::size_t>(op.output)].shape, op.function);
  const auto dtype = [](ElementType element) { return is_float(element) ? DType::f32 : DType::i64; };
  bool fits = spec.output->dtype == dtype(op.result);
  for (std::size_t i = 0; i < spec.inputs.size(); ++i)
    fits = fits && spec.inputs[i]->dtype == dtype(op.elements[i]);
  if (!fits)
    throw Error(ErrorCode::unsupported, fmt::format("{} gets values of another element type", op.function));
  return std::make_unique<ArrayStep>(op, spec, work);
}

}  // namespace lowbit::ops
