// SPDX-License-Identifier: Apache-2.0
// lowbit_quantizers: the signal-to-noise ratio of every weight quantizer on Gaussian and Laplace values and
// on the weights of a model, as a table and as a plot against bits per weight. docs/quantizers.md holds both.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>
#include <numeric>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "core/random.h"
#include "io/load_any_model.h"
#include "lowbit/core/error.h"
#include "lowbit/core/scheme.h"
#include "lowbit/core/tensor.h"
#include "lowbit/model/serialize.h"
#include "lowbit/quant/detail/storage.h"
#include "lowbit/quant/effective.h"
#include "lowbit/quant/error.h"
#include "lowbit/quant/fake_quantize.h"
#include "lowbit/quant/make_quantizer.h"
#include "lowbit/quant/quantize.h"
#include "lowbit/quant/quantized_matrix.h"
#include "model/node_schemes.h"
#include "quantizer_plot.h"
#include "report/machine.h"
#include "report/table.h"

namespace lowbit::bench {
namespace {

constexpr const char* kUsage =
    "lowbit_quantizers [--model FILE.onnx] [--svg FILE.svg] [--markdown] [--layers]\n"
    "          --model     measures on its weights too; an ONNX or .lowbit file, not quantized\n"
    "          --svg       draws the plot\n"
    "          --markdown  tables for a document\n"
    "          --layers    the tables of the model's layers instead\n"
    "lowbit_quantizers --model FILE.onnx --channel-first SCHEME FILE.lowbit\n"
    "          writes the model in floats, its weights rounded in the order (channel, kernel row, kernel "
    "column)\n";

constexpr std::int64_t kRows = 256, kColumns = 4096;
/// The Shannon lower bound of Laplace values lies 10 log10(pi / e) above the Gaussian limit.
const double kLaplaceDb = 10 * std::log10(std::numbers::pi / std::numbers::e);

/// What the families of the grammar leave out: granularities, and clipping at 4 bits.
constexpr const char* kMore[] = {
    "int8-tensor", "int8-g32",    "int8-asym",     "int4-tensor",   "int4-g32",
    "int4-aciq",   "int4-p99",    "int4-asym-mse", "kmeans3-g32",   "kmeans4-tensor",
    "kmeans4-g32", "kmeans4-g64", "kmeans8-g32",   "nf4",           "fp4",
    "log4-g32",    "apot4-g32",   "ternary-g32",   "fp8e4m3-tensor"};
/// Groups and blocks: what they hold depends on the order of a convolution's weights.
constexpr const char* kGrouped[] = {"int8-g32", "int4-g32", "int4-g32-asym", "int3-g32-asym", "kmeans4-g32",
                                    "nf4-g32",  "nf4-g64",  "fp4-g32",       "mxfp4",         "nvfp4"};
/// At equal code width.
constexpr const char* kUniform[] = {"int4", "int4-asym", "int4-asymf", "int4-mse", "int4-asymf-mse"};

/// For where their errors lie.
constexpr const char* kClipped[] = {
    "int4",           "int4-mse", "int4-aciq", "int4-p99",  "int4-asym",      "int4-asymf-mse", "kmeans4",
    "kmeans4-tensor", "int3",     "int3-mse",  "int3-asym", "int3-asymf-mse", "kmeans3"};

struct Matrix {
  std::string name;
  Tensor values;  ///< rows x columns
  MatrixView view() const { return {values.data.data(), values.shape[0], values.shape[1]}; }
};

struct Data {
  std::string name;
  std::vector<Matrix> matrices;
  double limit_db = 0;  ///< of 0 bits; each bit adds kBitDb
  std::string limit;
};

// --- data ---

/// In (0, 1).
double uniform(detail::Random& random) {
  return (static_cast<double>(random.next() >> 11) + 0.5) * 0x1p-53;
}

/// Unit variance, Box and Muller.
double gaussian(detail::Random& random) {
  const double radius = std::sqrt(-2 * std::log(uniform(random)));
  return radius * std::cos(2 * std::numbers::pi * uniform(random));
}

/// Unit variance.
double laplace(detail::Random& random) {
  const double u = 2 * uniform(random) - 1;
  return std::copysign(std::log(1 - std::fabs(u)) / std::numbers::sqrt2, u);
}

template <class Draw>
Matrix random_matrix(Draw draw, std::uint64_t seed) {
  detail::Random random(seed);
  Matrix m{"", Tensor({kRows, kColumns})};
  for (float& v : m.values.data) v = static_cast<float>(draw(random));
  return m;
}

/// As a layer is quantized: columns are (kernel row, kernel column, channel). channel_first: (channel, kernel
/// row, kernel column), the order of ONNX.
std::vector<Matrix> layer_matrices(const Model& model, bool channel_first) {
  std::vector<Matrix> matrices;
  for (const Graph::Node& node : model.graph().nodes) {
    if (!ops::has_weights(node.op)) continue;
    Tensor weights = weight_matrix(node.op);
    const auto* conv = std::get_if<ops::Conv2dOp>(&node.op);
    if (channel_first && conv) weights.data = conv->weight.data;
    matrices.push_back({node.name, std::move(weights)});
  }
  return matrices;
}

Model load_floats(const std::string& path) {
  Model model = io::load_model(path);
  if (model.is_quantized()) throw std::invalid_argument(path + " is quantized already");
  return model;
}

/// The model in floats with its weights rounded, columns in the order of ONNX.
Model rounded_channel_first(const Model& model, const AnyQuantizer& quantizer) {
  Graph graph = model.graph();
  const auto round = [&](Tensor& weight) {
    const std::int64_t rows = weight.shape[0], columns = weight.shape.elements() / rows;
    const Tensor before = weight;
    fake_quantize({before.data.data(), rows, columns}, quantizer, {weight.data.data(), rows, columns});
  };
  for (Graph::Node& node : graph.nodes) {
    if (auto* conv = std::get_if<ops::Conv2dOp>(&node.op)) round(conv->weight);
    if (auto* linear = std::get_if<ops::LinearOp>(&node.op)) round(linear->weight);
  }
  return Model(std::move(graph));
}

// --- measuring ---

struct Result {
  double sqnr = 0;
  std::optional<double> integer_sqnr;  ///< with levels rounded to int8, where that changes them
  double bits = 0;                     ///< per weight, as stored
  double packed_bits = 0;              ///< without the unused bits of codes and the unused levels of tables
  int code_bits = 0;
  WeightFormat format = WeightFormat::s8;
  bool u8 = false, f32 = false;  ///< the activations that layers of such weights can have
};

bool runs(const QuantizedMatrix& q, kernels::ActType act) {
  try {
    EffectiveWeights{q, act};
    return true;
  } catch (const Error& e) {
    if (e.code() == ErrorCode::not_built) return false;
    throw;
  }
}

double packed_bits(const QuantizedMatrix& q) {
  if (q.format == WeightFormat::b1) return q.bits_per_weight();
  const double weights = static_cast<double>(q.rows) * static_cast<double>(q.cols);
  const int width = detail::storage_of(q.format).width;
  double unused = (width - q.bits) * weights;
  if (q.table_size() > 0) unused += 32.0 * double(q.levels.size()) * (1 - std::ldexp(1.0, q.bits - width));
  return q.bits_per_weight() - unused / weights;
}

/// Sums of signal and error over the matrices: each counts by its energy.
class Meter {
 public:
  void add(const MatrixView& reference, const QuantizedMatrix& q) {
    values_.resize(static_cast<std::size_t>(q.rows * q.cols));
    dequantize(q, {values_.data(), q.rows, q.cols});
    error_.add(reference.data, values_.data(), q.rows * q.cols);
  }
  double sqnr() const { return error_.result().sqnr_db; }

