// SPDX-License-Identifier: Apache-2.0
// Samples from a .csv file: a line each, numbers in columns that have names, one of them a label.
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <utility>

#include "data/csv_file.h"
#include "data/dataset_files.h"
#include "data/labelled_dataset.h"
#include "lowbit/core/error.h"

namespace lowbit::data {
namespace {

[[noreturn]] void refuse_field(const CsvFile& file, std::size_t column, const std::string& text,
                               const char* wanted) {
  throw Error(ErrorCode::corrupt_file, fmt::format("{}: \"{}\" is not {}", file.place(column), text, wanted));
}

template <class T>
T parse(const CsvFile& file, std::size_t column, const std::string& text, const char* wanted) {
  const char* first = text.data() + (text.size() > 1 && text[0] == '+' && text[1] != '-');
  const char* end = text.data() + text.size();
  T value{};
  const auto result = std::from_chars(first, end, value);
  if (result.ec != std::errc() || result.ptr != end) refuse_field(file, column, text, wanted);
  return value;
}

/// Which column has the labels, or as many as there are columns.
std::size_t label_column(const CsvFile& file, const std::string& wanted, std::int64_t elements) {
  const std::vector<std::string>& columns = file.columns();
  if (!wanted.empty()) {
    const auto at = std::find(columns.begin(), columns.end(), wanted);
    if (at == columns.end())
      throw Error(ErrorCode::not_found,
                  fmt::format("{} has no column '{}', which --labels names", file.path(), wanted));
    return static_cast<std::size_t>(at - columns.begin());
  }
  return static_cast<std::int64_t>(columns.size()) == elements + 1 ? columns.size() - 1 : columns.size();
}

class CsvDataset final : public LabelledDataset {
 public:
  CsvDataset(CsvFile file, const std::string& labels, const arrays::ArrayType& type)
      : values_({type.element, Shape{0}}), elements_(type.shape.elements()) {
    const std::size_t column = label_column(file, labels, elements_);
    const bool is_labelled = column < file.columns().size();
    const auto numbers = static_cast<std::int64_t>(file.columns().size()) - is_labelled;
    if (numbers != elements_)
      throw Error(ErrorCode::shape_mismatch,
                  fmt::format("{} has {} columns{}; the model takes {} numbers", file.path(), numbers,
                              is_labelled ? " besides the labels" : "", elements_));
    std::vector<std::int64_t> found;
    for (std::vector<std::string> fields; file.next(fields); ++count_)
      for (std::size_t i = 0; i < fields.size(); ++i) {
        if (i == column)
          found.push_back(parse<std::int64_t>(file, i, fields[i], "a label, a whole number"));
        else if (is_float(type.element))
          values_.floats.push_back(parse<float>(file, i, fields[i], "a number"));
        else
          values_.integers.push_back(parse<std::int64_t>(file, i, fields[i], "a whole number"));
      }
    if (count_ == 0)
      throw Error(ErrorCode::invalid_argument, fmt::format("{} has not one sample", file.path()));
    set_labels(std::move(found));
  }

  std::int64_t count() const override { return count_; }
  Shape sample_shape() const override { return {elements_}; }
  void read(std::int64_t index, std::span<float> out) const override {
    std::copy_n(values_.floats.begin() + index * elements_, elements_, out.begin());
  }
  void read_input(std::size_t /*input*/, std::int64_t index,
                  const arrays::MutableArrayView& out) const override {
    if (out.floats) return read(index, std::span(out.floats, static_cast<std::size_t>(elements_)));
    std::copy_n(values_.integers.begin() + index * elements_, elements_, out.integers);
  }

 private:
  arrays::Array values_;
  std::int64_t elements_, count_ = 0;
};

}  // namespace

std::unique_ptr<Dataset> open_csv(const OpenRequest& request) {
  return std::make_unique<CsvDataset>(CsvFile(request.spec.path), request.spec.labels_path,
                                      request.inputs[0].type);
}

}  // namespace lowbit::data
