"""Edge-popup the plain way, as a student would write it down: the baseline of the benchmark, and what tests hold ours against.

Each forward pass sorts all scores, multiplies weights by masks, and repeats the batch r times; images come one by one
through a DataLoader with per-image transforms.  Layers start from the draws of `lottery.pruning`, so that equal seeds
mean equal networks.
"""

import torch
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.data import DataLoader
from torch.utils.data import Dataset as TorchDataset

from lottery.data.datasets import Images
from lottery.data.vision import torchvision
from lottery.networks import ImageShape
from lottery.pruning.initial import LayerInit
from lottery.pruning.run import Run
from lottery.pruning.streams import init_layers
from lottery.pruning.structures import LayerSpec, kept_count, layer_specs, weight1_sparsity


class SortedMask(torch.autograd.Function):
    """The top scores by a full sort; gradients pass straight through."""

    @staticmethod
    def forward(context: object, magnitudes: Tensor, kept: int) -> Tensor:
        order = magnitudes.flatten().sort(descending=True, stable=True).indices
        mask = torch.zeros(magnitudes.numel(), dtype=magnitudes.dtype, device=magnitudes.device)
        mask[order[:kept]] = 1
        return mask.view(magnitudes.shape)

    @staticmethod
    def backward(context: object, *gradients: Tensor) -> tuple[Tensor, None]:
        return gradients[0], None


class PlainLayer(nn.Module):
    """One layer of any structure, all r units computed."""

    def __init__(self, spec: LayerSpec, drawn: LayerInit, run: Run, dtype: torch.dtype) -> None:
        super().__init__()
        self.spec = spec
        self.bias = None if drawn.bias is None else torch.from_numpy(drawn.bias).to(dtype)
        self.weight2 = nn.Parameter(torch.from_numpy(drawn.weight2).to(dtype), requires_grad=spec.structure == "dense")
        if drawn.scores2 is not None:
            self.kept2 = kept_count(drawn.scores2.size, run.sparsity, run.stream)
            self.scores2 = nn.Parameter(torch.from_numpy(drawn.scores2).to(dtype))
        if drawn.weight1 is not None and drawn.scores1 is not None:
            self.kept1 = kept_count(drawn.scores1.size, weight1_sparsity(run), run.stream)
            self.weight1 = nn.Parameter(torch.from_numpy(drawn.weight1).to(dtype), requires_grad=False)
            self.scores1 = nn.Parameter(torch.from_numpy(drawn.scores1).to(dtype))

    def masks(self) -> dict[str, Tensor]:
        with torch.no_grad():
            found = {"weight2": SortedMask.apply(self.scores2.abs(), self.kept2).bool()}
            if self.spec.factored:
                found["weight1"] = SortedMask.apply(self.scores1.abs(), self.kept1).bool()
        return found

    def forward(self, x: Tensor) -> Tensor:
        weight2 = self.weight2
        if self.spec.structure != "dense":
            weight2 = weight2 * SortedMask.apply(self.scores2.abs(), self.kept2)
        x = x[:, None, :].repeat(1, self.spec.redundancy, 1)  # (batch, r, in)
        if self.spec.factored:
            x = x * (self.weight1 * SortedMask.apply(self.scores1.abs(), self.kept1))
        if self.spec.structure == "relu":
            x = functional.relu(x)
        flat = weight2.permute(1, 0, 2).reshape(self.spec.outputs, -1)
        return functional.linear(x.flatten(start_dim=1), flat, self.bias)


class PlainNetwork(nn.Module):
    """The fully connected layers, on features (batch, in)."""

    def __init__(self, run: Run, image: ImageShape, dtype: torch.dtype = torch.float32) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            PlainLayer(spec, drawn, run, dtype)
            for spec, drawn in zip(layer_specs(run, image), init_layers(run, image), strict=True)
        )

    def forward(self, x: Tensor) -> Tensor:
        x = x.flatten(start_dim=1)
        for number, layer in enumerate(self.layers):
            x = layer(functional.relu(x) if number else x)
        return x

    def optimizer(self, run: Run) -> torch.optim.Optimizer:
        learned = [parameter for parameter in self.parameters() if parameter.requires_grad]
        return torch.optim.SGD(learned, run.rate, run.variant.momentum, weight_decay=run.decay)

    def masks(self) -> dict[str, Tensor]:
        return {f"{layer.spec.name}.{name}": mask for layer in self.layers for name, mask in layer.masks().items()}


def plain_step(network: PlainNetwork, optimizer: torch.optim.Optimizer, images: Tensor, labels: Tensor) -> Tensor:
    """One step of SGD on a batch; the loss."""
    loss = functional.cross_entropy(network(images), labels)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.detach()


class _PerImage(TorchDataset):
    """Images as torchvision's datasets give them: one PIL image at a time, then the transforms."""

    def __init__(self, data: Images) -> None:
        transforms = torchvision().transforms
        self.images, self.labels = data.train_images, data.train_labels
        self.transform = transforms.Compose(
            [transforms.ToTensor(), transforms.Normalize(data.dataset.mean, data.dataset.deviation)]
        )

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        return self.transform(Image.fromarray(self.images[index, 0], mode="L")), int(self.labels[index])


def plain_loader(data: Images, batch_size: int) -> DataLoader:
    """Shuffled batches of transformed images."""
    return DataLoader(_PerImage(data), batch_size=batch_size, shuffle=True)
