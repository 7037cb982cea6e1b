#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Bias correction from BatchNorm's numbers against that from measured means (docs/recovery.md): writes a network
with rounded weights three times, as it is and with either correction, for `lowbit eval` to count.

    analytic_bias.py resnet20-cifar10.onnx data_batch_1.bin OUT [BITS]

Weights are rounded to BITS (4) bits, symmetric, one scale for each channel. A rounded convolution shifts the mean of
its outputs by (Wq - W) E[x], which is added to the running mean of the BatchNorm behind it. E[x] is

    analytic   that of relu(N(beta, gamma^2)); where a residual is added, means and variances are (Nagel et al., 2019)
    measured   the mean over 160 training images
"""
import math
import sys

import numpy as np
import onnx
from onnx import numpy_helper


def relu_moments(mean, variance):
    """Mean and variance of relu(N(mean, variance))."""
    s = np.sqrt(np.maximum(variance, 1e-12))
    z = mean / s
    density = np.exp(-z * z / 2) / math.sqrt(2 * math.pi)
    below = np.array([0.5 * (1 + math.erf(v / math.sqrt(2))) for v in z])
    first = mean * below + s * density
    second = (mean * mean + s * s) * below + mean * s * density
    return first, second - first * first


def conv(x, w, pads, stride):
    n, _, height, width = x.shape
    k = w.shape[2]
    x = np.pad(x, ((0, 0), (0, 0), (pads[0], pads[2]), (pads[1], pads[3])))
    out_h, out_w = (height + pads[0] + pads[2] - k) // stride + 1, (width + pads[1] + pads[3] - k) // stride + 1
    y = np.zeros((n, w.shape[0], out_h, out_w), np.float32)
    for i in range(k):
        for j in range(k):
            part = x[:, :, i:i + stride * out_h:stride, j:j + stride * out_w:stride]
            y += np.einsum('nchw,oc->nohw', part, w[:, :, i, j], optimize=True)
    return y


def attributes(node):
    return {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}


def input_means(graph, weights, images):
    """Of the input of each convolution: the analytic mean of its channels, and the measured one."""
    values, gauss = {graph.input[0].name: images}, {}
    means = {}
    for node in graph.node:
        x = values.get(node.input[0])
        name, out = node.op_type, node.output[0]
        if name == 'Conv':
            a = attributes(node)
            means[node.input[1]] = (gauss.get(node.input[0], (None,))[0], x.mean(axis=(0, 2, 3)))
            values[out] = conv(x, weights[node.input[1]], a.get('pads', [0] * 4), a.get('strides', [1, 1])[0])
        elif name == 'BatchNormalization':
            scale, bias, mean, var = (weights[i].reshape(1, -1, 1, 1) for i in node.input[1:5])
            values[out] = (x - mean) / np.sqrt(var + attributes(node).get('epsilon', 1e-5)) * scale + bias
            gauss[out] = (bias.ravel(), scale.ravel() ** 2)
        elif name == 'Relu':
            values[out] = np.maximum(x, 0)
            if node.input[0] in gauss:
                gauss[out] = relu_moments(*gauss[node.input[0]])
        elif name == 'Add' and node.input[1] in values:
            values[out] = x + values[node.input[1]]
            a, b = gauss.get(node.input[0]), gauss.get(node.input[1])
            if a and b:
                gauss[out] = (a[0] + b[0], a[1] + b[1])
        elif name == 'Slice':  # of pixels
            starts, ends, axes, steps = (weights[i] for i in node.input[1:5])
            cut = [slice(None)] * 4
            for start, end, axis, step in zip(starts, ends, axes, steps):
                cut[axis] = slice(start, min(end, x.shape[axis]), step)
            values[out] = x[tuple(cut)]
            if node.input[0] in gauss:
                gauss[out] = gauss[node.input[0]]
        elif name == 'Pad':  # of channels
            before, after = np.split(weights[node.input[1]], 2)
            values[out] = np.pad(x, list(zip(before, after)))
            if node.input[0] in gauss:
                gauss[out] = tuple(np.pad(g, (before[1], after[1])) for g in gauss[node.input[0]])
        else:
            break  # the head
    return means


def main():
    path, data, out = sys.argv[1:4]
    bits = int(sys.argv[4]) if len(sys.argv) > 4 else 4
    model = onnx.load(path)
    weights = {t.name: numpy_helper.to_array(t).copy() for t in model.graph.initializer}
    raw = np.fromfile(data, np.uint8).reshape(-1, 3073)[:160, 1:].reshape(-1, 3, 32, 32).astype(np.float32) / 255
    mean, std = (np.array(v, np.float32).reshape(1, 3, 1, 1) for v in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))
    means = input_means(model.graph, weights, (raw - mean) / std)
    norm_of = {n.input[0]: n.input[3] for n in model.graph.node if n.op_type == 'BatchNormalization'}
    for kind in ('plain', 'analytic', 'measured'):
        changed = dict(weights)
        errors = []
        for node in model.graph.node:
            if node.op_type != 'Conv':
                continue
            w = weights[node.input[1]]
            most = 2 ** (bits - 1) - 1
            scale = np.abs(w).max(axis=(1, 2, 3), keepdims=True) / most
            q = np.clip(np.round(w / scale), -most, most) * scale
            changed[node.input[1]] = q.astype(np.float32)
            analytic, measured = means[node.input[1]]
            of = {'plain': None, 'analytic': analytic, 'measured': measured}[kind]
            if analytic is not None:
                errors.append(np.linalg.norm(analytic - measured) / np.linalg.norm(measured))
            if of is not None:
                running = norm_of[node.output[0]]
                changed[running] = (changed[running] + (q - w).sum(axis=(2, 3)) @ of).astype(np.float32)
        for t in model.graph.initializer:
            t.CopyFrom(numpy_helper.from_array(changed[t.name], t.name))
        onnx.save(model, f'{out}/{kind}.onnx')
    print(f'analytic means are off by {np.mean(errors):.1%} of the measured ones (mean of {len(errors)} layers)')


main()
