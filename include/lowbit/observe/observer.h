// The observer concept and AnyObserver. An observer is a value: copy it to start afresh, merge copies that
// saw parts of a stream. It skips non-finite values and counts them.
#pragma once

#include <concepts>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "lowbit/core/qparams.h"

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
  /// Throws Error(invalid_argument) when `other` holds another type.
  void merge(const AnyObserver& other) { self_->merge(*other.self_); }
  Range range(IntRange codes) const { return self_->range(codes); }

 private:
  struct Base {
    virtual ~Base() = default;
    virtual std::unique_ptr<Base> clone() const = 0;
    virtual void observe(std::span<const float> x) = 0;
    virtual void merge(const Base& other) = 0;
    virtual Range range(IntRange codes) const = 0;
  };
  [[noreturn]] static void refuse_merge();
  template <class O>
  struct Model final : Base {
    explicit Model(O v) : value(std::move(v)) {}
    std::unique_ptr<Base> clone() const override { return std::make_unique<Model>(value); }
    void observe(std::span<const float> x) override { value.observe(x); }
    void merge(const Base& other) override {
      const auto* same = dynamic_cast<const Model*>(&other);
      if (!same) refuse_merge();
      value.merge(same->value);
    }
    Range range(IntRange codes) const override { return value.range(codes); }
    O value;
  };
  std::unique_ptr<Base> self_;
};

/// "minmax" or "histogram" (MSE clip search). Throws Error(invalid_argument) naming the known ones.
AnyObserver make_observer(std::string_view name);

}  // namespace lowbit
