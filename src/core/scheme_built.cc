// Which part of the grammar this build can quantize with.
#include <fmt/format.h>

#include "core/scheme_names.h"
#include "lowbit/core/error.h"

namespace lowbit {
namespace {

// What is missing, or an empty string.
std::string missing_part(const Scheme& s) {
  if (s.is_fp32()) return "";
  if (s.weights != WeightKind::affine || s.bits < 2 || s.bits > 8) {
    const Scheme plain{.weights = s.weights, .bits = s.bits};
    return format_scheme(plain) + " weights";
  }
  if (s.granularity.kind == Granularity::Kind::group) {
    const std::uint32_t size = s.granularity.group_size;
    if (size < 4 || size > 65536 || size % 4 != 0)
      return fmt::format("groups of {} (a multiple of 4 from 4 to 65536 is)", size);
  }
  if (s.mapping == Mapping::asymmetric_real) return "real offsets (asymf)";
  if (s.clip == Clip::aciq) return "aciq clipping";
  if (s.clip == Clip::percentile) return "percentile clipping";
  if (s.activation_bits == 0) return "weight-only execution";
  if (s.activation_bits != 8) return fmt::format("{}-bit activations", s.activation_bits);
  return "";
}

}  // namespace

std::string why_not_built(const Scheme& scheme) {
  const std::string missing = missing_part(scheme);
  return missing.empty() ? ""
                         : fmt::format("scheme '{}' is not built yet: {}", format_scheme(scheme), missing);
}

void require_built(const Scheme& scheme) {
  const std::string reason = why_not_built(scheme);
  if (!reason.empty()) throw Error(ErrorCode::not_built, reason);
}

std::vector<Scheme> known_schemes() {
  std::vector<Scheme> schemes = {Scheme{}};
  for (const detail::WeightName& w : detail::weight_names()) {
    const Scheme plain{.weights = w.kind, .bits = w.bits};
    schemes.push_back(plain);
    if (w.kind != WeightKind::affine) continue;
    for (const char* tokens :
         {"tensor", "g32", "asym", "g32-asym", "mse", "asym-mse", "dynamic", "g32-asym-dynamic"})
      schemes.push_back(parse_scheme(fmt::format("{}-{}", w.name, tokens)));
  }
  return schemes;
}

}  // namespace lowbit
