// SPDX-License-Identifier: Apache-2.0
// The grammar of schemes.
#include "lowbit/core/detail/scheme_nearest-inl.h"
#include "lowbit/core/detail/scheme_support-inl.h"
#include "lowbit/core/detail/scheme_tokens-inl.h"
#include "lowbit/core/scheme-inl.h"
