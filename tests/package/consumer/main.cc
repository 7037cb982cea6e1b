// SPDX-License-Identifier: Apache-2.0
// What an outside program does with lowbit: quantize a matrix, measure the error; where these components are
// there, write and read a table and load an ONNX file. Returns 0 when all went as documented.
#include <lowbit/lowbit.h>

#include <Eigen/Core>
#include <cstdio>

int main(int argc, char** argv) {
  Eigen::MatrixXf weights(8, 64);
  for (Eigen::Index i = 0; i < weights.size(); ++i)
    weights(i) = static_cast<float>((i * 37) % 101 - 50) * 0.02f;

  const lowbit::QuantizedMatrix q =
      lowbit::quantize(lowbit::MatrixView(weights), lowbit::Affine<4>{.granularity = lowbit::per_group(32)});
  Eigen::MatrixXf back(8, 64);
  lowbit::dequantize(q, lowbit::MutableMatrixView(back));
  const lowbit::ErrorMeasure error =
      lowbit::measure_error(lowbit::MatrixView(weights), lowbit::MatrixView(back));
  std::printf("4 bits in groups of 32: %.2f bits per weight, SQNR %.1f dB\n", q.bits_per_weight(),
              error.sqnr_db);
  if (error.sqnr_db < 15 || error.sqnr_db > 40) return 1;

  try {
    lowbit::parse_scheme("int5000");
    return 1;
  } catch (const lowbit::Error& e) {
    std::printf("refused, as it must be: %s\n", e.what());
  }
#ifdef CONSUMER_JSON
  lowbit::RangeTable table;
  table.samples = 1;
  table.rows.emplace_back().tensor = "x";
  table.rows[0].set_clip({0.0f, 6.0f});
  if (lowbit::parse_range_table(lowbit::format_range_table(table)).rows[0].clip.max != 6.0f) return 1;
#endif
#ifdef CONSUMER_ONNX
  if (argc < 2) return 1;
  const lowbit::Model model = lowbit::load_onnx(argv[1]);
  std::printf("%s: input %s\n", argv[1], model.input_shape().to_string().c_str());
  if (model.input_shape() != lowbit::Shape{1, 28, 28}) return 1;
#else
  static_cast<void>(argc);
  static_cast<void>(argv);
#endif
  return 0;
}
