// SPDX-License-Identifier: Apache-2.0
// The generator and the hash of golden inputs and results, by the names that tests use.
#pragma once

#include "core/random.h"

namespace lowbit::testing {

using detail::fnv1a;
using detail::Random;

}  // namespace lowbit::testing
