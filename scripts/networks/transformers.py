# SPDX-License-Identifier: Apache-2.0
"""Networks of attention: BERT (Devlin et al. 2018), ViT (Dosovitskiy et al. 2020), LLaMA (Touvron et al. 2023; grouped
queries after Ainslie et al. 2023) and the encoder of Whisper (Radford et al. 2022)."""
import numpy as np
from onnx import TensorProto, numpy_helper

from networks.builder import Builder

LOWEST = float(np.finfo(np.float32).min)


def heads_of(b, x, heads, size):
    """batch x sequence x (heads size) -> batch x heads x sequence x size."""
    return b.transpose(b.reshape(x, [b.dim(x, 0), b.dim(x, 1), heads, size]), 0, 2, 1, 3)


def joined_heads(b, x, width):
    x = b.transpose(x, 0, 2, 1, 3)
    return b.reshape(x, [b.dim(x, 0), b.dim(x, 1), width])


def attention(b, q, k, v, mask=None):
    """Scores divided by a constant, as modules write it that multiply matrices themselves."""
    size = b.head_size
    scores = b.node("Div", [b.node("MatMul", [q, b.transpose(k, 0, 1, 3, 2)]), b.number(size ** 0.5)])
    if mask:
        scores = b.node("Add", [scores, mask])
    return b.node("MatMul", [b.node("Softmax", [scores], axis=-1), v])


def scaled_dot_product_attention(b, q, k, v, mask=None):
    """How the exporter writes the function of that name: the scale follows from the shape of the queries and is
    shared between both factors."""
    size = b.node("Cast", [b.slice(b.node("Shape", [q]), 0, -1, 2 ** 63 - 1)], to=TensorProto.FLOAT)
    scale = b.node("Sqrt", [b.node("Div", [b.constant([1], np.float32), b.node("Sqrt", [size])])])
    scores = b.node("MatMul", [b.node("Mul", [q, scale]), b.node("Mul", [b.transpose(k, 0, 1, 3, 2), scale])])
    if mask:
        scores = b.node("Add", [scores, mask])
    return b.node("MatMul", [b.node("Softmax", [scores], axis=-1), v])


def bert_mask(b, mask):
    """1 where there is a token -> 0, and the lowest number elsewhere."""
    if b.opset < 17:
        mask = b.cast(b.unsqueeze(b.unsqueeze(mask, 1), 2), TensorProto.FLOAT)
        return b.node("Mul", [b.node("Sub", [b.number(1), mask]), b.number(LOWEST)])
    length = b.dim(mask, 1)
    mask = b.expand(b.unsqueeze(b.unsqueeze(mask, 1), 2), [b.dim(mask, 0), 1, length, length])
    missing = b.node("Sub", [b.number(1), b.cast(mask, TensorProto.FLOAT)])
    return b.node("Where", [b.cast(missing, TensorProto.BOOL), b.number(LOWEST), missing])


def bert(name, opset, layers, width, heads, vocabulary):
    b = Builder(name, opset)
    b.head_size = width // heads
    ids, mask, kinds = (b.input(n, ["batch", "sequence"], "int64")
                        for n in ("input_ids", "attention_mask", "token_type_ids"))
    with b.scope("embeddings"):
        positions = b.weight(np.arange(512, dtype=np.int64)[None])
        x = b.node("Add", [b.embedding(ids, vocabulary, width), b.embedding(kinds, 2, width)])
        x = b.node("Add", [x, b.embedding(b.slice(positions, 1, 0, b.dim(ids, 1)), 512, width)])
        x = b.layer_norm(x, width, 1e-12)
    mask = bert_mask(b, mask)
    for i in range(layers):
        with b.scope(f"encoder/layer.{i}"):
            with b.scope("attention"):
                q, k, v = (heads_of(b, b.linear(x, width, width), heads, b.head_size) for _ in range(3))
                attend = attention if opset < 17 else scaled_dot_product_attention
                y = joined_heads(b, attend(b, q, k, v, mask), width)
                x = b.layer_norm(b.node("Add", [b.linear(y, width, width), x]), width, 1e-12)
            y = b.gelu(b.linear(x, width, 4 * width))
            x = b.layer_norm(b.node("Add", [b.linear(y, 4 * width, width), x]), width, 1e-12)
    with b.scope("pooler"):
        pooled = b.node("Tanh", [b.gemm(b.gather(x, 0, 1), width, width)])
    b.output(x, "last_hidden_state", ["batch", "sequence", width])
    b.output(pooled, "pooler_output", ["batch", width])
    return b.model()


