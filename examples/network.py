"""LeNet-300-100, the fully connected network of the first lottery tickets (Frankle and Carbin, ICLR 2019): 784-300-100-10."""

from lottery.networks import NETWORKS, ImageShape, Layer, fully_connected


def lenet_300_100(image: ImageShape, hidden: int) -> tuple[Layer, ...]:
    """The layers, from input to output; `hidden` is a setting of fc2 and fc4."""
    return fully_connected(image.pixels, 300, 100, image.classes)


NETWORKS.register("lenet_300_100", lenet_300_100)
