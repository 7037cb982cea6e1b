// SPDX-License-Identifier: Apache-2.0
// Emptying a container so that its memory is free, too: `v = {}` calls the assignment of a list, which keeps
// it.
#pragma once

namespace lowbit {

template <class Container>
void free_memory(Container& container) {
  Container().swap(container);
}

}  // namespace lowbit
