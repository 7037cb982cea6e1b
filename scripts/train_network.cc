// SPDX-License-Identifier: Apache-2.0
#include "train_network.h"

namespace lowbit::train {

Activation Network::forward(const Activation& x, bool training) {
  Activation y = pool_.forward(stem_relu_.forward(stem.forward(x, training)));
  const Activation skip = widen_relu_.forward(widen.forward(y, training));
  y = block2.forward(block1_relu_.forward(block1.forward(skip, training)), training);
  y.values += skip.values;
  y = down_relu_.forward(down.forward(block2_relu_.forward(std::move(y)), training));
  return head.forward(average_.forward(y));
}

void Network::backward(const Activation& gradient) {
  Activation g = down.backward(down_relu_.backward(average_.backward(head.backward(gradient))));
  g = block2_relu_.backward(std::move(g));
  Activation inner = block1.backward(block1_relu_.backward(block2.backward(g)));
  g.values += inner.values;
  g = widen.backward(widen_relu_.backward(std::move(g)));
  stem.backward(stem_relu_.backward(pool_.backward(g)));
}

std::vector<Parameter*> Network::parameters() {
  std::vector<Parameter*> all;
  for (ConvNorm* c : {&stem, &widen, &block1, &block2, &down})
    all.insert(all.end(), {&c->conv.weight, &c->norm.gamma, &c->norm.beta});
  all.insert(all.end(), {&head.weight, &head.bias});
  return all;
}

}  // namespace lowbit::train
