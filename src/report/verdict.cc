// SPDX-License-Identifier: Apache-2.0
#include "report/verdict.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>

#include "report/figures.h"
#include "report/sensitivity_report.h"

namespace lowbit::report {
namespace {

constexpr double kConcentrated = 0.45;         // of the damage: from here on a few layers are worth more bits
constexpr double kMuchTime = 0.2;              // of a run
constexpr std::int64_t kMostImages = 1000000;  // that anybody may be asked for

std::string judged_sentence(const NetworkReport& report, const NetworkModel& model, const Verdict& verdict) {
  const std::string interval = fmt::format("95 % confidence: {} to {}", points_text(verdict.interval.low),
                                           points_text(verdict.interval.high));
  if (!report.has_labels)
    return fmt::format(
        "{} gives another answer than {} to {} of {} samples. There are no labels, so each of these counts "
        "as "
        "lost: {} points ({}); {:g} may be lost.",
        model.name, report.original().name,
        with_separators(static_cast<std::uint64_t>(report.images - model.agree)),
        with_separators(static_cast<std::uint64_t>(report.images)), points_text(verdict.points), interval,
        report.max_drop);
  return fmt::format("{} has {} of {} images right, {} points against {} ({}); {:g} may be lost.", model.name,
                     percent(part(model.correct, report.images)),
                     with_separators(static_cast<std::uint64_t>(report.images)), points_text(verdict.points),
                     report.original().name, interval, report.max_drop);
}

/// Of all layers' bytes in memory: the file may be compressed.
double weight_share(const NetworkReport& report, const LayerReport& layer) {
  double all = 0;
  for (const LayerReport& other : report.judged().layers) all += static_cast<double>(other.bytes);
  return all > 0 ? static_cast<double>(layer.bytes) / all : 0;
}

/// More bits for the layers that do most of the damage, where these are few.
std::optional<Advice> lift_layers(const NetworkReport& report) {
  const std::vector<std::size_t> worst = worst_layers(report, 3);
  double damage = 0, more = 0;
  std::vector<std::string> names, flags;
  for (const std::size_t i : worst) {
    const LayerReport& layer = report.judged().layers[i];
    if (!layer.has_weights || layer.bits >= 7.5) continue;
    damage += layer.damage;
    more += static_cast<double>(layer.bytes) * (8 / std::max(layer.bits, 1.0) - 1);
    names.push_back(layer.name);
    flags.push_back("--override " + shell_word(layer.name + "=int8"));
  }
  if (names.empty() || damage < kConcentrated) return std::nullopt;
  return Advice{
      fmt::format("Give {} 8 bits.", fmt::join(names, ", ")),
      fmt::format("{:.0f} % of the damage is done there; it costs about {} ({:+.1f} % of the file).",
                  damage * 100, size_text(static_cast<std::uint64_t>(more)),
                  more / static_cast<double>(std::max<std::uint64_t>(report.judged().bytes, 1)) * 100),
      report.quantize_command.empty() ? ""
                                      : fmt::format("{} {}", report.quantize_command, fmt::join(flags, " "))};
}

std::optional<Advice> recover_more(const NetworkReport& report) {
  const NetworkModel& model = report.judged();
  if (model.recovery || model.bits > 8.6 || report.quantize_command.find("--recover") != std::string::npos)
    return std::nullopt;
  return Advice{
      "Win accuracy back on the calibration images.",
      "Recovery chooses codes, scales and biases so that each layer gives what the original gave; it "
      "needs no labels and no training, and the file stays as small.",
      report.quantize_command.empty() ? "" : report.quantize_command + " --recover fast"};
}

/// To two digits, which is more than the estimate is good for.
std::int64_t to_two_digits(std::int64_t count) {
  std::int64_t unit = 1;
  while (count / unit >= 100) unit *= 10;
  return (count + unit - 1) / unit * unit;
}

Advice more_images(const NetworkReport& report, const Verdict& verdict) {
  const NetworkModel& model = report.judged();
  const double distance = std::abs(verdict.points + report.max_drop) / 100;
  const std::int64_t lost = report.has_labels ? model.lost : report.images - model.agree;
  const std::int64_t needed = samples_for(lost, report.has_labels ? model.won : 0, report.images, distance);
  const bool is_known = needed > report.images && needed <= kMostImages;
  if (is_known && !report.has_more_images)
    return {
        "Find more images.",
        fmt::format("All {} of the data were evaluated. About {} would narrow the interval enough to tell.",
                    with_separators(static_cast<std::uint64_t>(report.images)),
                    with_separators(static_cast<std::uint64_t>(to_two_digits(needed)))),
        ""};
  return {"Evaluate more images.",
          is_known ? fmt::format("With about {} the interval would be narrow enough to tell.",
                                 with_separators(static_cast<std::uint64_t>(to_two_digits(needed))))
                   : "It is so near to what may be lost that few more will not tell.",
          ""};
}

/// Where most of the time goes, if something is to be done about it.
std::optional<Advice> faster(const NetworkReport& report) {
  const NetworkModel& model = report.judged();
  for (const LayerReport& layer : model.layers) {
    if (model.time.ns <= 0 || layer.time.ns < kMuchTime * model.time.ns) continue;
    const double share = layer.time.ns / model.time.ns * 100;
    if (layer.kernel.find("reference") != std::string::npos || layer.kernel.ends_with("scalar"))
      return Advice{
          fmt::format("Choose another scheme for {}.", layer.name),
          fmt::format("It takes {:.0f} % of the time: {} runs on the plain loops of {}. lowbit schemes "
                      "shows which schemes have a fast kernel here.",
                      share, layer.scheme, layer.kernel),
          "lowbit schemes"};
    if (!layer.fallback.empty())
      return Advice{fmt::format("Look at {}, which stayed fp32.", layer.name),
                    fmt::format("It takes {:.0f} % of the time. The reason: {}.", share, layer.fallback), ""};
  }
  return std::nullopt;
}

std::optional<Advice> fewer_bits(const NetworkReport& report) {
  const NetworkModel& model = report.judged();
  // Of those that are worth it, the one that hurts least for its bytes.
  const LayerReport* best = nullptr;
  const auto price = [&](const LayerReport& layer) { return layer.damage / weight_share(report, layer); };
  for (const LayerReport& layer : model.layers)
    if (layer.has_weights && layer.damage < 0.1 && weight_share(report, layer) >= 0.1 &&
        (!best || price(layer) < price(*best)))
      best = &layer;
  if (!best || model.bits < 3.5) return std::nullopt;
  return Advice{"If it is to be smaller, try fewer bits.",
                fmt::format("{} has {:.0f} % of the bytes and does {:.0f} % of the damage.", best->name,
                            weight_share(report, *best) * 100, best->damage * 100),
                report.quantize_command.empty()
                    ? ""
                    : fmt::format("{} --override {}", report.quantize_command,
                                  shell_word(fmt::format("{}=int{}", best->name, model.bits > 6 ? 4 : 3)))};
}

/// The smallest of the other networks that are good enough.
std::optional<Advice> take_another(const NetworkReport& report) {
  const NetworkModel* best = nullptr;
  for (std::size_t i = 0; i < report.models.size(); ++i) {
    if (i == report.subject || i == report.reference) continue;
    if (judge(report, i).kind == Verdict::Kind::good && (!best || report.models[i].bytes < best->bytes))
      best = &report.models[i];
  }
  if (!best) return std::nullopt;
  return Advice{fmt::format("Or take {}.", best->name),
                fmt::format("It is good enough, with {} and {} an image.", size_text(best->bytes),
                            time_text(best->time.ns)),
                ""};
}

}  // namespace

std::string size_text(std::uint64_t bytes) {
  const auto size = static_cast<double>(bytes);
  if (size >= 1e6) return fmt::format("{:.2f} MB", size * 1e-6);
  if (size >= 1e5) return fmt::format("{:.0f} kB", size * 1e-3);
  return size >= 1e3 ? fmt::format("{:.1f} kB", size * 1e-3) : fmt::format("{} B", bytes);
}

std::string time_text(double ns) {
  if (ns >= 1e8) return fmt::format("{:.0f} ms", ns * 1e-6);
  if (ns >= 1e5) return fmt::format("{:.2f} ms", ns * 1e-6);
  return fmt::format("{:.1f} \u00b5s", ns * 1e-3);
}

std::string speed_text(double reference_ns, double ns) {
  if (reference_ns <= 0 || ns <= 0) return kUnknown;
  const double ratio = reference_ns / ns;
  if (std::abs(ratio - 1) < 0.02) return "as fast";
  return ratio > 1 ? fmt::format("{:.2f}\u00d7 faster", ratio)
                   : fmt::format("{:.2f}\u00d7 slower", 1 / ratio);
}

std::string points_text(double points) {
  const double rounded = std::nearbyint(points * 100) / 100;
  return rounded < 0 ? fmt::format("\u2212{:.2f}", -rounded) : fmt::format("+{:.2f}", std::abs(rounded));
}

Verdict judge(const NetworkReport& report) {
  return judge(report, report.subject);
}

Verdict judge(const NetworkReport& report, std::size_t index) {
  const NetworkModel& model = report.models[index];
  Verdict verdict;
  const std::int64_t lost = report.has_labels ? model.lost : report.images - model.agree;
  const std::int64_t won = report.has_labels ? model.won : 0;
  if (report.images > 0)
    verdict.points = static_cast<double>(won - lost) / static_cast<double>(report.images) * 100;
  const Interval parts = paired_difference(lost, won, report.images);
  verdict.interval = {parts.low * 100, parts.high * 100};
  if (report.has_labels) verdict.p = mcnemar_p(lost, won);
  verdict.kind = verdict.interval.low >= -report.max_drop   ? Verdict::Kind::good
                 : verdict.interval.high < -report.max_drop ? Verdict::Kind::bad
                                                            : Verdict::Kind::unclear;
  verdict.headline = verdict.kind == Verdict::Kind::good  ? "Good enough."
                     : verdict.kind == Verdict::Kind::bad ? "Not good enough."
                     : verdict.points >= -report.max_drop
                         ? "Probably good enough: too few images to be sure."
                         : "Probably not good enough: too few images to be sure.";
  verdict.sentence = judged_sentence(report, model, verdict);
  return verdict;
}

std::vector<std::size_t> worst_layers(const NetworkReport& report, std::size_t most, double least) {
  const std::vector<LayerReport>& layers = report.judged().layers;
  std::vector<std::size_t> order;
  for (std::size_t i = 0; i < layers.size(); ++i)
    if (layers[i].damage >= least) order.push_back(i);
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return layers[a].damage > layers[b].damage; });
  if (order.size() > most) order.resize(most);
  return order;
}

