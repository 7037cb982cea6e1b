// SPDX-License-Identifier: Apache-2.0
// NetworkReport: what `lowbit report` measures of networks, and what becomes of it: a verdict, a page that
// stands alone, JSON.
#pragma once

#include <cstdint>
#include <limits>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "lowbit/quant/error.h"
#include "lowbit/recover/recover.h"
#include "report/machine.h"
#include "report/profile_report.h"

namespace lowbit::report {

/// Counts of values in equal bins, of the original and of what quantization made of it.
struct HistogramFigure {
  double low = 0, high = 0;                 ///< ends of the bins
  std::vector<double> fp32{}, quantized{};  ///< counts; `quantized` empty: not drawn
  double clip_low = 0, clip_high = 0;       ///< ends of the codes' range
  double clipped = 0;                       ///< part of the values beyond them
  std::vector<double> levels{};             ///< values that codes stand for; empty: too many to draw
};

struct ChannelRange {
  float fp32_low = 0, fp32_high = 0, low = 0, high = 0;  ///< of its weights, original and quantized
};

/// A layer of a quantized network, against the one of the same name in the reference. Decibels are NaN where
/// they are not known, infinite where nothing differs.
struct LayerReport {
  std::string name{}, op{}, shape{}, scheme{}, kernel{}, type{};
  std::string fallback{};  ///< why it stayed fp32 although the scheme asked for less
  bool has_weights = false;
  std::uint64_t bytes = 0, fp32_bytes = 0;
  std::uint64_t memory = 0;  ///< that a run takes while it is in this layer, beside weights
  double bits = 32;          ///< a weight, scales included
  MeasuredTime time{};
  std::optional<double> fp32_ns{};  ///< of the same layer in the reference
  double gproducts_per_second = 0;
  double own_db = std::numeric_limits<double>::quiet_NaN();    ///< its output, where its inputs are exact
  double after_db = std::numeric_limits<double>::quiet_NaN();  ///< its output in the quantized network
  double final_db = std::numeric_limits<double>::quiet_NaN();  ///< the network's, where only it is quantized
  double damage = 0;  ///< its part in the sum of what layers do alone to the network's output, as noise power
  std::optional<HistogramFigure> weights{}, activations{};
  std::vector<ChannelRange> channels{};  ///< one per output channel; of more than kMostChannels, runs of them

  static constexpr std::size_t kMostChannels = 128;
};

struct NetworkModel {
  std::string name{}, path{}, scheme{};
  double bits = 32;
  std::uint64_t bytes = 0, memory = 0;    ///< memory: weights and a workspace
  std::optional<std::int64_t> correct{};  ///< images
  std::int64_t agree = 0;                 ///< images with the reference's answer
  std::int64_t lost = 0, won = 0;         ///< images right in the reference only, and here only
  ErrorMeasure error{};                   ///< of the first output, against the reference
  MeasuredTime time{};                    ///< of an image, nanoseconds
  std::optional<double> joules{};         ///< of an image
  std::vector<LayerReport> layers{};
  std::string coverage{};  ///< describe_coverage()
  std::optional<RecoveryReport> recovery{};
};

/// An image that a model answers otherwise than the reference.
struct ChangedAnswer {
  std::int64_t image = 0;
  std::optional<std::int64_t> label{};
  std::int64_t reference = 0, model = 0;                 ///< answers: index of the largest output
  std::optional<double> reference_part{}, model_part{};  ///< softmax of the answer
  std::string picture{};                                 ///< a data URI; empty: samples are no images
  std::int64_t width = 0, height = 0;
};

/// A network that was considered: a point of a trade-off.
struct TradeOff {
  std::string name{};
  double bytes = 0, ns = 0;
  std::optional<double>
      accuracy{};                  ///< a part, of the samples that a search held out; nothing: only predicted
  std::optional<double> points{};  ///< of 100 above the reference (below: negative), on the same samples
  double sqnr_db = 0;
  bool on_front = false;
};

struct NetworkReport {
  std::string data{}, preprocess{};
  std::int64_t images = 0;
  bool has_more_images = true;  ///< the data goes on behind them
  bool has_labels = false;
  Machine machine{};
  double max_drop = 0.5;                   ///< points of 100 that may be lost
  std::size_t reference = 0, subject = 0;  ///< indices into models: what is compared with, what is judged
  std::vector<NetworkModel> models{};
  std::vector<ChangedAnswer> changed{};  ///< of the subject
  std::int64_t probe_images = 0;         ///< that errors of layers and distributions are of
  std::vector<TradeOff> front{};         ///< what a search found; empty: no search
  std::vector<std::string> asked{}, notes{};
  std::vector<std::string> commands{};  ///< that repeat it
  std::string quantize_command{};       ///< that made the subject or would, without an output

  const NetworkModel& judged() const { return models[subject]; }
  const NetworkModel& original() const { return models[reference]; }
};

/// Schema "lowbit-report-1".
nlohmann::ordered_json to_json(const NetworkReport& report);
/// A page that needs no other file.
std::string to_html(const NetworkReport& report);
/// The verdict and what to do, for a terminal.
std::string format_network_report(const NetworkReport& report, bool colour);

}  // namespace lowbit::report
