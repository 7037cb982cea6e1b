// SPDX-License-Identifier: Apache-2.0
#include "report/training_page.h"

#include <fmt/format.h>

#include <algorithm>

#include "report/deployment_line.h"
#include "report/figures.h"
#include "report/html.h"
#include "report/svg.h"

namespace lowbit::report {
namespace {

using html::escaped;

std::string training_tile(const std::string& name, const std::string& value, const std::string& by) {
  return fmt::format(
      "<div class=\"tile\"><dt>{}</dt><dd><span class=\"big\">{}</span><span "
      "class=\"by\">{}</span></dd></div>\n",
      name, value, by);
}

std::string describe_epochs(const TrainingResult& r) {
  switch (r.end) {
    case TrainingEnd::stopped:
      return "stopped by the user";
    case TrainingEnd::no_progress:
      return "ended without progress";
    case TrainingEnd::diverged:
      return "ended where the loss was no number";
    case TrainingEnd::finished:
      break;
  }
  return "as asked for";
}

std::string tiles_of(const TrainingReport& report) {
  const TrainingResult& r = report.result;
  std::string text = "<dl class=\"tiles\">\n";
  text +=
      training_tile("held-out images right", percent(std::max(r.best_accuracy, 0.0)),
                    fmt::format("after epoch {}; {} before", r.best_epoch, percent(report.start_accuracy)));
  text += training_tile("epochs", fmt::format("{}", r.epochs), describe_epochs(r));
  if (!r.losses.empty())
    text += training_tile("loss", fmt::format("{:.4f}", r.losses.back()),
                          fmt::format("mean of the last epoch; {:.4f} in the first", r.losses.front()));
  if (report.deployed)
    text +=
        training_tile("answers otherwise in integers", fmt::format("{}", report.deployed->different_answers),
                      fmt::format("of {} held-out images", report.deployed->samples));
  return text + "</dl>\n";
}

/// A value for each epoch, the first one of epoch `first`; the best epoch is marked.
std::string curve(const std::vector<double>& values, std::int64_t first, std::int64_t best,
                  const std::string& name) {
  constexpr double kCurveWidth = 480, kHeight = 240, kLeft = 52, kTop = 24, kBottom = 196;
  const auto [low, high] = std::minmax_element(values.begin(), values.end());
  const std::int64_t last = first + static_cast<std::int64_t>(values.size()) - 1;
  const double margin = (*high - *low) * 0.05;
  const Scale x(0, static_cast<double>(std::max<std::int64_t>(last, 1)), kLeft, kCurveWidth - 12),
      y(*low - margin, *high + margin, kBottom, kTop);
  Svg svg(kCurveWidth, kHeight, fmt::format("{} of each epoch", name));
  // No more ticks than epochs: none lies between two.
  svg.x_axis(x, kTop, kBottom, static_cast<int>(std::clamp<std::int64_t>(last + 1, 2, 9)), "epochs");
  svg.y_axis(y, kLeft, kCurveWidth - 12, 6, name);
  std::vector<std::pair<double, double>> points;
  for (std::size_t i = 0; i < values.size(); ++i)
    points.emplace_back(x(static_cast<double>(first) + static_cast<double>(i)), y(values[i]));
  svg.path(points, "front");
  for (std::size_t i = 0; i < values.size(); ++i) {
    const std::int64_t epoch = first + static_cast<std::int64_t>(i);
    svg.circle(points[i].first, points[i].second, epoch == best ? 5 : 3, epoch == best ? "dot other" : "dot",
               fmt::format("epoch {}: {:.4f}{}", epoch, values[i], epoch == best ? ", kept" : ""));
  }
  return "<figure>" + svg.to_string() + "</figure>\n";
}

std::string curves(const TrainingReport& report) {
  const TrainingResult& r = report.result;
  if (r.losses.empty()) return {};
  std::vector<double> right{100 * report.start_accuracy};
  for (const double a : r.accuracies) right.push_back(100 * a);
  return "<section><h2>Epoch by epoch</h2>\n<p class=\"quiet\">The loss is the mean over the steps of an "
         "epoch, "
         "the accuracy that of the images that were held out, at its end. The larger mark is the epoch that "
         "was "
         "kept.</p>\n<div class=\"two\">\n" +
         curve(r.losses, 1, r.best_epoch, "loss") +
         curve(right, 0, r.best_epoch, "held-out images right, %") + "</div></section>\n";
}

std::string numbers_of(const TrainingReport& report) {
  const TrainingResult& r = report.result;
  std::string text =
      "<section><h2>The numbers</h2>\n<table><thead><tr><th class=\"left\" scope=\"col\">epoch</th><th "
      "scope=\"col\">loss</th><th scope=\"col\">held-out images right</th></tr></thead>\n<tbody>\n";
  for (std::size_t i = 0; i < r.losses.size(); ++i)
    text += fmt::format("<tr{}><th scope=\"row\">{}</th><td>{:.4f}</td><td>{}</td></tr>\n",
                        static_cast<std::int64_t>(i) + 1 == r.best_epoch ? " class=\"judged\"" : "", i + 1,
                        r.losses[i], percent(r.accuracies[i]));
  text += "</tbody></table></section>\n<section><h2>How</h2>\n<table><tbody>\n";
  for (const auto& [name, value] : report.options)
    text += fmt::format("<tr><th scope=\"row\">{}</th><td class=\"left\">{}</td></tr>\n", escaped(name),
                        escaped(value));
  return text + "</tbody></table></section>\n";
}

}  // namespace

std::string training_page(const TrainingReport& report) {
  const std::string title = fmt::format("{} trained as {}", report.model, report.scheme);
  std::string body = fmt::format(
      "<header><p class=\"kicker\">lowbit train</p><h1>{}</h1>\n<p class=\"quiet\">{} images of {}, {} held "
      "out; written to {}</p>\n{}</header>\n<main>\n",
      escaped(title), report.images, escaped(report.data), report.held_out, escaped(report.output),
      tiles_of(report));
  if (report.deployed) body += fmt::format("<p>{}.</p>\n", escaped(deployment_line(*report.deployed)));
  return html::page(title, body + curves(report) + numbers_of(report) + "</main>\n");
}

}  // namespace lowbit::report
