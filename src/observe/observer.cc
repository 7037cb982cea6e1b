#include "lowbit/observe/observer.h"

#include <fmt/format.h>

#include "lowbit/core/error.h"
#include "lowbit/observe/histogram.h"
#include "lowbit/observe/minmax.h"

namespace lowbit {

void AnyObserver::refuse_merge() {
  throw Error(ErrorCode::invalid_argument, "observers of different types cannot be merged");
}

void AnyObserver::refuse_state() {
  throw Error(ErrorCode::unsupported,
              "this observer cannot be stored: it has no state() and set_state() of its own");
}

AnyObserver make_observer(std::string_view name) {
  if (name == "minmax") return MinMax{};
  if (name == "histogram") return Histogram{};
  throw Error(ErrorCode::invalid_argument,
              fmt::format("unknown observer '{}'; known are 'minmax' and 'histogram'", name.substr(0, 80)));
}

}  // namespace lowbit
