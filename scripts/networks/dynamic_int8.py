# SPDX-License-Identifier: Apache-2.0
"""Products with constant weights on int8 codes of both sides, the activations' ranges taken from each tensor at run
time: the graph that dynamic quantizers for ONNX write (DynamicQuantizeLinear, MatMulInteger, Cast, Mul), which runtimes
recognise. Weights are symmetric, one scale each."""
import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper


def quantized(weights):
    scale = np.float32(np.abs(weights).max() / 127)
    return np.clip(np.round(weights / scale), -127, 127).astype(np.int8), scale


def nodes_of_product(node, scale_name):
    """The value of a product in codes, as float."""
    x, weights = node.input[:2]
    p = node.output[0]
    return [
        helper.make_node("DynamicQuantizeLinear", [x], [p + "/codes", p + "/scale", p + "/zero"]),
        helper.make_node("MatMulInteger", [p + "/codes", weights, p + "/zero"], [p + "/sums"]),
        helper.make_node("Cast", [p + "/sums"], [p + "/reals"], to=TensorProto.FLOAT),
        helper.make_node("Mul", [p + "/scale", scale_name], [p + "/factor"]),
        helper.make_node("Mul", [p + "/reals", p + "/factor"], [p]),
    ]


def dynamic_int8(model):
    """A copy of the model whose MatMul nodes with constant matrices are quantized."""
    result = onnx.ModelProto()
    result.CopyFrom(model)
    graph = result.graph
    weights = {w.name: w for w in graph.initializer}
    products = {n.input[1] for n in graph.node if n.op_type == "MatMul" and n.input[1] in weights
                and len(weights[n.input[1]].dims) == 2}
    for name in products:
        codes, scale = quantized(numpy_helper.to_array(weights[name]))
        weights[name].CopyFrom(numpy_helper.from_array(codes, name))
        graph.initializer.append(numpy_helper.from_array(np.array([scale]), name + "/scale"))
    nodes, shared = [], {}
    for node in graph.node:
        if node.op_type != "MatMul" or node.input[1] not in products:
            nodes.append(node)
            continue
        made = nodes_of_product(node, node.input[1] + "/scale")
        # Products of one tensor share its codes.
        codes = shared.setdefault(node.input[0], made[0].output)
        if codes is not made[0].output:
            made[1].input[0], made[1].input[2], made[3].input[0] = codes[0], codes[2], codes[1]
            del made[0]
        nodes.extend(made)
    del graph.node[:]
    graph.node.extend(nodes)
    return result