def vit(name, opset, layers, width, heads, image, patch, classes):
    b = Builder(name, opset)
    b.head_size = width // heads
    x = b.input("pixel_values", ["batch", 3, image, image])
    count = (image // patch) ** 2
    with b.scope("embeddings"):
        batch = b.dim(x, 0)
        weights = b.normal((width, 3, patch, patch), (3 * patch * patch) ** -0.5)
        x = b.node("Conv", [x, weights, b.normal(width, 0.1)], dilations=[1, 1], group=1,
                   kernel_shape=[patch, patch], pads=[0] * 4, strides=[patch, patch])
        x = b.transpose(b.reshape(x, [b.dim(x, 0), b.dim(x, 1), -1]), 0, 2, 1)
        token = b.expand(b.normal((1, 1, width)), [batch, -1, -1])
        x = b.node("Add", [b.node("Concat", [token, x], axis=1), b.normal((1, count + 1, width))])
    for i in range(layers):
        with b.scope(f"blocks.{i}"):
            y = b.linear(b.layer_norm(x, width, 1e-6), width, 3 * width)
            parts = b.reshape(y, [b.dim(y, 0), b.dim(y, 1), 3, heads, b.head_size])
            parts = b.transpose(parts, 2, 0, 3, 1, 4)
            q, k, v = (b.gather(parts, j, 0) for j in range(3))
            y = joined_heads(b, scaled_dot_product_attention(b, q, k, v), width)
            x = b.node("Add", [x, b.linear(y, width, width)])
            y = b.gelu(b.linear(b.layer_norm(x, width, 1e-6), width, 4 * width))
            x = b.node("Add", [x, b.linear(y, 4 * width, width)])
    with b.scope("head"):
        logits = b.gemm(b.gather(b.layer_norm(x, width, 1e-6), 0, 1), width, classes)
    b.output(logits, "logits", ["batch", classes])
    return b.model()


def rms_norm(b, x, width):
    x = b.cast(x, TensorProto.FLOAT)
    mean = b.node("ReduceMean", [b.node("Pow", [x, b.number(2)])], axes=[-1])
    root = b.node("Sqrt", [b.node("Add", [mean, b.number(1e-5)])])
    x = b.node("Mul", [x, b.node("Div", [b.number(1), root])])
    weight = b.weight((1 + 0.1 * b.random.standard_normal(width)).astype(np.float32))
    return b.node("Mul", [weight, b.cast(x, TensorProto.FLOAT)])


def rotary_factors(b, positions, size):
    frequencies = 10000.0 ** (-np.arange(0, size, 2) / size)
    frequencies = b.weight(frequencies.astype(np.float32)[None, :, None])
    frequencies = b.expand(frequencies, [b.dim(positions, 0), -1, 1])
    angles = b.node("MatMul", [frequencies, b.cast(b.unsqueeze(positions, 1), TensorProto.FLOAT)])
    angles = b.transpose(angles, 0, 2, 1)
    angles = b.node("Concat", [angles, angles], axis=-1)
    return [b.unsqueeze(b.node("Mul", [b.node(f, [angles]), b.number(1)]), 1) for f in ("Cos", "Sin")]


def rotated(b, x, cos, sin):
    half = b.node("Div", [b.dim(x, 3), b.constant(2)])
    first, second = b.slice(x, 3, 0, half), b.slice(x, 3, half, 2 ** 63 - 1)
    turned = b.node("Concat", [b.node("Neg", [second]), first], axis=-1)
    return b.node("Add", [b.node("Mul", [x, cos]), b.node("Mul", [turned, sin])])


def causal_mask(b, ids, mask, past):
    """batch x 1 x sequence x all: tokens see those before them that the mask does not hide."""
    length, all_length = b.dim(ids, 1), b.dim(mask, 1)
    first = b.dim(past, 2)
    places = b.node("Range", [first, b.node("Add", [first, length]), b.constant(1)])
    lowest = numpy_helper.from_array(np.array([LOWEST], np.float32))
    full = b.node("ConstantOfShape", [b.shape([length, all_length])], value=lowest)
    later = b.node("Greater", [b.node("Range", [b.constant(0), all_length, b.constant(1)]),
                               b.reshape(places, [-1, 1])])
    causal = b.node("Mul", [full, b.cast(later, TensorProto.FLOAT)])
    causal = b.expand(b.unsqueeze(b.unsqueeze(causal, 0), 1), [b.dim(ids, 0), 1, -1, -1])
    present = b.cast(b.unsqueeze(b.unsqueeze(mask, 1), 2), TensorProto.FLOAT)
    hidden = b.node("Equal", [b.node("Add", [causal, present]), b.number(0)])
    return b.node("Where", [hidden, b.number(LOWEST), causal])


def repeated(b, x, heads, groups, size):
    """Keys and values of one head for all queries of its group."""
    batch, length = b.dim(x, 0), b.dim(x, 2)
    x = b.expand(b.unsqueeze(x, 2), [batch, groups, heads // groups, length, size])
    return b.reshape(x, [batch, heads, length, size])


def llama(name, opset, layers, width, heads, groups, inner, vocabulary):
    b = Builder(name, opset)
    size = b.head_size = width // heads
    total = "past_sequence_length + sequence_length"
    ids = b.input("input_ids", ["batch_size", "sequence_length"], "int64")
    mask = b.input("attention_mask", ["batch_size", total], "int64")
    positions = b.input("position_ids", ["batch_size", "sequence_length"], "int64")
    past = [[b.input(f"past_key_values.{i}.{part}", ["batch_size", groups, "past_sequence_length", size])
             for part in ("key", "value")] for i in range(layers)]
    presents = []
    with b.scope("model"):
        x = b.embedding(ids, vocabulary, width)
        cos, sin = rotary_factors(b, positions, size)
        mask = causal_mask(b, ids, mask, past[0][0])
        for i in range(layers):
            with b.scope(f"layers.{i}"):
                y = rms_norm(b, x, width)
                q, k, v = (heads_of(b, b.linear(y, width, count * size, False), count, size)
                           for count in (heads, groups, groups))
                q, k = rotated(b, q, cos, sin), rotated(b, k, cos, sin)
                k, v = (b.node("Concat", [old, new], axis=2) for old, new in zip(past[i], (k, v)))
                presents.append((k, v))
                k, v = (repeated(b, part, heads, groups, size) for part in (k, v))
                y = joined_heads(b, scaled_dot_product_attention(b, q, k, v, mask), width)
                x = b.node("Add", [x, b.linear(y, width, width, False)])
                y = rms_norm(b, x, width)
                gate = b.silu(b.linear(y, width, inner, False))
                y = b.node("Mul", [gate, b.linear(y, width, inner, False)])
                x = b.node("Add", [x, b.linear(y, inner, width, False)])
        logits = b.linear(rms_norm(b, x, width), width, vocabulary, False)
    b.output(logits, "logits", ["batch_size", "sequence_length", vocabulary])
    for i, pair in enumerate(presents):
        for part, value in zip(("key", "value"), pair):
            b.output(value, f"present.{i}.{part}", ["batch_size", groups, total, size])
    return b.model()


def whisper_encoder(name, opset, layers, width, heads, frames):
    b = Builder(name, opset)
    size = b.head_size = width // heads
    x = b.input("input_features", ["batch_size", 80, frames])
    x = b.gelu(b.conv(x, 80, width, 3, dims=1))
    x = b.gelu(b.conv(x, width, width, 3, stride=2, dims=1))
    x = b.node("Add", [b.transpose(x, 0, 2, 1), b.normal((frames // 2, width))])
    for i in range(layers):
        with b.scope(f"layers.{i}"):
            y = b.layer_norm(x, width)
            q = b.node("Mul", [b.linear(y, width, width), b.number(size ** -0.5)])
            k, v = b.linear(y, width, width, bias=False), b.linear(y, width, width)
            batch = b.dim(y, 0)
            flat = b.node("Mul", [batch, b.constant(heads)])
            q, k, v = (b.reshape(heads_of(b, part, heads, size), [flat, -1, size]) for part in (q, k, v))
            scores = b.node("Softmax", [b.node("MatMul", [q, b.transpose(k, 0, 2, 1)])], axis=-1)
            y = b.reshape(b.node("MatMul", [scores, v]), [batch, heads, frames // 2, size])
            x = b.node("Add", [x, b.linear(joined_heads(b, y, width), width, width)])
            y = b.gelu(b.linear(b.layer_norm(x, width), width, 4 * width))
            x = b.node("Add", [x, b.linear(y, 4 * width, width)])
    b.output(b.layer_norm(x, width), "last_hidden_state", ["batch_size", frames // 2, width])
    return b.model()
