"""Import torchvision whatever the build of torch."""

import importlib
import sys
from types import ModuleType
from typing import Any

# torchvision's wheel on PyPI is compiled for CUDA; beside a CPU-only torch its C++ operators stay unregistered
# and the import stops at the first one looked up.  Its datasets and transforms need none of them.
_OPERATORS = (
    "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
)
_declared: list[Any] = []  # torch forgets a library's operators when the object goes


def torchvision() -> ModuleType:
    """torchvision; with the operators of a build that does not fit declared (not defined: calling them raises)."""
    try:
        return importlib.import_module("torchvision")
    except RuntimeError as error:
        if _declared or "operator torchvision::" not in str(error):
            raise
    import torch

    for name in [name for name in sys.modules if name.partition(".")[0] == "torchvision"]:
        del sys.modules[name]
    library = torch.library.Library("torchvision", "FRAGMENT")
    _declared.append(library)
    for schema in _OPERATORS:
        library.define(schema)
    return importlib.import_module("torchvision")
