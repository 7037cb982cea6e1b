// SPDX-License-Identifier: Apache-2.0
// What people write first and wrongly; MISTAKE says which. The error has to name the cause.
#include <Eigen/Core>
#include <vector>

#include "lowbit/lowbit.h"

[[maybe_unused]] static Eigen::MatrixXf W(8, 32);
[[maybe_unused]] static Eigen::MatrixXd D(8, 32);
[[maybe_unused]] static Eigen::VectorXd vd(8);
[[maybe_unused]] static std::vector<float> values(256);
[[maybe_unused]] static lowbit::QuantizedMatrix q;

struct NoGranularity {
  int code_bits() const;
  lowbit::AffineGroup fit(std::span<const float>, std::span<const float>) const;
};
struct NoCodeBits {
  lowbit::Granularity granularity;
  lowbit::AffineGroup fit(std::span<const float>, std::span<const float>) const;
};
struct NoFit {
  lowbit::Granularity granularity;
  int code_bits() const;
};

void mistake() {
#if MISTAKE == 0  // none: what must compile
  lowbit::quantize(W, "int4-g32");
  lowbit::quantize(W * 2.0f, "int8");
  lowbit::quantize(W * W.transpose(), lowbit::make_quantizer("int8"));
  lowbit::quantize(D.cast<float>(), std::string("int8"));
  lowbit::Linear(q, {.bias = Eigen::VectorXf::Zero(8)})(W);
  lowbit::Linear(q, {.bias = vd.cast<float>()})(W.transpose());
  lowbit::Linear(q, {.bias = values});
  lowbit::Linear(q, {.bias = W.col(0)});
#elif MISTAKE == 1
  lowbit::quantize(D, "int8");
#elif MISTAKE == 2
  lowbit::quantize(W, NoGranularity{});
#elif MISTAKE == 3
  lowbit::quantize(W, NoCodeBits{});
#elif MISTAKE == 4
  lowbit::quantize(W, NoFit{});
#elif MISTAKE == 5
  lowbit::quantize(values, "int8");
#elif MISTAKE == 6
  lowbit::dequantize(q, D);
#elif MISTAKE == 7
  lowbit::Linear fc(W);
#elif MISTAKE == 8
  lowbit::Linear fc(q, {.bias = vd});
#elif MISTAKE == 9
  lowbit::Linear fc(q, {.bias = W});
#elif MISTAKE == 10
  lowbit::Linear fc(q);
  fc(D);
#elif MISTAKE == 11
  lowbit::load_onnx("net.onnx");
#elif MISTAKE == 12
  lowbit::load_range_table("table.json");
#endif
}