 private:
  ErrorAccumulator error_;
  std::vector<float> values_;
};

Result measure(const Scheme& scheme, const std::vector<Matrix>& matrices) {
  const AnyQuantizer quantizer = make_quantizer(scheme);
  Meter real, integer;
  Result result;
  Scheme integer_scheme = scheme;
  integer_scheme.activation_bits = 8;
  result.u8 = why_not_built(integer_scheme).empty();
  result.f32 = true;
  double weights = 0;
  bool tables = false;
  for (const Matrix& m : matrices) {
    const QuantizedMatrix q = quantize(m.view(), quantizer);
    const double count = static_cast<double>(q.rows * q.cols);
    weights += count;
    result.bits += q.bits_per_weight() * count;
    result.packed_bits += packed_bits(q) * count;
    result.code_bits = q.bits;
    result.format = q.format;
    result.f32 = result.f32 && runs(q, kernels::ActType::f32);
    result.u8 = result.u8 && runs(q, kernels::ActType::u8);
    real.add(m.view(), q);
    tables = q.table_size() > 0 && result.u8;
    if (tables) integer.add(m.view(), effective_weights(q, kernels::ActType::u8));
  }
  result.bits /= weights;
  result.packed_bits /= weights;
  result.sqnr = real.sqnr();
  if (tables && integer.sqnr() != result.sqnr) result.integer_sqnr = integer.sqnr();
  return result;
}

/// Weights alone: every built quantizer runs with float activations.
Scheme weights_of(Scheme scheme) {
  scheme.activation_bits = 0;
  return scheme;
}

/// Without what is said about activations.
std::string weights_name(Scheme scheme) {
  scheme.activation_bits = 8;
  return format_scheme(scheme);
}

/// One of each kind of weights, by family.
std::vector<Scheme> weight_schemes() {
  std::vector<Scheme> schemes;
  const auto add = [&](const Scheme& scheme) {
    const Scheme s = weights_of(scheme);
    if (!s.is_fp32() && std::find(schemes.begin(), schemes.end(), s) == schemes.end()) schemes.push_back(s);
  };
  for (const Scheme& s : family_schemes()) add(s);
  std::vector<std::pair<WeightKind, int>> order;
  for (const Scheme& s : schemes) order.emplace_back(s.weights, s.bits);
  for (const char* text : kMore) add(parse_scheme(text));
  const auto place = [&](const Scheme& s) {
    return std::find(order.begin(), order.end(), std::pair(s.weights, s.bits)) - order.begin();
  };
  std::stable_sort(schemes.begin(), schemes.end(),
                   [&](const Scheme& a, const Scheme& b) { return place(a) < place(b); });
  return schemes;
}

// --- tables ---

/// A table for a terminal or a document.
class Report {
 public:
  using Align = report::Table::Align;
  Report(bool markdown, std::string title, std::vector<report::Table::Column> columns)
      : markdown_(markdown), title_(std::move(title)), columns_(std::move(columns)) {}
  void add(std::vector<std::string> cells) { rows_.push_back(std::move(cells)); }
  void print() const {
    if (!markdown_) {
      report::Table table(columns_);
      for (const auto& row : rows_) table.add_row(row);
      fmt::print("{}\n\n{}\n", title_, table.to_string());
      return;
    }
    std::string titles, rule;
    for (const auto& c : columns_) {
      titles += " " + c.title + " |";
      rule += c.align == Align::left ? "---|" : "--:|";
    }
    fmt::print("{}\n\n|{}\n|{}\n", title_, titles, rule);
    for (const auto& row : rows_) {
      fmt::print("|");
      for (std::size_t i = 0; i < row.size(); ++i) fmt::print(" {0}{1}{0} |", i == 0 ? "`" : "", row[i]);
      fmt::print("\n");
    }
    fmt::print("\n");
  }

