# SPDX-License-Identifier: Apache-2.0
"""Convolutional networks: MobileNetV3-Large (Howard et al. 2019), EfficientNet-B0 (Tan and Le 2019), a detector in the
form of YOLOv8-n (C2f, SPPF, a head with distributions of distances), U-Net (Ronneberger et al. 2015) and LeNet-5 (LeCun et
al. 1998) with the widths and the ReLUs that it has had since."""
import numpy as np
from onnx import TensorProto, numpy_helper

from networks.builder import Builder


def hard_sigmoid(b, x):
    """One operator in newer files, arithmetic in older ones."""
    if b.opset >= 14:
        return b.node("HardSigmoid", [x], alpha=1 / 6)
    shifted = b.node("Add", [x, b.number(3)])
    return b.node("Div", [b.node("Clip", [shifted, b.number(0), b.number(6)]), b.number(6)])


def hard_swish(b, x):
    if b.opset >= 14:
        return b.node("HardSwish", [x])
    return b.node("Mul", [x, hard_sigmoid(b, x)])


def relu(b, x):
    return b.node("Relu", [x])


def conv_norm(b, x, inputs, outputs, kernel, activation=None, stride=1, groups=1, gain=1.5):
    """Older files keep the normalization, newer exporters fold it."""
    x = b.conv(x, inputs, outputs, kernel, stride, groups, bias=b.opset >= 14, gain=gain)
    if b.opset < 14:
        x = b.batch_norm(x, outputs)
    return activation(b, x) if activation else x


def squeeze_excite(b, x, channels, inner, activation, gate, mean):
    with b.scope("se"):
        y = activation(b, b.conv(mean(b, x), channels, inner, 1))
        return b.node("Mul", [gate(b, b.conv(y, inner, channels, 1)), x])


def global_pool(b, x):
    return b.node("GlobalAveragePool", [x])


def spatial_mean(b, x):
    return b.node("ReduceMean", [x], axes=[2, 3], keepdims=1)


