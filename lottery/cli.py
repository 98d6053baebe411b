"""The `lottery` command line: one verb a step of the workflow, with its flags and help."""

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path

from lottery import __version__, verbs
from lottery.errors import LotteryError


def _add_settings(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--epsilon", type=float, default=0.01, help="largest |sum - weight| (default %(default)s)")
    add("--coefficients-per-bit", type=float, default=3, help="the paper's c: int(c round(log2(1/epsilon))) a weight")
    add("--objective", default="min_error", help="min_error, min_cardinality or first_feasible")
    add("--sharing", default="row", help="row (a set for all weights of an output row) or weight")
    add("--stream", default="keyed", help="keyed, or official: the released code's draws")
    add("--seed", type=int, default=1, help="of the coefficients")
    add("--coefficient-range", type=float, nargs=2, metavar=("LOW", "HIGH"), help="default: the target's own")
    add("--zero-small-weights", action="store_true", help="weights within epsilon of 0 become 0 with no solve")
    add("--on-infeasible", default="redraw", help="error, or redraw: further coefficients for that weight")


def _add_solver(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--solver", default="auto", help="exact, gurobi, cbc, mip or auto")
    parser.add_argument("--time-limit", type=float, help="seconds a weight for the MIP solvers")


def _add_variant(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--learning-rate", type=float, help="at the start; default: 0.1, and 0.01 for pruned lenet5, as published")
    add("--momentum", type=float, default=0.9)
    add("--weight-decay", type=float, default=5e-4)
    add("--batch-size", type=int, default=64)
    add("--hidden", type=int, default=500, help="hidden units of fc2 and fc4 (default %(default)s)")
    add("--bias", action="store_true", help="random frozen biases")
    add("--fan-in-counts-redundancy", action="store_true", help="variance of weight2 for all of its r * in inputs")
    add("--density-scale", action="store_true", help="weights scaled by 1 / sqrt(1 - sparsity)")
    add("--no-score-decay", dest="decay_scores", action="store_false", help="no weight decay on scores")
    add("--signed-constant", action="store_true", help="weights are plus or minus one constant")
    add("--first-sparsity", type=float, help="of weight1; default: as for weight2")
    add("--same-score-initialisation", action="store_true", help="scores of all structures start as those of wide")


def parser() -> argparse.ArgumentParser:
    """The command line, verb by verb."""
    top = argparse.ArgumentParser(
        prog="lottery",
        description="Optimal Lottery Tickets via SubsetSum, step by step. The workflow (see README.md) calls these verbs.",
    )
    top.add_argument("--version", action="version", version=f"lottery {__version__}")
    commands = top.add_subparsers(dest="verb", required=True, metavar="VERB")

    def verb(run: Callable[[argparse.Namespace], verbs.Outcome], summary: str) -> Callable[..., argparse.Action]:
        sub = commands.add_parser(run.__name__.replace("_", "-"), help=summary, description=summary)
        sub.set_defaults(run=run)
        parsers[run.__name__] = sub
        return sub.add_argument

    parsers: dict[str, argparse.ArgumentParser] = {}

    add = verb(verbs.fetch, "download or read a dataset, verify it, write one file of arrays")
    add("--dataset", required=True, help="mnist, fashion_mnist, kmnist, cifar10 or mnist5k (embedded)")
    add("--source", default="download", help="download, embedded, or the folder with the published files")
    add("--output", type=Path, required=True)

    add = verb(verbs.train, "train a target network")
    add("--data", type=Path, required=True, help="a file by `lottery fetch`")
    add("--network", required=True, help="fc2, fc4 or lenet5")
    add("--epochs", type=int, default=10)
    add("--learning-rate", type=float, default=0.1)
    add("--momentum", type=float, default=0.9)
    add("--weight-decay", type=float, default=5e-4)
    add("--batch-size", type=int, default=64)
    add("--seed", type=int, default=1)
    add("--device", default="auto", help="auto, cpu or cuda")
    add("--history", type=Path, required=True, help="JSON of loss and accuracy by epoch")
    add("--output", type=Path, required=True)

    add = verb(verbs.import_weights, "take a file of weights as the target instead of training")
    add("--weights", type=Path, required=True, help="safetensors, or a PyTorch state dict")
    add("--network", required=True)
    add("--dataset", required=True, help="decides the input size")
    add("--output", type=Path, required=True)

    add = verb(verbs.choose_solver, "settle which solver runs, once for a whole network")
    _add_solver(parsers["choose_solver"])
    add("--epsilon", type=float, default=0.01)
    add("--coefficients-per-bit", type=float, default=3)
    add("--weights-per-set", type=int, required=True, help="how many weights share a coefficient set")
    add("--output", type=Path, required=True)

    add = verb(verbs.solve, "solve subset sum for some rows of a layer")
    add("--target", type=Path, required=True, help="weights by `train` or `import-weights`")
    add("--layer", type=int, required=True, help="from 0, input first")
    add("--first-row", type=int, required=True, help="from 0")
    add("--last-row", type=int, required=True, help="included")
    _add_settings(parsers["solve"])
    _add_solver(parsers["solve"])
    add("--solver-choice", type=Path, help="a file by `choose-solver`, instead of --solver")
    add("--output", type=Path, required=True)

    add = verb(verbs.assemble, "put chunks together to the approximated network, checking every weight")
    add("--target", type=Path, required=True)
    add("--chunks", type=Path, nargs="+", required=True, help="files by `solve`, in any order")
    _add_settings(parsers["assemble"])
    add("--output", type=Path, required=True, help="a folder")

    add = verb(verbs.evaluate, "accuracy of the approximated network beside its target's")
    add("--data", type=Path, required=True)
    add("--target", type=Path, required=True)
    add("--network", type=Path, required=True, help="the approximated network")
    add("--device", default="auto")
    add("--output", type=Path, required=True)

    add = verb(verbs.cross_check, "solve a random sample of weights by another solver and by exact")
    add("--target", type=Path, required=True)
    add("--name", required=True, help="of the approximation, for the table")
    add("--sample", type=int, default=64, help="how many weights")
    add("--sample-seed", type=int, default=1)
    _add_settings(parsers["cross_check"])
    _add_solver(parsers["cross_check"])
    add("--seconds", type=Path, required=True, help="JSON of what was measured")
    add("--output", type=Path, required=True, help="CSV, a line a weight")

    add = verb(verbs.prune, "one run of experiment 2: prune a random network by learned scores")
    add("--data", type=Path, required=True, help="a file by `lottery fetch`")
    add("--network", required=True, help="fc2, fc4 or lenet5")
    add("--structure", required=True, help="linear, relu, wide, or dense (trained, nothing pruned)")
    add("--redundancy", type=int, default=5, help="random weights for each weight; decides the size of wide, too")
    add("--sparsity", type=float, default=0.5, help="the share removed: 0 keeps all (default %(default)s)")
    add("--epochs", type=int, default=10)
    add("--seed", type=int, default=1, help="of weights, scores and data order")
    add("--protocol", default="published", help="published, or held_out (with a validation split)")
    add("--validation-images", type=int, help="training images set aside by held_out (default 5000)")
    _add_variant(parsers["prune"])
    add("--convolutions", type=Path, help="weights of the frozen convolutions of lenet5; default: random")
    add("--device", default="auto", help="auto, cpu or cuda")
    add("--output", type=Path, required=True, help="a folder; a run that was killed goes on from what is there")

    add = verb(verbs.tabulate, "table 1, comparison with the paper, cardinalities, cross-checks, cost")
    add("--approximations", type=Path, nargs="*", default=[], help="their folders")
    add("--cross-checks", type=Path, nargs="*", default=[])
    add("--seconds", type=Path, nargs="*", default=[])
    add("--output", type=Path, required=True, help="a folder")

    add = verb(verbs.tabulate_runs, "experiment 2: all runs, points by protocol, comparison, the paper's claims")
    add("--runs", type=Path, required=True, help="JSON list of {variant, folder}")
    add("--folder", type=Path, required=True, help="that the folders of the list are in")
    add("--output", type=Path, required=True, help="a folder")

    for plot, table, what in (
        (verbs.plot_accuracy, "points.csv", "accuracy against parameters"),
        (verbs.plot_epochs, "histories.csv", "accuracy against epochs"),
        (verbs.plot_redundancy, "points.csv", "accuracy against redundancy"),
    ):
        add = verb(plot, f"figure: {what}")
        add("--table", type=Path, required=True, help=f"{table} by `tabulate-runs`")
        add("--network", required=True, help="fc2, fc4 or lenet5")
        if plot is verbs.plot_accuracy:
            add("--against", default="remaining", choices=("remaining", "alive"), help="which parameters")
        add("--output", type=Path, required=True, help="path without suffix; .svg and .png are written")

    add = verb(verbs.plot_errors, "figure: distribution of |sum - weight|")
    add("--approximations", type=Path, nargs="+", required=True)
    add("--output", type=Path, required=True, help="path without suffix; .svg and .png are written")

    for plot, what in (
        (verbs.plot_cardinality, "coefficients kept for a weight"),
        (verbs.plot_seconds, "seconds a weight"),
    ):
        add = verb(plot, f"figure: {what}")
        add("--table", type=Path, required=True)
        add("--output", type=Path, required=True, help="path without suffix; .svg and .png are written")

    add = verb(verbs.summarise, "one page with tables, figures and verdicts")
    add("--tables", type=Path, required=True, help="the folder by `tabulate`")
    add("--figures", type=Path, nargs="*", default=[], help="SVG files")
    add("--output", type=Path, required=True)

    add = verb(verbs.solvers, "which solvers are there, and which Gurobi licence")
    add("--coefficients", type=int, default=21)
    return top


def main(argv: list[str] | None = None) -> int:
    """Run one verb; a mistake the user can mend is one line on stderr and status 1."""
    arguments = parser().parse_args(argv)
    started = time.monotonic()
    from lottery.kept import Kept, settle  # after parsing, so that help and usage errors are instant
    from lottery.provenance import record
    from lottery.subset_sum.problem import SubsetSumError

    try:
        kept = Kept(arguments)
        if kept.taken_back():
            return 0
        result, facts = arguments.run(arguments)
        if result is not None:
            settings = {name: value for name, value in vars(arguments).items() if name not in ("run", "verb")}
            record(result, arguments.verb, settings, time.monotonic() - started, facts)
            print(f"wrote {result}")
        kept.keep()
        settle(arguments)
    except (LotteryError, SubsetSumError, OSError, MemoryError) as error:
        print(f"lottery {arguments.verb}: {error or type(error).__name__}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(
            f"lottery {arguments.verb}: stopped; finished work is kept, run the same command to go on", file=sys.stderr
        )
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
