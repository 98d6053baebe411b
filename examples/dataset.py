"""Permuted MNIST, a control: all images with their pixels in one other order, the same for all.

A fully connected network cannot tell it from MNIST; a convolutional one loses what it knows of neighbours.
"""

from dataclasses import replace

import numpy as np

from lottery.data.datasets import DATASETS, Dataset, Images

DIGITS = DATASETS["mnist5k"]


def permuted(dataset: Dataset) -> Images:
    """The embedded digits, images (count, channels, size, size), their pixels in another order."""
    digits = DIGITS.embedded(DIGITS)
    order = np.random.Generator(np.random.Philox(key=[1, 0])).permutation(dataset.image.pixels)

    def in_order(images: np.ndarray) -> np.ndarray:
        return images.reshape(len(images), -1)[:, order].reshape(images.shape)

    return replace(
        digits, dataset=dataset, train_images=in_order(digits.train_images), test_images=in_order(digits.test_images)
    )


DATASETS.register("permuted_mnist5k", replace(DIGITS, name="permuted_mnist5k", embedded=permuted))
