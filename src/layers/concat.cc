// SPDX-License-Identifier: Apache-2.0
// Each input is one box of the output. Codes whose qparams differ from the output's go through a table: code'
// = clamp(rint((code - z) * m), lo, hi) + z' with m = scale / scale', rounded to float once.
#include "lowbit/layers/concat.h"

#include <fmt/format.h>

#include <cstring>

#include "layers/step_common.h"
#include "layers/table_step.h"
#include "lowbit/kernels/elementwise_kernel.h"

namespace lowbit::ops {
namespace {

struct Part {
  Box box;
  std::int64_t offset = 0;  ///< of the part's first element in the output
  bool requantizes = false;
  CodeTable table{};
};

CodeTable requantize_table(const QParams& in, const ValueType& out) {
  CodeTable table{};
  const CodeRange range = code_range(out, {});
  const float m = multiplier(in.scale, out.qparams.scale);
  for (std::int32_t code = 0; code < 256; ++code)
    table[static_cast<std::size_t>(code)] = u8_code(range, static_cast<float>(code - in.zero_point) * m);
  return table;
}

template <class T>
void copy_part(const Part& part, const Box& out, const T* src, T* dst) {
  const auto n = static_cast<std::size_t>(part.box.size.back());
  for_lines(part.box.size, part.box.stride, out.stride, [&](std::int64_t from, std::int64_t to) {
    const T* s = src + from;
    T* d = dst + part.offset + to;
    if constexpr (sizeof(T) == 1) {
      if (part.requantizes) {
        kernels::elementwise().map_u8(s, n, part.table.data(), d);
        return;
      }
    }
    std::memcpy(d, s, n * sizeof(T));
  });
}

class ConcatStep final : public Step {
 public:
  ConcatStep(const ConcatOp& op, const StepSpec& spec) : out_(*spec.output), dtype_(spec.output->dtype) {
    const std::size_t axis = memory_axis(spec.output->shape.rank(), static_cast<int>(op.axis));
    std::int64_t position = 0;
    for (const ValueType* input : spec.inputs) {
      Part part;
      part.box = Box(*input);
      part.offset = position * out_.stride[axis];
      if (dtype_ == DType::rows) part.box.size.back() = input->layout().pixel_stride;
      part.requantizes = dtype_ == DType::u8 &&
                         (!(input->qparams == spec.output->qparams) || input->bits > spec.output->bits);
      if (part.requantizes) part.table = requantize_table(input->qparams, *spec.output);
      position += part.box.size[axis];
      parts_.push_back(part);
    }
  }

  void run(const StepArgs& args) const noexcept override {
    for (std::int64_t b = 0; b < args.batch; ++b)
      for (std::size_t i = 0; i < parts_.size(); ++i)
        if (dtype_ != DType::f32)
          copy_part(parts_[i], out_, args.inputs[i].sample<const std::uint8_t>(b),
                    args.output.sample<std::uint8_t>(b));
        else
          copy_part(parts_[i], out_, args.inputs[i].sample<const float>(b), args.output.sample<float>(b));
  }

 private:
  std::vector<Part> parts_;
  Box out_;
  DType dtype_;
};

}  // namespace

Shape infer_shape(const ConcatOp& op, std::span<const Shape> inputs) {
  if (inputs.empty()) throw Error(ErrorCode::shape_mismatch, "Concat takes at least one input");
  const int rank = inputs[0].rank();
  if (op.axis < 0 || op.axis >= rank)
    throw Error(ErrorCode::invalid_argument, fmt::format("Concat: axis {} is not one of a sample of shape {}",
                                                         op.axis, inputs[0].to_string()));
  std::vector<std::int64_t> dims(inputs[0].dims().begin(), inputs[0].dims().end());
  for (const Shape& s : inputs.subspan(1)) {
    bool fits = s.rank() == rank;
    for (int i = 0; fits && i < rank; ++i) fits = i == op.axis || s[i] == inputs[0][i];
    if (!fits)
      throw Error(ErrorCode::shape_mismatch,
                  fmt::format("Concat: the shapes {} and {} differ in more than axis {}",
                              inputs[0].to_string(), s.to_string(), op.axis));
    dims[static_cast<std::size_t>(op.axis)] += s[static_cast<int>(op.axis)];
  }
  return Shape(dims);
}

std::unique_ptr<Step> make_step(const ConcatOp& op, const StepSpec& spec) {
  require_shapes(op, spec);
  if (require_same_dtype(spec, ConcatOp::kName) == DType::rows) {
    bool fits = op.axis < spec.output->shape.rank() - 1;
    for (const ValueType* input : spec.inputs) fits = fits && input->bits == spec.output->bits;
    if (!fits) throw Error(ErrorCode::unsupported, "Concat joins whole rows in codes of as many bits only");
  }
  return std::make_unique<ConcatStep>(op, spec);
}

}  // namespace lowbit::ops