std::string damage_sentence(const NetworkReport& report) {
  const std::vector<LayerReport>& layers = report.judged().layers;
  const std::vector<std::size_t> worst = worst_layers(report, 3, 1e-9);
  if (worst.empty()) return {};
  if (layers[worst[0]].damage < 0.15)
    return fmt::format("No single layer: the most that one does is {:.0f} % of the damage ({}).",
                       layers[worst[0]].damage * 100, layers[worst[0]].name);
  return fmt::format("{} does {:.0f} % of the damage.", layers[worst[0]].name, layers[worst[0]].damage * 100);
}

std::vector<Advice> advise(const NetworkReport& report) {
  const Verdict verdict = judge(report);
  std::vector<Advice> all;
  const auto add = [&](std::optional<Advice> advice) {
    if (advice) all.push_back(std::move(*advice));
  };
  if (verdict.kind == Verdict::Kind::good) {
    all.push_back({"Use it.", "",
                   "lowbit run " +
                       shell_word(report.judged().path.empty() ? "net.lowbit" : report.judged().path) +
                       " --input x.npy --output y.npy"});
    add(faster(report));
    add(fewer_bits(report));
    return all;
  }
  if (verdict.kind == Verdict::Kind::unclear) {
    all.push_back(more_images(report, verdict));
    add(take_another(report));
  }
  if (verdict.points >= -report.max_drop) {
    add(faster(report));
    return all;
  }
  add(recover_more(report));
  add(lift_layers(report));
  if (verdict.kind == Verdict::Kind::bad) add(take_another(report));
  add(faster(report));
  if (all.empty())
    all.push_back({"Use more bits.",
                   "The damage is spread over the layers, and nothing else is left to try here.",
                   "lowbit schemes"});
  return all;
}

}  // namespace lowbit::report
