// SPDX-License-Identifier: Apache-2.0
// The observer concept, its refinements, and AnyObserver. An observer is a value: copy it to start afresh,
// merge copies that saw parts of a stream. It skips non-finite values and counts them. Three members are
// optional: one that is told the number of a batch, two that save and restore what was seen, and one that
// shows the distribution.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "lowbit/core/config.h"
#include "lowbit/core/qparams.h"
#include "lowbit/observe/float_histogram.h"

namespace lowbit {

/// `observe` takes a piece of the stream; `merge` what another one saw; `range` chooses the clip range for
/// codes in `codes` (an MSE search depends on how many there are). An observer that saw nothing finite
/// reports {0, 0}.
template <class O>
concept Observer = std::copyable<O> &&
    requires(O& o, const O& other, std::span<const float> x, IntRange codes) {
  o.observe(x);
  o.merge(other);
  { other.range(codes) } -> std::same_as<Range>;
};

/// An observer whose result depends on where batches end, or on their order: it is told the batch's number in
/// the whole stream, so that parts may come in any order. A batch may come in pieces. Without a number, what
/// is given is the batch after the last.
template <class O>
concept BatchObserver = Observer<O> && requires(O& o, std::span<const float> x, std::uint64_t batch) {
  o.observe(x, batch);
};

/// An observer whose state can be stored and merged elsewhere, as the shards of a calibration are.
/// Observers that saw the same values have the same bytes. `set_state` replaces what was seen, keeps options,
/// and throws Error(corrupt_file) for bytes that `state` of the same type and options does not make.
template <class O>
concept PersistentObserver = Observer<O> && requires(O& o, const O& saved, std::span<const std::byte> bytes) {
  { saved.state() } -> std::same_as<std::vector<std::byte>>;
  o.set_state(bytes);
};

/// An observer that keeps the whole distribution.
template <class O>
concept DistributionObserver = Observer<O> && requires(const O& o) {
  { o.distribution() } -> std::same_as<const FloatHistogram&>;
};

/// An observer of any type, as a value.
class AnyObserver {
 public:
  template <class O>
  requires(!std::same_as<O, AnyObserver> && Observer<O>) AnyObserver(O o)
      : self_(std::make_unique<Model<O>>(std::move(o))) {}  // implicit by design
  AnyObserver(const AnyObserver& o) : self_(o.self_->clone()) {}
  AnyObserver(AnyObserver&&) noexcept = default;
  AnyObserver& operator=(AnyObserver o) noexcept {
    self_ = std::move(o.self_);
    return *this;
  }

  void observe(std::span<const float> x) { self_->observe(x); }
  /// An observer that is no BatchObserver is not told the number.
  void observe(std::span<const float> x, std::uint64_t batch) { self_->observe(x, batch); }
  /// Throws Error(invalid_argument) when `other` holds another type or other options. Batches are the same
  /// where their numbers are, whoever saw them: of a BatchObserver, merge parts that were told numbers.
  void merge(const AnyObserver& other) { self_->merge(*other.self_); }
  Range range(IntRange codes) const { return self_->range(codes); }
  /// Throw Error(unsupported) when the observer is no PersistentObserver; set_state as that does.
  std::vector<std::byte> state() const { return self_->state(); }
  void set_state(std::span<const std::byte> bytes) { self_->set_state(bytes); }
  /// Null when the observer is no DistributionObserver. Lives as long as this observer is not changed.
  const FloatHistogram* distribution() const { return self_->distribution(); }

 private:
  struct Base {
    virtual ~Base() = default;
    virtual std::unique_ptr<Base> clone() const = 0;
    virtual void observe(std::span<const float> x) = 0;
    virtual void observe(std::span<const float> x, std::uint64_t batch) = 0;
    virtual const void* type() const = 0;  // equal for equal types: works without run-time type information
    virtual void merge(const Base& other) = 0;
    virtual Range range(IntRange codes) const = 0;
    virtual std::vector<std::byte> state() const = 0;
    virtual void set_state(std::span<const std::byte> bytes) = 0;
    virtual const FloatHistogram* distribution() const = 0;
  };
  [[noreturn]] static void refuse_merge();
  [[noreturn]] static void refuse_state();
  template <class O>
  struct Model final : Base {
    explicit Model(O v) : value(std::move(v)) {}
    std::unique_ptr<Base> clone() const override { return std::make_unique<Model>(value); }
    void observe(std::span<const float> x) override { value.observe(x); }
    void observe(std::span<const float> x, std::uint64_t batch) override {
      if constexpr (BatchObserver<O>)
        value.observe(x, batch);
      else
        value.observe(x);
    }
    const void* type() const override { return &type_of_value; }
    void merge(const Base& other) override {
      if (other.type() != type()) refuse_merge();
      value.merge(static_cast<const Model&>(other).value);
    }
    Range range(IntRange codes) const override { return value.range(codes); }
    std::vector<std::byte> state() const override {
      if constexpr (PersistentObserver<O>)
        return value.state();
      else
        refuse_state();
    }
    void set_state(std::span<const std::byte> bytes) override {
      if constexpr (PersistentObserver<O>)
        value.set_state(bytes);
      else
        refuse_state();
    }
    const FloatHistogram* distribution() const override {
      if constexpr (DistributionObserver<O>)
        return &value.distribution();
      else
        return nullptr;
    }
    O value;
    static inline char type_of_value = 0;  // its address is the type
  };
  std::unique_ptr<Base> self_;
};

/// By name: one of known_observers(), or a percentile of any other percentage, as "p99.5" or
/// "p99.5-one-sided". docs/calibration.md says what each does. Throws Error(invalid_argument) naming the
/// known ones.
AnyObserver make_observer(std::string_view name);
std::vector<std::string> known_observers();

}  // namespace lowbit

#ifdef LOWBIT_HEADER_ONLY
#include "lowbit/observe/observer-inl.h"
#endif
