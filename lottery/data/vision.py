"""Import torchvision whatever the build of torch."""

import importlib
import sys
from types import ModuleType
from typing import Any

# torchvision's wheel on PyPI is compiled for CUDA.  With a CPU-only torch its C++ operators stay unregistered, and the import fails
# at the first one that is looked up.  Its datasets and transforms need none of them.
_OPERATORS = (
    "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
)
_declared: list[Any] = []  # torch drops a library's operators when the object is deleted


def torchvision() -> ModuleType:
    """The module torchvision.

    If its build does not fit torch, its operators are declared but not defined, so calling them raises.
    """
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
