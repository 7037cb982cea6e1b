# SPDX-License-Identifier: Apache-2.0
"""Recurrent networks: taggers of two bidirectional layers, LSTM (Hochreiter and Schmidhuber 1997) and GRU (Cho et al.
2014), and one that hands its state on from call to call."""
import numpy as np
from onnx import numpy_helper

from networks.builder import Builder

GATES = {"LSTM": 4, "GRU": 3}


def recurrent(b, kind, x, inputs, size, directions, states):
    """`x` and the result are sequence x batch x features. Returns the last states too."""
    gates, scale = GATES[kind] * size, size ** -0.5
    weights = [b.normal((directions, gates, inputs), scale), b.normal((directions, gates, size), scale),
               b.normal((directions, 2 * gates), 0.1)]
    attributes = {"hidden_size": size}
    if directions == 2:
        attributes["direction"] = "bidirectional"
    if kind == "GRU":
        attributes["linear_before_reset"] = 1
    y, *last = b.node(kind, [x, *weights, "", *states], 1 + len(states), **attributes)
    if directions == 1:
        return b.node("Squeeze", [y, b.constant([1])]), last
    y = b.transpose(y, 0, 2, 1, 3)
    return b.node("Reshape", [y, b.constant([0, 0, -1])]), last


def zero_state(b, x, directions, size):
    shape = b.shape([directions, b.dim(x, 1), size])
    return b.node("ConstantOfShape", [shape], value=numpy_helper.from_array(np.zeros(1, np.float32)))


def tagger(name, opset, kind, vocabulary, width, size, tags):
    """A row of tags for each token, and what the whole sequence is, from the last states."""
    b = Builder(name, opset)
    ids = b.input("tokens", ["batch", "sequence"], "int64")
    x, inputs = b.transpose(b.embedding(ids, vocabulary, width), 1, 0, 2), width
    for i in range(2):
        with b.scope(f"layer.{i}"):
            states = [zero_state(b, x, 2, size) for _ in range(2 if kind == "LSTM" else 1)]
            x, last = recurrent(b, kind, x, inputs, size, 2, states)
            inputs = 2 * size
    logits = b.linear(b.transpose(x, 1, 0, 2), 2 * size, tags)
    both = b.node("Concat", [b.gather(last[0], 0, 0), b.gather(last[0], 1, 0)], axis=1)
    b.output(logits, "logits", ["batch", "sequence", tags])
    b.output(b.gemm(both, 2 * size, 8), "summary", ["batch", 8])
    return b.model()


def streaming_lstm(name, opset, features, size, classes):
    """State in and out: h and c are inputs, and outputs of the same names with an n."""
    b = Builder(name, opset)
    x = b.input("frames", ["sequence", "batch", features])
    states = [b.input(s, [1, "batch", size]) for s in ("h", "c")]
    y, last = recurrent(b, "LSTM", x, features, size, 1, states)
    b.output(b.node("Softmax", [b.linear(y, size, classes)], axis=-1), "probabilities",
             ["sequence", "batch", classes])
    for s, value in zip(("hn", "cn"), last):
        b.output(value, s, [1, "batch", size])
    return b.model()