def rounded_channels(channels):
    """To a multiple of 8 that is at most a tenth lower."""
    result = max(8, int(channels + 4) // 8 * 8)
    return result + 8 if result < 0.9 * channels else result


def lenet5(name, opset, signs=False):
    """With `signs` values have both signs in front of products: they are limited to [-1, 1]."""
    def limit(x):
        return b.node("Clip", [x, b.number(-1), b.number(1)]) if signs else relu(b, x)

    b = Builder(name, opset)
    x = b.input("image", ["N", 1, 28, 28])
    for inputs, outputs in ((1, 20), (20, 50)):
        x = limit(b.conv(x, inputs, outputs, 5))
        x = b.node("MaxPool", [x], kernel_shape=[2, 2], strides=[2, 2])
    x = b.node("Flatten", [x], axis=1)
    x = limit(b.gemm(x, 50 * 7 * 7, 500))
    b.output(b.gemm(x, 500, 10), "logits", ["N", 10])
    return b.model()


def lenet300(name, opset):
    b = Builder(name, opset)
    x = b.node("Flatten", [b.input("image", ["N", 1, 28, 28])], axis=1)
    x = relu(b, b.gemm(x, 784, 300))
    x = relu(b, b.gemm(x, 300, 100))
    b.output(b.gemm(x, 100, 10), "logits", ["N", 10])
    return b.model()


# Kernel, expanded and output channels, squeeze-excite, hard-swish, stride.
MOBILENET_V3_LARGE = (
    (3, 16, 16, False, False, 1), (3, 64, 24, False, False, 2), (3, 72, 24, False, False, 1),
    (5, 72, 40, True, False, 2), (5, 120, 40, True, False, 1), (5, 120, 40, True, False, 1),
    (3, 240, 80, False, True, 2), (3, 200, 80, False, True, 1), (3, 184, 80, False, True, 1),
    (3, 184, 80, False, True, 1), (3, 480, 112, True, True, 1), (3, 672, 112, True, True, 1),
    (5, 672, 160, True, True, 2), (5, 960, 160, True, True, 1), (5, 960, 160, True, True, 1))


def mobilenet_v3(name, opset, image, classes):
    b = Builder(name, opset)
    x = conv_norm(b, b.input("input", ["batch", 3, image, image]), 3, 16, 3, hard_swish, 2)
    channels = 16
    for i, (kernel, wide, outputs, excite, hard, stride) in enumerate(MOBILENET_V3_LARGE):
        with b.scope(f"features.{i + 1}"):
            activation = hard_swish if hard else relu
            y = conv_norm(b, x, channels, wide, 1, activation, gain=0.7) if wide != channels else x
            y = conv_norm(b, y, wide, wide, kernel, activation, stride, wide)
            if excite:
                y = squeeze_excite(b, y, wide, rounded_channels(wide // 4), relu, hard_sigmoid, global_pool)
            y = conv_norm(b, y, wide, outputs, 1, gain=2.5 if excite else 1.5)
            x = b.node("Add", [y, x]) if stride == 1 and outputs == channels else y
            channels = outputs
    x = conv_norm(b, x, 160, 960, 1, hard_swish)
    x = b.node("Flatten", [global_pool(b, x)], axis=1)
    x = hard_swish(b, b.gemm(x, 960, 1280))
    b.output(b.gemm(x, 1280, classes), "output", ["batch", classes])
    return b.model()


# Expansion, kernel, stride, output channels, repetitions.
EFFICIENTNET_B0 = ((1, 3, 1, 16, 1), (6, 3, 2, 24, 2), (6, 5, 2, 40, 2), (6, 3, 2, 80, 3), (6, 5, 1, 112, 3),
                   (6, 5, 2, 192, 4), (6, 3, 1, 320, 1))


def efficientnet(name, opset, image, classes):
    b = Builder(name, opset)
    x = conv_norm(b, b.input("input", ["batch", 3, image, image]), 3, 32, 3, Builder.silu, 2)
    channels = 32
    for i, (expansion, kernel, first_stride, outputs, count) in enumerate(EFFICIENTNET_B0):
        for j in range(count):
            with b.scope(f"blocks.{i}.{j}"):
                wide, stride = channels * expansion, 1 if j else first_stride
                y = conv_norm(b, x, channels, wide, 1, Builder.silu, gain=0.7) if expansion > 1 else x
                y = conv_norm(b, y, wide, wide, kernel, Builder.silu, stride, wide)
                y = squeeze_excite(b, y, wide, channels // 4, Builder.silu,
                                   lambda b, z: b.node("Sigmoid", [z]), spatial_mean)
                y = conv_norm(b, y, wide, outputs, 1, gain=2.5)
                x = b.node("Add", [y, x]) if stride == 1 and outputs == channels else y
                channels = outputs
    x = global_pool(b, conv_norm(b, x, 320, 1280, 1, Builder.silu))
    b.output(b.gemm(b.node("Flatten", [x], axis=1), 1280, classes), "output", ["batch", classes])
    return b.model()


def c2f(b, x, inputs, outputs, count, shortcut, scope):
    with b.scope(scope):
        half = outputs // 2
        parts = b.split(conv_norm(b, x, inputs, outputs, 1, Builder.silu), [half, half], 1)
        for i in range(count):
            with b.scope(f"m.{i}"):
                y = conv_norm(b, parts[-1], half, half, 3, Builder.silu)
                y = conv_norm(b, y, half, half, 3, Builder.silu)
                parts.append(b.node("Add", [parts[-1], y]) if shortcut else y)
        y = b.node("Concat", parts, axis=1)
        return conv_norm(b, y, half * len(parts), outputs, 1, Builder.silu)


def pooled_pyramid(b, x, channels):
    with b.scope("sppf"):
        parts = [conv_norm(b, x, channels, channels // 2, 1, Builder.silu)]
        for _ in range(3):
            parts.append(b.node("MaxPool", [parts[-1]], ceil_mode=0, kernel_shape=[5, 5], pads=[2] * 4,
                                strides=[1, 1]))
        return conv_norm(b, b.node("Concat", parts, axis=1), 2 * channels, channels, 1, Builder.silu)


def upsampled(b, x):
    scales = b.constant([1, 1, 2, 2], np.float32)
    return b.node("Resize", [x, "", scales], coordinate_transformation_mode="asymmetric", cubic_coeff_a=-0.75,
                  mode="nearest", nearest_mode="floor")


def detect_head(b, levels, image, classes):
    """Boxes (centre and size, in pixels) and scores: batch x (4 + classes) x anchors."""
    batch = b.dim(levels[0][0], 0)
    bins, outputs, anchors, strides = 16, [], [], []
    for i, (x, channels) in enumerate(levels):
        with b.scope(f"detect.{i}"):
            branches = []
            for width, last in ((64, 4 * bins), (max(levels[0][1], min(classes, 100)), classes)):
                y = conv_norm(b, x, channels, width, 3, Builder.silu)
                y = conv_norm(b, y, width, width, 3, Builder.silu)
                branches.append(b.conv(y, width, last, 1))
            y = b.node("Concat", branches, axis=1)
            outputs.append(b.reshape(y, [batch, 4 * bins + classes, -1]))
        stride = 8 << i
        side = np.arange(image // stride) + 0.5
        anchors.append(np.stack([a.ravel() for a in np.meshgrid(side, side)]))
        strides.append(np.full(side.size ** 2, stride))
    anchors, strides = (np.concatenate(a, -1).astype(np.float32) for a in (anchors, strides))
    distances, scores = b.split(b.node("Concat", outputs, axis=2), [4 * bins, classes], 1)
    with b.scope("dfl"):
        count = anchors.shape[1]
        y = b.transpose(b.reshape(distances, [batch, 4, bins, count]), 0, 2, 1, 3)
        bins = b.weight(np.arange(bins, dtype=np.float32).reshape(1, -1, 1, 1))
        y = b.node("Conv", [b.node("Softmax", [y], axis=1), bins], dilations=[1, 1], group=1,
                   kernel_shape=[1, 1], pads=[0] * 4, strides=[1, 1])
        y = b.reshape(y, [batch, 4, count])
    half = b.node("Div", [b.node("Add", [b.dim(y, 1), b.constant(1)]), b.constant(2)])
    points = b.weight(anchors[None])
    near = b.node("Sub", [points, b.slice(y, 1, 0, half)])
    far = b.node("Add", [b.slice(y, 1, half, b.node("Mul", [half, b.constant(2)])), points])
    centre = b.node("Div", [b.node("Add", [near, far]), b.number(2)])
    boxes = b.node("Concat", [centre, b.node("Sub", [far, near])], axis=1)
    boxes = b.node("Mul", [boxes, b.weight(strides[None])])
    return b.node("Concat", [boxes, b.node("Sigmoid", [scores])], axis=1), count


def yolo(name, opset, image, classes):
    b = Builder(name, opset)
    x = conv_norm(b, b.input("images", ["batch", 3, image, image]), 3, 16, 3, Builder.silu, 2)
    stages, channels = [], 16
    for i, (outputs, count) in enumerate(((32, 1), (64, 2), (128, 2), (256, 1))):
        x = conv_norm(b, x, channels, outputs, 3, Builder.silu, 2)
        x = c2f(b, x, outputs, outputs, count, True, f"stage.{i}")
        stages.append(x)
        channels = outputs
    deep = pooled_pyramid(b, x, 256)
    middle = b.node("Concat", [upsampled(b, deep), stages[2]], axis=1)
    middle = c2f(b, middle, 384, 128, 1, False, "up.0")
    shallow = b.node("Concat", [upsampled(b, middle), stages[1]], axis=1)
    shallow = c2f(b, shallow, 192, 64, 1, False, "up.1")
    y = conv_norm(b, shallow, 64, 64, 3, Builder.silu, 2)
    middle = c2f(b, b.node("Concat", [y, middle], axis=1), 192, 128, 1, False, "down.0")
    y = conv_norm(b, middle, 128, 128, 3, Builder.silu, 2)
    deep = c2f(b, b.node("Concat", [y, deep], axis=1), 384, 256, 1, False, "down.1")
    y, anchors = detect_head(b, [(shallow, 64), (middle, 128), (deep, 256)], image, classes)
    b.output(y, "output0", ["batch", 4 + classes, anchors])
    return b.model()


def padded_to(b, x, other):
    """By what the sizes differ, as the exporter writes a padding that is computed."""
    amounts = []
    for axis in (3, 2):
        difference = b.node("Sub", [b.dim(other, axis), b.dim(x, axis)])
        before = b.node("Div", [difference, b.constant(2)])
        amounts += [before, b.node("Sub", [difference, before])]
    zeros = b.node("ConstantOfShape", [b.constant([4])],
                   value=numpy_helper.from_array(np.array([0], np.int64)))
    pads = b.node("Concat", [b.shape(amounts), zeros], axis=0)
    pads = b.slice(b.reshape(pads, [-1, 2]), 0, -1, -2 ** 63 + 1, -1)
    pads = b.cast(b.reshape(b.transpose(pads, 1, 0), [-1]), TensorProto.INT64)
    return b.node("Pad", [x, pads, b.number(0)], mode="constant")


def raised(b, x, channels, linear):
    """Twice the size: a transposed convolution, or interpolation between pixels."""
    if not linear:
        weights = b.normal((channels, channels // 2, 2, 2), 1.4 * channels ** -0.5)
        return b.node("ConvTranspose", [x, weights, b.normal(channels // 2, 0.1)], dilations=[1, 1], group=1,
                      kernel_shape=[2, 2], pads=[0] * 4, strides=[2, 2])
    double = [b.node("Mul", [b.dim(x, axis), b.constant(2)]) for axis in (2, 3)]
    kept = b.slice(b.node("Shape", [x]), 0, 0, 2)
    sizes = b.node("Concat", [kept, b.cast(b.shape(double), TensorProto.INT64)], axis=0)
    mode = "align_corners" if b.opset < 14 else "pytorch_half_pixel"
    return b.node("Resize", [x, "", "", sizes], coordinate_transformation_mode=mode, cubic_coeff_a=-0.75,
                  mode="linear", nearest_mode="floor")


def double_conv(b, x, inputs, outputs, scope):
    with b.scope(scope):
        return conv_norm(b, conv_norm(b, x, inputs, outputs, 3, relu), outputs, outputs, 3, relu)


def unet(name, opset, width, levels, classes, linear):
    b = Builder(name, opset)
    x = b.input("input", ["batch", 3, "height", "width"])
    skips, channels = [], width
    x = double_conv(b, x, 3, width, "inc")
    for i in range(levels):
        skips.append((x, channels))
        x = b.node("MaxPool", [x], ceil_mode=0, kernel_shape=[2, 2], pads=[0] * 4, strides=[2, 2])
        x = double_conv(b, x, channels, 2 * channels, f"down.{i}")
        channels *= 2
    for i, (skip, outputs) in enumerate(reversed(skips)):
        x = padded_to(b, raised(b, x, channels, linear), skip)
        inputs = outputs + (channels if linear else channels // 2)
        x = double_conv(b, b.node("Concat", [skip, x], axis=1), inputs, outputs, f"up.{i}")
        channels = outputs
    b.output(b.conv(x, width, classes, 1), "output", ["batch", classes, "height", "width"])
    return b.model()