 private:
  bool markdown_;
  std::string title_;
  std::vector<report::Table::Column> columns_;
  std::vector<std::vector<std::string>> rows_;
};

std::string db(double value) {
  return fmt::format("{:.2f}", value);
}

/// results[i][j]: scheme i on data j.
using Results = std::vector<std::vector<Result>>;

void print_quantizers(bool markdown, const std::vector<Scheme>& schemes, const std::vector<Data>& data,
                      const Results& results) {
  const bool model = data.size() > 2;
  std::vector<report::Table::Column> columns = {{"weights", Report::Align::left},
                                                {"format", Report::Align::left},
                                                {"activations", Report::Align::left},
                                                {"code bits"},
                                                {"bits, matrix"}};
  if (model) columns.push_back({"bits, " + data[2].name});
  for (const Data& d : data) columns.push_back({d.name});
  Report report(markdown, "SQNR in dB and bits per weight", columns);
  for (std::size_t i = 0; i < schemes.size(); ++i) {
    const Result& r = results[i][0];
    std::vector<std::string> row = {weights_name(schemes[i]), report::format_name(r.format),
                                    r.u8 && r.f32 ? "u8, f32"
                                    : r.u8        ? "u8"
                                                  : "f32",
                                    std::to_string(r.code_bits), db(r.bits)};
    if (model) row.push_back(db(results[i][2].bits));
    for (const Result& on : results[i]) row.push_back(db(on.sqnr));
    report.add(row);
  }
  report.print();
}

void print_rounding(bool markdown, const std::vector<Scheme>& schemes, const std::vector<Data>& data,
                    const Results& results) {
  std::vector<report::Table::Column> columns = {{"weights", Report::Align::left}};
  for (const Data& d : data) columns.push_back({d.name}), columns.push_back({"int8 levels"});
  Report report(markdown, "SQNR in dB of tables, and with levels rounded to int8 for u8 activations",
                columns);
  for (std::size_t i = 0; i < schemes.size(); ++i) {
    const auto& row = results[i];
    if (std::none_of(row.begin(), row.end(), [](const Result& r) { return r.integer_sqnr.has_value(); }))
      continue;
    std::vector<std::string> cells = {weights_name(schemes[i])};
    for (const Result& r : row)
      cells.push_back(db(r.sqnr)), cells.push_back(db(r.integer_sqnr.value_or(r.sqnr)));
    report.add(cells);
  }
  report.print();
}

/// Whether a codebook is above uniform quantization at equal code width.
void print_layers(bool markdown, const Model& model) {
  const char* titles[] = {"kmeans4", "its bits", "kmeans4-tensor", "its bits"};
  std::vector<report::Table::Column> columns = {{"layer", Report::Align::left}, {"rows x columns"}};
  for (const char* title : titles) columns.push_back({title});
  for (const char* text : kUniform) columns.push_back({text});
  Report report(markdown, "SQNR in dB of each layer with 4-bit codes, and bits per weight of tables",
                columns);
  const std::size_t uniforms = std::size(kUniform);
  std::vector<int> channel_wins(uniforms), tensor_wins(uniforms);
  double least = std::numeric_limits<double>::infinity();
  const std::vector<Matrix> matrices = layer_matrices(model, false);
  for (const Matrix& m : matrices) {
    const Result channel = measure(weights_of("kmeans4"), {m}),
                 tensor = measure(weights_of("kmeans4-tensor"), {m});
    std::vector<std::string> row = {m.name,           m.values.shape.to_string(),
                                    db(channel.sqnr), db(channel.bits),
                                    db(tensor.sqnr),  db(tensor.bits)};
    for (std::size_t i = 0; i < uniforms; ++i) {
      const double other = measure(weights_of(kUniform[i]), {m}).sqnr;
      row.push_back(db(other));
      channel_wins[i] += channel.sqnr > other;
      tensor_wins[i] += tensor.sqnr > other;
      least = std::min(least, channel.sqnr - other);
    }
    report.add(row);
  }
  std::vector<std::string> wins = {"layers below kmeans4", "", "", "", "", ""};
  std::vector<std::string> tensor = {"layers below kmeans4-tensor", "", "", "", "", ""};
  for (std::size_t i = 0; i < uniforms; ++i) {
    wins.push_back(fmt::format("{} of {}", channel_wins[i], matrices.size()));
    tensor.push_back(fmt::format("{} of {}", tensor_wins[i], matrices.size()));
  }
  report.add(wins);
  report.add(tensor);
  report.print();
  fmt::print("kmeans4 less the best of the others, on the layer where that is least: {:.2f} dB\n\n", least);
}

void print_orders(bool markdown, const Model& model) {
  Report report(markdown, "SQNR in dB by the order of a convolution's weights in a row",
                {{"weights", Report::Align::left}, {"rows, columns, channels"}, {"channels, rows, columns"}});
  const auto ours = layer_matrices(model, false), onnx = layer_matrices(model, true);
  for (const char* text : kGrouped) {
    const Scheme scheme = weights_of(text);
    report.add({text, db(measure(scheme, ours).sqnr), db(measure(scheme, onnx).sqnr)});
  }
  report.print();
}

/// Where the error lies: the largest tenth of each row's weights, and the others.
void print_magnitudes(bool markdown, const Model& model) {
  Report report(markdown, "SQNR in dB of the largest tenth of each channel's weights, and of the others",
                {{"weights", Report::Align::left}, {"all"}, {"largest tenth"}, {"others"}});
  const std::vector<Matrix> matrices = layer_matrices(model, false);
  for (const char* text : kClipped) {
    const AnyQuantizer quantizer = make_quantizer(weights_of(text));
    ErrorAccumulator all, large, small;
    for (const Matrix& m : matrices) {
      const MatrixView w = m.view();
      Tensor rounded(m.values.shape);
      dequantize(quantize(w, quantizer), {rounded.data.data(), w.rows, w.cols});
      all.add(w.data, rounded.data.data(), w.rows * w.cols);
      std::vector<std::int64_t> order(static_cast<std::size_t>(w.cols));
      for (std::int64_t r = 0; r < w.rows; ++r) {
        std::iota(order.begin(), order.end(), r * w.cols);
        const auto cut = order.begin() + (w.cols + 9) / 10;
        std::nth_element(order.begin(), cut, order.end(), [&](std::int64_t a, std::int64_t b) {
          return std::fabs(w.data[a]) > std::fabs(w.data[b]);
        });
        for (auto i = order.begin(); i != order.end(); ++i)
          (i < cut ? large : small).add(w.data + *i, rounded.data.data() + *i, 1);
      }
    }
    report.add({text, db(all.result().sqnr_db), db(large.result().sqnr_db), db(small.result().sqnr_db)});
  }
  report.print();
}

std::vector<PlottedData> plotted(const std::vector<Scheme>& schemes, const std::vector<Data>& data,
                                 const Results& results) {
  std::vector<PlottedData> plots;
  for (std::size_t j = 0; j < data.size(); ++j) {
    PlottedData& plot = plots.emplace_back(PlottedData{data[j].name, data[j].limit_db, data[j].limit, {}});
    for (std::size_t i = 0; i < schemes.size(); ++i) {
      const Result& r = results[i][j];
      plot.points.push_back({schemes[i], weights_name(schemes[i]), r.bits, r.packed_bits, r.sqnr});
    }
  }
  return plots;
}

// --- the program ---

struct Options {
  std::string model, svg, scheme, out;
  bool markdown = false, layers = false, help = false;
};

Options parse_options(int argc, char** argv) {
  Options options;
  for (int i = 1; i < argc; ++i) {
    const std::string_view flag = argv[i];
    const auto value = [&]() -> std::string {
      if (i + 1 == argc) throw std::invalid_argument(fmt::format("{} needs more", flag));
      return argv[++i];
    };
    if (flag == "--model") {
      options.model = value();
    } else if (flag == "--svg") {
      options.svg = value();
    } else if (flag == "--markdown") {
      options.markdown = true;
    } else if (flag == "--layers") {
      options.layers = true;
    } else if (flag == "--channel-first") {
      options.scheme = value();
      options.out = value();
    } else if (flag == "--help") {
      options.help = true;
    } else {
      throw std::invalid_argument(fmt::format("there is no flag {}; see --help", flag));
    }
  }
  if ((options.layers || !options.out.empty()) && options.model.empty())
    throw std::invalid_argument("--layers and --channel-first need --model");
  return options;
}

/// The file's name without folder and extension.
std::string stem(const std::string& path) {
  const std::string file = path.substr(path.find_last_of("/\\") + 1);
  return file.substr(0, file.rfind('.'));
}

std::vector<Data> make_data(const Options& options) {
  std::vector<Data> data(2);
  data[0] = {"Gaussian", {}, 0, "rate-distortion limit"};
  data[0].matrices.push_back(random_matrix(gaussian, 1));
  data[1] = {"Laplace", {}, kLaplaceDb, "Shannon lower bound"};
  data[1].matrices.push_back(random_matrix(laplace, 2));
  if (!options.model.empty())
    data.push_back(
        {stem(options.model), layer_matrices(load_floats(options.model), false), 0, "Gaussian limit"});
  return data;
}

void run(const Options& options) {
  if (options.help) {
    fmt::print("{}", kUsage);
    return;
  }
  if (!options.out.empty()) {
    save(rounded_channel_first(load_floats(options.model), make_quantizer(weights_of(options.scheme))),
         options.out);
    return;
  }
  if (options.layers) {
    const Model model = load_floats(options.model);
    print_layers(options.markdown, model);
    print_orders(options.markdown, model);
    print_magnitudes(options.markdown, model);
    return;
  }
  const std::vector<Scheme> schemes = weight_schemes();
  const std::vector<Data> data = make_data(options);
  Results results;
  for (const Scheme& scheme : schemes) {
    results.emplace_back();
    for (const Data& d : data) results.back().push_back(measure(scheme, d.matrices));
  }
  print_quantizers(options.markdown, schemes, data, results);
  print_rounding(options.markdown, schemes, data, results);
  if (!options.svg.empty()) write_quantizer_plot(options.svg, plotted(schemes, data, results));
}

}  // namespace
}  // namespace lowbit::bench

int main(int argc, char** argv) {
  try {
    lowbit::bench::run(lowbit::bench::parse_options(argc, argv));
    return 0;
  } catch (const std::exception& e) {
    fmt::print(stderr, "lowbit_quantizers: {}\n", e.what());
    return 2;
  }
}
