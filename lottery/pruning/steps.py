"""Steps of some networks; on a GPU one step is recorded and replayed.

A step is hundreds of small kernels.  Launching them one by one takes longer than they take, so that a GPU waits for Python;
a CUDA graph of them is launched at once.  It computes the same.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from lottery.pruning.layers import per_model
from lottery.pruning.network import PrunedNetworks


class Steps:
    """A step for each batch, launched one by one."""

    def __init__(self, networks: PrunedNetworks, device: torch.device) -> None:
        self.networks, self.device = networks, device
        self._rate = per_model([0.0], device, torch.float32)

    def begin(self, rates: Sequence[float]) -> None:
        """The learning rate of each model for the steps to come."""
        self._rate = per_model(rates, self.device, torch.float32)

    def __call__(self, features: Tensor, labels: Tensor) -> Tensor:
        """Losses (models,), left on the device."""
        return self.networks.step(features, labels, self._rate)


class RecordedSteps(Steps):
    """Steps on a GPU: the first few are launched one by one, the next is recorded, and all further of its shape replay it.

    Tensors that a recorded step reads are always the same ones: rates, features and labels are copied into them.
    """

    WARM_UP = 3  # libraries allocate at first use, which a recording may not

    def __init__(self, networks: PrunedNetworks, device: torch.device) -> None:
        super().__init__(networks, device)
        self._rate: Tensor = torch.zeros(len(networks.runs), device=device)
        self._graph: torch.cuda.CUDAGraph | None = None
        self._aside = torch.cuda.Stream(device)
        self._launched = 0
        self._recordable = True

    def begin(self, rates: Sequence[float]) -> None:
        self._rate.copy_(torch.tensor(rates))

    def __call__(self, features: Tensor, labels: Tensor) -> Tensor:
        if self._graph is None and self._recordable and self._launched >= self.WARM_UP:
            self._record(features, labels)
        if self._graph is None or features.shape != self._features.shape:
            self._launched += 1
            return self._launch(features, labels)
        self._features.copy_(features)
        self._labels.copy_(labels)
        self._graph.replay()
        return self._losses

    def _launch(self, features: Tensor, labels: Tensor) -> Tensor:
        """On a stream of its own, as PyTorch asks for before a recording."""
        self._aside.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(self._aside):
            losses = super().__call__(features, labels)
        torch.cuda.current_stream().wait_stream(self._aside)
        return losses

    def _record(self, features: Tensor, labels: Tensor) -> None:
        """Nothing is computed while it is recorded."""
        self._features, self._labels = features.clone(), labels.clone()
        graph = torch.cuda.CUDAGraph()
        try:
            with torch.cuda.graph(graph, stream=self._aside):  # of this device; PyTorch's own is of the first one used
                self._losses = super().__call__(self._features, self._labels)
        except torch.OutOfMemoryError:
            raise
        except RuntimeError as error:
            reason = (str(error).strip() or type(error).__name__).splitlines()[0]
            print(f"a step cannot be recorded on this GPU ({reason}): steps are launched one by one", flush=True)
            self._recordable = False
            return
        self._graph = graph


def steps_of(networks: PrunedNetworks, device: torch.device) -> Steps:
    """What is fast on the device."""
    return RecordedSteps(networks, device) if device.type == "cuda" else Steps(networks, device)
