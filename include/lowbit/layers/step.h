// SPDX-License-Identifier: Apache-2.0
// Step: one executable operation of a compiled model. It reads and writes memory of the workspace, knows its
// shapes from construction, allocates nothing and throws nothing while it runs.
#pragma once

#include <array>
#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "lowbit/core/shape.h"
#include "lowbit/kernels/cpu.h"
#include "lowbit/kernels/gemm_kernel.h"
#include "lowbit/layers/layout.h"
#include "lowbit/runtime/executor.h"

namespace lowbit {

struct QuantizedMatrix;
class RowOffsetsCache;

namespace ops {

/// Memory of one value for a whole batch; sample b starts at data + b * type->sample_bytes().
struct TensorArg {
  std::byte* data = nullptr;
  const ValueType* type = nullptr;

  template <class T>
  T* sample(std::int64_t b) const {
    return reinterpret_cast<T*>(data + static_cast<std::size_t>(b) * stride_);
  }
  TensorArg() = default;
  TensorArg(std::byte* p, const ValueType* t) : data(p), type(t), stride_(t->sample_bytes()) {}

 private:
  std::size_t stride_ = 0;
};

/// Floats as a caller of the model has them: sample b begins at data + b * sample_stride, and its elements
/// lie `stride` apart along its axes in memory order (channels last), which are the last places of the array.
struct StridedFloats {
  const float* data = nullptr;
  std::int64_t sample_stride = 0;
  std::array<std::int64_t, Shape::kMaxRank> stride{};
};

struct StepArgs {
  std::int64_t batch = 1;
  std::span<const TensorArg> inputs;
  TensorArg output;
  std::byte* scratch = nullptr;  ///< scratch_bytes(batch, concurrency) bytes, 64-byte aligned
  Executor* executor = nullptr;
  const StridedFloats* outside = nullptr;  ///< to read in the place of inputs[0]; see Step::reads_outside
};

class Step {
 public:
  virtual ~Step() = default;
  /// Upper bound over all batches up to `batch`.
  virtual std::size_t scratch_bytes(std::int64_t batch, int concurrency) const {
    (void)batch, (void)concurrency;
    return 0;
  }
  virtual void run(const StepArgs& args) const noexcept = 0;
  /// Kernel that runs it, for `lowbit info`: "s8/avx512vnni", "eigen/avx512", "" for plain loops.
  virtual std::string kernel() const { return {}; }
  /// What packing the weights found out; all zero where the kernel has nothing to report.
  virtual PackReport pack_report() const { return {}; }
  /// Whether restore_weights() can be called: then nobody else needs to keep the codes of StepSpec::weights.
  virtual bool keeps_weights() const { return false; }
  /// Writes them into a matrix that lacks codes, and scales and zero points where it has groups.
  virtual void restore_weights(QuantizedMatrix& weights) const { (void)weights; }
  /// A convolution with padding reads the pixel behind each input sample and expects zero points (f32: zeros)
  /// there.
  virtual bool reads_zero_pixel() const { return false; }
  /// Whether run() can read its one input where such floats lie, instead of a copy of them.
  virtual bool reads_outside(const StridedFloats& floats) const {
    (void)floats;
    return false;
  }
  /// The same address for all steps of a type whose steps can share weights (StepSpec::same_node), else null.
  virtual const void* type() const { return nullptr; }
  /// Whether it reads constants where the operator that it was made from has them.
  virtual bool reads_operator() const { return false; }
};

/// What make_step gets to know. Types stay alive as long as the step.
struct StepSpec {
  std::vector<const ValueType*> inputs;
  const ValueType* output = nullptr;
  const QuantizedMatrix* weights = nullptr;  ///< null: the step runs in fp32
  bool signs = false;                        ///< take the signs of the f32 input
  bool dynamic = false;   ///< quantize the f32 input per row (Linear) or sample (Conv2d) at run time
  Isa isa = Isa::scalar;  ///< kernels may use this much
  RowOffsetsCache* row_offsets =
      nullptr;  ///< shares row offsets between convolutions of one geometry; may be null
  /// A step of the same node at other shapes: packed weights are shared with it. Null: there is none.
  const Step* same_node = nullptr;
};

}  // namespace ops
}  // namespace lowbit
