# SPDX-License-Identifier: Apache-2.0
"""Writes ONNX graphs node by node, in the forms that PyTorch's exporter gives them: shapes computed by Shape, Gather,
Unsqueeze and Concat, Linear as MatMul and Add, indices in Constant nodes, weights in initializers, names by scope."""
import contextlib

import numpy as np
from onnx import TensorProto, helper, numpy_helper

TYPES = {"float32": TensorProto.FLOAT, "int64": TensorProto.INT64}


class Builder:
    def __init__(self, name, opset, seed=1):
        self.name, self.opset = name, opset
        self.nodes, self.initializers, self.inputs, self.outputs = [], [], [], []
        self.random = np.random.default_rng(seed)
        self.path, self.used = [], {}

    # Names and parts.

    @contextlib.contextmanager
    def scope(self, name):
        self.path.append(name)
        yield self
        self.path.pop()

    def unique(self, name):
        name = "/".join(["", *self.path, name])
        count = self.used.get(name, 0)
        self.used[name] = count + 1
        return f"{name}_{count}" if count else name

    def input(self, name, dims, kind="float32"):
        self.inputs.append(helper.make_tensor_value_info(name, TYPES[kind], dims))
        return name

    def output(self, value, name, dims, kind="float32"):
        """The exporter renames the value itself."""
        for node in self.nodes:
            for names in (node.input, node.output):
                names[:] = [name if n == value else n for n in names]
        self.outputs.append(helper.make_tensor_value_info(name, TYPES[kind], dims))

    def node(self, op, inputs, outputs=1, **attributes):
        name = self.unique(op)
        results = [f"{name}_output_{i}" for i in range(outputs)]
        self.nodes.append(helper.make_node(op, inputs, results, name, **attributes))
        return results[0] if outputs == 1 else results

    def weight(self, array):
        name = f"onnx::weight_{len(self.initializers)}"
        self.initializers.append(numpy_helper.from_array(np.ascontiguousarray(array), name))
        return name

    def normal(self, shape, scale=1.0):
        return self.weight((self.random.standard_normal(shape) * scale).astype(np.float32))

    def constant(self, value, kind=np.int64):
        return self.node("Constant", [], value=numpy_helper.from_array(np.asarray(value, kind)))

    def number(self, value):
        return self.constant(value, np.float32)

    def model(self):
        graph = helper.make_graph(self.nodes, self.name, self.inputs, self.outputs, self.initializers)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", self.opset)],
                                  producer_name="lowbit")
        model.ir_version = 8
        return model

    # Arithmetic on shapes.

    def dim(self, x, axis):
        return self.node("Gather", [self.node("Shape", [x]), self.constant(axis)], axis=0)

    def unsqueeze(self, x, *axes):
        if self.opset < 13:
            return self.node("Unsqueeze", [x], axes=list(axes))
        return self.node("Unsqueeze", [x, self.constant(list(axes))])

    def shape(self, dims):
        """A vector of integers and of scalars that are computed."""
        if all(isinstance(d, int) for d in dims):
            return self.constant(dims)
        parts = [self.constant([d]) if isinstance(d, int) else self.unsqueeze(d, 0) for d in dims]
        return self.node("Concat", parts, axis=0)

    def reshape(self, x, dims):
        return self.node("Reshape", [x, self.shape(dims)])

    def expand(self, x, dims):
        """Sizes of -1 stay as they are: the exporter says so by Equal and Where on the shape."""
        shape = self.node("Reshape", [self.shape(dims), self.constant([-1])])
        if all(isinstance(d, int) and d >= 0 for d in dims):
            return self.node("Expand", [x, shape])
        ones = self.node("ConstantOfShape", [self.node("Shape", [shape])],
                         value=numpy_helper.from_array(np.array([1], np.int64)))
        open_sizes = self.node("Equal", [shape, self.node("Mul", [ones, self.constant(-1)])])
        return self.node("Expand", [x, self.node("Where", [open_sizes, ones, shape])])

    def transpose(self, x, *perm):
        return self.node("Transpose", [x], perm=list(perm))

    def slice(self, x, axis, start, end, step=1):
        ends = [start, end]
        ends = [self.constant([e]) if isinstance(e, int) else self.unsqueeze(e, 0) for e in ends]
        return self.node("Slice", [x, *ends, self.constant([axis]), self.constant([step])])

    def gather(self, x, index, axis):
        return self.node("Gather", [x, self.constant(index)], axis=axis)

    def cast(self, x, to):
        return self.node("Cast", [x], to=to)

    def split(self, x, sizes, axis):
        return self.node("Split", [x, self.constant(sizes)], len(sizes), axis=axis)

    # Layers.

    def linear(self, x, inputs, outputs, bias=True):
        y = self.node("MatMul", [x, self.normal((inputs, outputs), inputs ** -0.5)])
        return self.node("Add", [self.normal(outputs, 0.1), y]) if bias else y

    def gemm(self, x, inputs, outputs):
        """A Linear on matrices."""
        weights = self.normal((outputs, inputs), inputs ** -0.5)
        return self.node("Gemm", [x, weights, self.normal(outputs, 0.1)], alpha=1.0, beta=1.0, transB=1)

    def embedding(self, ids, count, size):
        return self.node("Gather", [self.normal((count, size)), ids])

    def conv(self, x, inputs, outputs, kernel, stride=1, groups=1, bias=True, gain=1.5, dims=2):
        """`gain` is what keeps sums at about 1: more than that after an activation, which takes half of them away."""
        fan_in = inputs // groups * kernel ** dims
        parts = [x, self.normal((outputs, inputs // groups) + (kernel,) * dims, gain * fan_in ** -0.5)]
        if bias:
            parts.append(self.normal(outputs, 0.2))
        return self.node("Conv", parts, dilations=[1] * dims, group=groups, kernel_shape=[kernel] * dims,
                         pads=[(kernel - 1) // 2] * 2 * dims, strides=[stride] * dims)

    def batch_norm(self, x, channels):
        r = self.random
        parts = [1 + 0.1 * r.standard_normal(channels), 0.1 * r.standard_normal(channels),
                 0.1 * r.standard_normal(channels), 0.5 + r.random(channels)]
        return self.node("BatchNormalization", [x, *(self.weight(p.astype(np.float32)) for p in parts)],
                         epsilon=1e-5, momentum=0.9)

    def layer_norm(self, x, size, epsilon=1e-5):
        """One operator since opset 17."""
        weight = self.weight((1 + 0.1 * self.random.standard_normal(size)).astype(np.float32))
        bias = self.normal(size, 0.1)
        if self.opset >= 17:
            return self.node("LayerNormalization", [x, weight, bias], axis=-1, epsilon=epsilon)
        centred = self.node("Sub", [x, self.node("ReduceMean", [x], axes=[-1])])
        variance = self.node("ReduceMean", [self.node("Pow", [centred, self.number(2)])], axes=[-1])
        deviation = self.node("Sqrt", [self.node("Add", [variance, self.number(epsilon)])])
        return self.node("Add", [self.node("Mul", [self.node("Div", [centred, deviation]), weight]), bias])

    def gelu(self, x):
        erf = self.node("Erf", [self.node("Div", [x, self.number(2 ** 0.5)])])
        return self.node("Mul", [self.node("Mul", [x, self.node("Add", [erf, self.number(1)])]), self.number(0.5)])

    def silu(self, x):
        return self.node("Mul", [x, self.node("Sigmoid", [x])])
