# SPDX-License-Identifier: Apache-2.0
"""Damages an ONNX file in one of many ways, chosen by a random number generator: files that lie, as exporters, editors
and broken disks write them. Each mutation says what it did, or gives None where the file has nothing of its kind."""
import struct

import onnx
from onnx import AttributeProto, TensorProto, helper

# Sizes, axes and pads that are out of place.
ODD = (-3, -2, -1, 0, 1, 2, 3, 4, 5, 7, 16, 100, 65536, 2 ** 31 - 1, 2 ** 31, 2 ** 40, 2 ** 62, -2 ** 31, -2 ** 63)
MILD = (-2, -1, 0, 1, 2, 3, 4)
ODD_FLOATS = (0.0, -0.0, -1.0, 1.0, 0.5, 2.0, 1e-30, 1e30, -1e30, float("nan"), float("inf"), -float("inf"))

SIMILAR = (
    ("Add", "Sub", "Mul", "Div", "Pow", "Min", "Max", "Mod", "PRelu"),
    ("Relu", "Sigmoid", "Tanh", "HardSwish", "HardSigmoid", "Softplus", "Erf", "Sqrt", "Exp", "Log", "Neg", "Abs",
     "LeakyRelu", "Elu", "Selu", "Floor", "Ceil", "Round", "Reciprocal", "Sign", "Identity", "Clip", "Gelu", "Mish"),
    ("Conv", "ConvTranspose", "MaxPool", "AveragePool", "LpPool"),
    ("GlobalAveragePool", "GlobalMaxPool", "GlobalLpPool", "Identity"),
    ("ReduceMean", "ReduceSum", "ReduceMax", "ReduceMin", "ReduceL1", "ReduceL2", "ReduceProd", "ArgMax"),
    ("Softmax", "LogSoftmax", "Hardmax", "LpNormalization", "CumSum"),
    ("Gather", "GatherElements", "GatherND"),
    ("Squeeze", "Unsqueeze", "Reshape", "Flatten", "Expand", "Tile"),
    ("Equal", "Less", "Greater", "LessOrEqual", "And", "Or"),
    ("LSTM", "GRU", "RNN"),
    ("MatMul", "Gemm", "Add", "MatMulInteger"),
    ("BatchNormalization", "InstanceNormalization", "LayerNormalization"),
    ("Concat", "Sum", "Mean", "Max"),
    ("Slice", "Split", "Pad", "Transpose"),
)


def graphs(graph):
    """The graph and those inside of its nodes."""
    yield graph
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.HasField("g"):
                yield from graphs(attribute.g)


