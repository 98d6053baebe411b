"""The reader's terms for names of the code, and the glossary."""

OBJECTIVES = {
    "min_error": "nearest sum",
    "min_cardinality": "fewest coefficients",
    "first_feasible": "first sum within ε",
    "magnitude": "target pruned by magnitude",
}
SOLVERS = {"exact": "exact search", "gurobi": "Gurobi", "cbc": "CBC"}
PROTOCOLS = {"published": "published", "held_out": "held out"}
STREAMS = {"released": "as released", "keyed": "keyed"}
STRUCTURES = {"dense": "trained network"}
DATASETS = {"mnist": "MNIST", "mnist5k": "the embedded MNIST digits (mnist5k)"}
COEFFICIENTS = {
    "uniform": "uniform",
    "product": "product of two uniform",
    "relu": "product behind a ReLU",
    "relu_pair": "both signs of an input behind ReLUs",
    "hyperbolic": "hyperbolic",
}

GLOSSARY = (
    ("ε", "how far a sum may be from the weight that it replaces"),
    ("coefficient", "one of the random numbers of which subsets are added up"),
    ("ticket", "a random network with masks: no weight was trained, the masks decide what it computes"),
    ("target", "the trained network that sums or tickets approximate"),
    ("sparsity, s", "the share of weights that masks remove; 1 − s is kept"),
    ("alive", "a kept weight that lies on some path of kept weights from an input to an output"),
    ("published (protocol)", "the run of the length that was best on the test images, one seed, as behind the figures"),
    ("held out", "training images set aside choose the length; test images are looked at once; several seeds"),
    ("replay", "a run with the random numbers of the authors' code"),
    ("spread", "how far two runs of one point differ in 95 of 100 cases, measured by repetition"),
    ("linear, relu, wide", "how a random layer is made: two matrices; two matrices with a ReLU between them; one matrix, of a wider network with as many random weights"),
    ("first moment", "the number of coefficients at which one subset within ε is expected"),
)  # fmt: skip


def objective(name: str) -> str:
    """nearest sum, fewest coefficients, exactly 3 coefficients."""
    return f"exactly {name.removeprefix('exactly_')} coefficients" if name.startswith("exactly_") else OBJECTIVES.get(name, name)  # fmt: skip


def at_epsilon(name: str, epsilon: float) -> str:
    """An objective and its ε, which stay together in a line."""
    return f"{objective(name)}, ε\u00a0=\u00a0{epsilon:g}"


def solver(name: str) -> str:
    return " + ".join(SOLVERS.get(part, part) for part in name.split("+"))


def dataset(name: str) -> str:
    return DATASETS.get(name, name)
