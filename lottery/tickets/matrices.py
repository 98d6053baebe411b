"""The weights of a layer as a matrix with a column for each of its inputs, which is what random units are drawn for.

Shapes: O outputs and I inputs of a linear layer; O output channels, C input channels and a P x Q kernel of a convolution.

A linear layer is its own matrix, (O, I).  In a convolution, a channel is an input, and all of its weights share the channel's units
(da Cunha, Natale and Viennot, ICLR 2022): its matrix is (O * P * Q, C), a row for each output channel and position in the kernel.
"""

import numpy as np

from lottery.networks import Layer


def matrix_shape(layer: Layer) -> tuple[int, int]:
    """The shape of a layer's matrix: (O, I) of a linear layer, (O * P * Q, C) of a convolution."""
    inputs = layer.shape[1]
    return layer.size // inputs, inputs


def to_matrix(weights: np.ndarray) -> np.ndarray:
    """Weights as a matrix: (O, I) stays, (O, C, P, Q) -> (O * P * Q, C)."""
    inputs = weights.shape[1]
    return np.moveaxis(weights, 1, -1).reshape(-1, inputs)


def from_matrix(matrix: np.ndarray, layer: Layer) -> np.ndarray:
    """The inverse of `to_matrix`, for any number of columns C: (O * P * Q, C) -> (O, C, P, Q)."""
    outputs, _inputs, *kernel = layer.shape
    return np.moveaxis(matrix.reshape(outputs, *kernel, matrix.shape[1]), -1, 1)