class Mutator:
    """Changes `model` in place. `r` is a random.Random."""

    def __init__(self, model, r):
        self.model, self.r = model, r
        self.graph = r.choice(list(graphs(model.graph)))

    # What is chosen.

    def node(self, which=lambda node: True):
        nodes = [n for n in self.graph.node if which(n)]
        return self.r.choice(nodes) if nodes else None

    def attribute(self, *types):
        of_type = [(n, a) for n in self.graph.node for a in n.attribute if not types or a.type in types]
        return self.r.choice(of_type) if of_type else (None, None)

    def number(self, old):
        if abs(old) >= 2 ** 61 or self.r.random() < 0.15:
            return self.r.choice(ODD)
        return self.r.choice((self.r.choice(MILD), self.r.choice(MILD), old + 1, old - 1, -old, 2 * old, old // 2))

    def fractional(self, old):
        return self.r.choice((self.r.choice(ODD_FLOATS), -old, old + 1, 2 * old))

    def value_name(self):
        """Of any value of the file."""
        names = [name for n in self.graph.node for name in (*n.input, *n.output) if name]
        names += [t.name for t in self.graph.initializer]
        return self.r.choice(names) if names else "x"

    def tensor(self, which=lambda tensor: True):
        tensors = [t for t in self.graph.initializer if which(t)]
        for n in self.graph.node:
            tensors += [a.t for a in n.attribute if a.type == AttributeProto.TENSOR and which(a.t)]
        return self.r.choice(tensors) if tensors else None

    def ints(self, numbers):
        """Changes a repeated field of integers."""
        kind = self.r.choice(("one",) * 6 + ("swap", "swap", "drop", "add", "clear"))
        if not numbers or kind == "add":
            numbers.insert(self.r.randint(0, len(numbers)), self.number(1))
        elif kind == "one":
            at = self.r.randrange(len(numbers))
            numbers[at] = self.number(numbers[at])
        elif kind == "drop":
            del numbers[self.r.randrange(len(numbers))]
        elif kind == "swap":
            values = list(numbers)
            self.r.shuffle(values)
            numbers[:] = values
        else:
            del numbers[:]
        return str(list(numbers))[:60]

    # Attributes.

    def attribute_value(self):
        node, a = self.attribute(AttributeProto.INT, AttributeProto.INTS, AttributeProto.FLOAT, AttributeProto.STRING)
        if not a:
            return None
        if a.type == AttributeProto.INT:
            a.i = self.number(a.i)
        elif a.type == AttributeProto.INTS:
            self.ints(a.ints)
        elif a.type == AttributeProto.FLOAT:
            a.f = self.fractional(a.f) if abs(a.f) < 1e30 else 0.0
        else:
            a.s = self.r.choice((b"", b"SAME_UPPER", b"SAME_LOWER", b"VALID", b"linear", b"nearest", b"cubic", b"half_pixel",
                                 b"align_corners", b"reverse", b"bidirectional", b"reflect", b"edge", b"tanh", a.s + b"x",
                                 a.s.lower(), a.s.upper()))
        return f"{node.op_type}.{a.name} has another value"

    def attribute_dropped(self):
        node, a = self.attribute()
        if not a:
            return None
        name = a.name
        node.attribute.remove(a)
        return f"{node.op_type}.{name} is dropped"

    def attribute_renamed(self):
        node, a = self.attribute()
        if not a:
            return None
        old = a.name
        a.name = self.r.choice((old[:-1], old + "s", old.upper(), "", "axis", "axes", "alpha", old[1:] + old[:1]))
        return f"{node.op_type}.{old} is called '{a.name}'"

    def attribute_type(self):
        node, a = self.attribute()
        if not a:
            return None
        old = a.type
        a.type = self.r.choice([t for t in range(0, 12) if t != old])
        if self.r.random() < 0.5:  # and a value of the new type
            if a.type == AttributeProto.FLOAT:
                a.f = float(a.i)
            elif a.type == AttributeProto.INTS:
                a.ints.append(a.i)
            elif a.type == AttributeProto.INT:
                a.i = a.ints[0] if a.ints else int(a.f) if abs(a.f) < 1e9 else 0
            elif a.type == AttributeProto.STRING:
                a.s = b"1"
        return f"{node.op_type}.{a.name} has the type {a.type}, not {old}"

    def attribute_added(self):
        node, given = self.node(), self.attribute()[1]
        if not given:
            return None
        if self.r.random() < 0.5:
            node.attribute.add().CopyFrom(given)
            return f"{node.op_type} gets {given.name} of another node"
        name, value = self.r.choice((("axis", 1), ("group", 2), ("alpha", 0.5), ("keepdims", 0), ("auto_pad", "SAME_UPPER"),
                                     ("dilations", [2, 2]), ("strides", [2, 2]), ("ceil_mode", 1), ("transB", 1),
                                     ("allowzero", 1), ("axes", [0]), ("pads", [1, 1, 1, 1]), ("perm", [0])))
        node.attribute.append(helper.make_attribute(name, value))
        return f"{node.op_type} gets {name} = {value}"

    # Nodes.

    def operator(self):
        node = self.node(lambda n: any(n.op_type in row for row in SIMILAR))
        if not node:
            return None
        old = node.op_type
        row = self.r.choice([row for row in SIMILAR if old in row])
        node.op_type = self.r.choice([op for op in row if op != old])
        if self.r.random() < 0.5:
            del node.attribute[:]
        return f"{old} is {node.op_type}"

    def operator_name(self):
        node = self.node()
        node.op_type, old = self.r.choice((node.op_type + "s", "", node.op_type.lower(), "Nothing")), node.op_type
        return f"{old} is '{node.op_type}'"

    def domain(self):
        node = self.node()
        node.domain = self.r.choice(("ai.onnx", "ai.onnx.ml", "com.microsoft", "x", "ai.onnx.training"))
        return f"{node.op_type} of the domain {node.domain}"

    def inputs_swapped(self):
        node = self.node(lambda n: len(n.input) > 1)
        if not node:
            return None
        names = list(node.input)
        a, b = self.r.sample(range(len(names)), 2)
        names[a], names[b] = names[b], names[a]
        node.input[:] = names
        return f"inputs {a} and {b} of {node.op_type} are swapped"

    def input_changed(self):
        node = self.node(lambda n: n.input)
        if not node:
            return None
        at = self.r.randrange(len(node.input))
        kind = self.r.choice(("dropped", "emptied", "doubled", "replaced", "replaced", "unknown", "added"))
        if kind == "dropped":
            del node.input[at]
        elif kind == "emptied":
            node.input[at] = ""
        elif kind == "doubled":
            node.input.insert(at, node.input[at])
        elif kind == "replaced":
            node.input[at] = self.value_name()
        elif kind == "unknown":
            node.input[at] += "?"
        else:
            node.input.append(self.value_name())
        return f"input {at} of {node.op_type} is {kind}"

    def output_changed(self):
        node = self.node(lambda n: n.output)
        if not node:
            return None
        at = self.r.randrange(len(node.output))
        kind = self.r.choice(("dropped", "emptied", "doubled", "renamed", "added", "taken"))
        if kind == "dropped":
            del node.output[at]
        elif kind == "emptied":
            node.output[at] = ""
        elif kind == "doubled":
            node.output.append(node.output[at])
        elif kind == "renamed":
            node.output[at] += "?"
        elif kind == "added":
            node.output.append(node.output[at] + "_more")
        else:
            node.output[at] = self.value_name()
        return f"output {at} of {node.op_type} is {kind}"

    def node_moved(self):
        nodes = list(self.graph.node)
        at = self.r.randrange(len(nodes))
        op, kind = nodes[at].op_type, self.r.choice(("removed", "bypassed", "doubled", "moved"))
        node = nodes.pop(at)
        if kind == "bypassed" and node.input and node.output:
            for other in nodes:
                other.input[:] = [node.input[0] if name == node.output[0] else name for name in other.input]
        elif kind == "doubled":
            copy = onnx.NodeProto()
            copy.CopyFrom(node)
            nodes[at:at] = [node, copy]
        elif kind == "moved":
            nodes.insert(self.r.randint(0, len(nodes)), node)
        copies = [n.SerializeToString() for n in nodes]
        del self.graph.node[:]
        for bytes_ in copies:
            self.graph.node.add().ParseFromString(bytes_)
        return f"{op} is {kind}"

    # Tensors.

    def tensor_dims(self):
        t = self.tensor()
        return t and f"{t.name} has the dims {self.ints(t.dims)}"

    def tensor_same_size(self):
        """Other dims for as many elements."""
        t = self.tensor(lambda tensor: len(tensor.dims) > 0)
        if not t:
            return None
        dims, kind = list(t.dims), self.r.choice(("swap", "flat", "one before", "one after", "split"))
        if kind == "swap":
            self.r.shuffle(dims)
        elif kind == "flat":
            size = 1
            for dim in dims:
                size *= dim
            dims = [size]
        elif kind == "one before":
            dims.insert(0, 1)
        elif kind == "one after":
            dims.append(1)
        elif dims[-1] % 2 == 0:
            dims[-1:] = [dims[-1] // 2, 2]
        t.dims[:] = dims
        return f"{t.name} has the dims {dims}, as many elements"

    def tensor_type(self):
        t = self.tensor()
        if not t:
            return None
        old, t.data_type = t.data_type, self.r.choice((0, 1, 2, 3, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 16, 17, 22, 99, t.data_type))
        return f"{t.name} has the type {t.data_type}, not {old}"

    def tensor_length(self):
        t = self.tensor(lambda tensor: tensor.raw_data)
        if not t:
            return None
        raw, count = t.raw_data, self.r.choice((1, 2, 4, 8, 64))
        t.raw_data = self.r.choice((raw[:-count], raw + raw[:count], raw + b"\0" * count, b"", raw[:len(raw) // 2], raw + raw))
        return f"{t.name} has {len(t.raw_data)} bytes, not {len(raw)}"

    def tensor_integers(self):
        """Shapes, axes, pads and the like."""
        t = self.tensor(lambda tensor: tensor.data_type in (TensorProto.INT64, TensorProto.INT32) and len(tensor.raw_data) <= 512)
        if not t:
            return None
        size = 8 if t.data_type == TensorProto.INT64 else 4
        fields = t.int64_data if size == 8 else t.int32_data
        values = [int.from_bytes(t.raw_data[i:i + size], "little", signed=True) for i in range(0, len(t.raw_data), size)]
        values = values or list(fields)
        if not values:
            return None
        at = self.r.randrange(len(values))
        values[at] = max(-2 ** (8 * size - 1), min(2 ** (8 * size - 1) - 1, self.number(values[at])))
        if t.raw_data:
            t.raw_data = b"".join(v.to_bytes(size, "little", signed=True) for v in values)
        else:
            fields[:] = values
        return f"{t.name} holds {str(values)[:60]}"

    def tensor_floats(self):
        t = self.tensor(lambda tensor: tensor.data_type == TensorProto.FLOAT and len(tensor.raw_data) >= 4)
        if not t:
            return None
        array = bytearray(t.raw_data)
        at = 4 * self.r.randrange(len(array) // 4)
        value = self.r.choice(ODD_FLOATS)
        array[at:at + 4] = struct.pack("<f", value)
        t.raw_data = bytes(array)
        return f"{t.name} holds {value} at {at // 4}"

    def tensor_gone(self):
        if not self.graph.initializer:
            return None
        t = self.r.choice(self.graph.initializer)
        name, kind = t.name, self.r.choice(("dropped", "renamed", "doubled", "external", "also a value", "emptied"))
        if kind == "dropped":
            self.graph.initializer.remove(t)
        elif kind == "renamed":
            t.name = self.value_name()
        elif kind == "doubled":
            self.graph.initializer.add().CopyFrom(t)
        elif kind == "external":
            t.data_location = TensorProto.EXTERNAL
        elif kind == "also a value":
            t.float_data.append(1.0)
        else:
            t.ClearField("raw_data")
        return f"{name} is {kind}"

    # The graph's own declarations.

    def declared(self, values, what):
        if not values:
            return None
        v = self.r.choice(values)
        type_ = v.type.tensor_type
        dims = type_.shape.dim
        kind = self.r.choice(("dim", "dim", "dim", "fewer", "more", "element", "name", "gone", "doubled", "open", "no shape"))
        if kind == "dim" and dims:
            dim = self.r.choice(dims)
            dim.dim_value = self.number(dim.dim_value)
        elif kind == "fewer" and dims:
            del dims[self.r.randrange(len(dims))]
        elif kind == "more":
            dims.add().dim_value = self.r.choice(MILD)
        elif kind == "element":
            type_.elem_type = self.r.choice((0, 1, 2, 6, 7, 8, 9, 10, 11, 16, 99))
        elif kind == "name":
            v.name += "?"
        elif kind == "gone":
            values.remove(v)
        elif kind == "doubled":
            values.add().CopyFrom(v)
        elif kind == "open" and dims:
            self.r.choice(dims).dim_param = self.r.choice(("N", "batch", ""))
        else:
            v.ClearField("type") if self.r.random() < 0.5 else type_.ClearField("shape")
        return f"{what} {v.name}: {kind}"

    def graph_input(self):
        return self.declared(self.graph.input, "input")

    def graph_output(self):
        return self.declared(self.graph.output, "output")

    def value_info(self):
        """Says of a value within the graph what it is, truly or not."""
        if not self.graph.value_info:
            name = self.value_name()
            dims = [self.r.choice(MILD) for _ in range(self.r.randint(0, 4))]
            self.graph.value_info.append(helper.make_tensor_value_info(name, self.r.choice((1, 7)), dims))
            return f"{name} is said to be {dims}"
        return self.declared(self.graph.value_info, "value")

    def versions(self):
        kind = self.r.choice(("opset", "opset", "opset", "ir", "none", "twice", "domain"))
        if kind == "ir":
            self.model.ir_version = self.r.choice((0, 1, 2, 3, 4, 6, 9, 10, 11, 12, 13, 99, -1))
            return f"ir_version {self.model.ir_version}"
        opsets = self.model.opset_import
        if kind == "none":
            del opsets[:]
        elif kind == "twice":
            opsets.add().version = self.r.randint(1, 22)
        elif kind == "domain" and opsets:
            opsets[0].domain = "x"
        elif opsets:
            opsets[0].version = self.r.choice((*range(-1, 30), 1000, 2 ** 40))
        return f"opsets {[(o.domain, o.version) for o in opsets]}"


STRUCTURAL = ((Mutator.attribute_value, 14), (Mutator.attribute_dropped, 4), (Mutator.attribute_renamed, 2),
              (Mutator.attribute_type, 2), (Mutator.attribute_added, 3), (Mutator.operator, 10), (Mutator.operator_name, 1),
              (Mutator.domain, 1), (Mutator.inputs_swapped, 6), (Mutator.input_changed, 8), (Mutator.output_changed, 2),
              (Mutator.node_moved, 5), (Mutator.tensor_dims, 3), (Mutator.tensor_same_size, 6), (Mutator.tensor_type, 3),
              (Mutator.tensor_length, 1), (Mutator.tensor_integers, 14), (Mutator.tensor_floats, 4),
              (Mutator.tensor_gone, 2), (Mutator.graph_input, 2), (Mutator.graph_output, 3), (Mutator.value_info, 2),
              (Mutator.versions, 3))


def structural(model_bytes, r):
    """One to three lies; the bytes and what was done."""
    model, done = onnx.ModelProto.FromString(model_bytes), []
    for _ in range(r.choice((1, 1, 1, 1, 1, 2, 2, 3))):
        for _ in range(20):
            mutation = r.choices([m for m, _ in STRUCTURAL], [weight for _, weight in STRUCTURAL])[0]
            if any(not g.node for g in graphs(model.graph)):
                break
            said = mutation(Mutator(model, r))
            if said:
                done.append(f"{mutation.__name__}: {said}")
                break
    return model.SerializeToString(), done


def payloads(model_bytes):
    """Where the elements of large tensors lie."""
    found, at = [], 0
    for tensor in onnx.ModelProto.FromString(model_bytes).graph.initializer:
        if len(tensor.raw_data) >= 64:
            place = model_bytes.find(tensor.raw_data, at)
            if place >= 0:
                found.append((place, place + len(tensor.raw_data)))
                at = place + len(tensor.raw_data)
    return found


def damaged(model_bytes, outside, r):
    """Bytes as a broken disk gives them. `outside`: places that are no elements of large tensors, where most of the
    damage goes."""
    data, done = bytearray(model_bytes), []

    def place():
        return r.choice(outside) if outside and r.random() < 0.85 else r.randrange(len(model_bytes))

    kind = r.choice(("bits", "bits", "bits", "bytes", "bytes", "cut", "zeros", "insert", "delete", "copy"))
    at = min(place(), len(data) - 1)
    if kind in ("bits", "bytes"):
        for _ in range(r.choice((1, 1, 2, 4))):
            at = place()
            data[at] = data[at] ^ 1 << r.randrange(8) if kind == "bits" else r.randrange(256)
    elif kind == "cut":
        del data[at:]
    elif kind == "zeros":
        count = r.choice((1, 4, 16, 512))
        data[at:at + count] = bytes(len(data[at:at + count]))
    elif kind == "insert":
        data[at:at] = bytes(r.randrange(256) for _ in range(r.choice((1, 2, 8))))
    elif kind == "delete":
        del data[at:at + r.choice((1, 2, 8, 64))]
    else:
        count, source = r.choice((4, 16, 64)), place()
        data[at:at + count] = data[source:source + count]
    done.append(f"{kind} at {at}")
    return bytes(data), done
