# SPDX-License-Identifier: Apache-2.0
"""Quantization of neural networks: lowbit's C++ library on NumPy arrays, which are neither copied nor converted.

    q = lowbit.quantize(weights, "int4-g32")          # float32, outputs x inputs
    fc = lowbit.Linear(q, bias, "weight-only")
    y = fc(x)                                         # samples x inputs -> samples x outputs

    fp32 = lowbit.load("net.onnx")
    table = lowbit.calibrate(fp32, batches, observer="entropy")
    int8 = lowbit.quantize(fp32, table, "int8", overrides=[("head.*", "fp32")])
    print(lowbit.compare(fp32, int8, batches))
    y = int8(x)

What is refused raises lowbit.Error (a ValueError) with the sentence of the library; an array of another type than the one
asked for, a TypeError. Functions that compute let other Python threads run.
"""
from ._lowbit import (CalibrationTable, Error, Linear, Model, ModelComparison, QuantizedMatrix, Workspace, calibrate, compare,
                      dequantize, load, quantize, run, schemes, version)

__version__ = version()
__all__ = ["CalibrationTable", "Error", "Linear", "Model", "ModelComparison", "QuantizedMatrix", "Workspace", "calibrate",
           "compare", "dequantize", "load", "quantize", "run", "schemes"]
