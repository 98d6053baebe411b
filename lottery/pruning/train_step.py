"""The training step of stacked networks; on a GPU, one step is captured as a CUDA graph and replayed.

A step is hundreds of small kernels.  Launching each from Python takes longer than running it, so the GPU would wait for
Python.  A CUDA graph launches all of them at once and computes the same.  M is the number of stacked models.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from lottery.pruning.layers import per_model
from lottery.pruning.network import PrunedNetworks


class TrainStep:
    """One training step per call, its kernels launched one by one."""

    def __init__(self, networks: PrunedNetworks, device: torch.device) -> None:
        self.networks, self.device = networks, device
        self._learning_rate = per_model([0.0], device, torch.float32)

    def set_learning_rates(self, learning_rates: Sequence[float]) -> None:
        """Set the learning rate of each model for the next steps."""
        self._learning_rate = per_model(learning_rates, self.device, torch.float32)

    def __call__(self, features: Tensor, labels: Tensor) -> Tensor:
        """Train on one batch; returns the mean loss of each model, (M,), on the device.

        Shapes of `features` and `labels`: see `PrunedNetworks.step`.
        """
        return self.networks.step(features, labels, self._learning_rate)


class CudaGraphTrainStep(TrainStep):
    """A training step on a GPU: the first few are launched, the next is captured, and further ones of its shape replay it.

    A captured step always reads the same tensors, so learning rates, features and labels are copied into these.
    """

    WARM_UP = 3  # libraries allocate memory at first use, which is not allowed during capture

    def __init__(self, networks: PrunedNetworks, device: torch.device) -> None:
        super().__init__(networks, device)
        self._learning_rate: Tensor = torch.zeros(len(networks.runs), device=device)
        self._graph: torch.cuda.CUDAGraph | None = None
        self._stream = torch.cuda.Stream(device)
        self._launched = 0
        self._can_capture = True

    def set_learning_rates(self, learning_rates: Sequence[float]) -> None:
        self._learning_rate.copy_(torch.tensor(learning_rates))

    def __call__(self, features: Tensor, labels: Tensor) -> Tensor:
        if self._graph is None and self._can_capture and self._launched >= self.WARM_UP:
            self._capture(features, labels)
        if self._graph is None or features.shape != self._features.shape:
            self._launched += 1
            return self._launch(features, labels)
        self._features.copy_(features)
        self._labels.copy_(labels)
        self._graph.replay()
        return self._losses

    def _launch(self, features: Tensor, labels: Tensor) -> Tensor:
        """Launch a step on a side stream, which PyTorch requires for warm-up steps before a capture."""
        self._stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(self._stream):
            losses = super().__call__(features, labels)
        torch.cuda.current_stream().wait_stream(self._stream)
        return losses

    def _capture(self, features: Tensor, labels: Tensor) -> None:
        """Capture a step of these shapes as a graph, without computing it; if that fails, all steps are launched."""
        self._features, self._labels = features.clone(), labels.clone()
        graph = torch.cuda.CUDAGraph()
        try:
            # The default capture stream belongs to the first device that was used; this one belongs to our device.
            with torch.cuda.graph(graph, stream=self._stream):
                self._losses = super().__call__(self._features, self._labels)
        except torch.OutOfMemoryError:
            raise
        except RuntimeError as error:
            reason = (str(error).strip() or type(error).__name__).splitlines()[0]
            print(f"cannot capture a CUDA graph on this GPU ({reason}): launching kernels one by one", flush=True)
            self._can_capture = False
            return
        self._graph = graph


def make_train_step(networks: PrunedNetworks, device: torch.device) -> TrainStep:
    """The fastest training step for the device: captured on a GPU, plain on a CPU."""
    return CudaGraphTrainStep(networks, device) if device.type == "cuda" else TrainStep(networks, device)
