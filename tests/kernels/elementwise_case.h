// SPDX-License-Identifier: Apache-2.0
// What the tests of the elementwise kernels share: the fixture over the table, arrays between guard pages,
// and floats that include everything awkward.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <limits>
#include <string>
#include <vector>

#include "kernels/guarded_buffer.h"
#include "lowbit/kernels/cpu.h"
#include "lowbit/kernels/elementwise_kernel.h"
#include "support/random.h"

namespace lowbit::testing {

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr float kLargest = std::numeric_limits<float>::max();
constexpr float kSmallest = std::numeric_limits<float>::denorm_min();

inline std::vector<const kernels::ElementwiseKernel*> all_elementwise_kernels() {
  std::size_t count = 0;
  const kernels::ElementwiseKernel* const* kernels = kernels::elementwise_kernels(&count);
  return {kernels, kernels + count};
}

inline const kernels::ElementwiseKernel& scalar_elementwise() {
  return *all_elementwise_kernels().back();
}

/// An array that ends at a guard page, or begins at one.
class TestArray {
 public:
  explicit TestArray(std::size_t capacity) : buffer_(capacity) {}
  template <class T>
  T* place(std::size_t n, bool front = false) {
    return front ? buffer_.place_front<T>(n) : buffer_.place<T>(n);
  }

 private:
  GuardedBuffer buffer_;
};

/// A float about as often special as ordinary: ties, bounds of integers, NaN, infinities, subnormals.
inline float awkward_float(Random& random) {
  constexpr float kSpecial[] = {kInfinity, -kInfinity,     kNan,      -kNan,      0.0f,     -0.0f,
                                kLargest,  -kLargest,      kSmallest, -kSmallest, 1e-39f,   0x1p31f,
                                -0x1p31f,  0x1.fffffep30f, 0x1p15f,   -0x1p15f,   32767.5f, -32768.5f,
                                0x1p23f,   0x1.000002p23f, 65536.0f};
  switch (random.integer(0, 3)) {
    case 0:
      return kSpecial[random.integer(0, std::size(kSpecial) - 1)];
    case 1:
      return static_cast<float>(random.integer(-600, 600)) * 0.5f;
    default:
      return random.gaussian() * 60.0f;
  }
}

class EveryElementwiseKernel : public ::testing::TestWithParam<const kernels::ElementwiseKernel*> {
 protected:
  void SetUp() override {
    if (!has_isa(active_isa(), kernel().required))
      GTEST_SKIP() << "this machine, or LOWBIT_ISA, cannot run " << kernel().name;
  }
  const kernels::ElementwiseKernel& kernel() const { return *GetParam(); }
  const kernels::ElementwiseKernel& scalar() const { return scalar_elementwise(); }

  Random random_{5};
};

inline std::string elementwise_test_name(
    const ::testing::TestParamInfo<const kernels::ElementwiseKernel*>& info) {
  std::string name = info.param->name;
  std::replace(name.begin(), name.end(), '/', '_');
  return name;
}

}  // namespace lowbit::testing
