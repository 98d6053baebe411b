"""The `lottery` command line: one command per step of the workflow, with its flags; its help is the docstring."""

import argparse
import difflib
import inspect
import io
import os
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from lottery import __version__
from lottery.commands import data, maintenance, pruning, results, subset_sum, targets, theory, tickets
from lottery.errors import LotteryError
from lottery.networks import NETWORKS
from lottery.pruning.run import STRUCTURES
from lottery.workflow import shared_jobs

if TYPE_CHECKING:
    from lottery.records.provenance import ProvenanceTracker

Run = Callable[[argparse.Namespace, "ProvenanceTracker"], None]
NewCommand = Callable[[Run], argparse.ArgumentParser]

EPILOG = """\
The workflow (see README.md) calls these commands and prints each one, so that it can be run by hand.  `lottery COMMAND
--help` describes it.  Errors are one line on stderr, with exit status 1.  To resume an interrupted command, run it again.
"""


def _add_settings(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--epsilon", type=float, default=0.01, help="largest |sum - weight| (default %(default)s)")
    add("--coefficients-per-bit", type=float, default=3, help="the paper's c: int(c round(log2(1/epsilon))) a weight")
    add("--objective", default="min_error", help="min_error, min_cardinality, first_feasible or exactly_K")
    add("--sharing", default="row", help="row (a set for all weights of an output row) or weight")
    add("--stream", default="keyed", help="keyed, or released: the released code's draws")
    add("--seed", type=int, default=1, help="of the coefficients")
    add("--coefficient-range", type=float, nargs=2, metavar=("LOW", "HIGH"), help="default: the target's own")
    add("--zero-small-weights", action="store_true", help="weights within epsilon of 0 become 0 with no solve")
    add(
        "--on-infeasible",
        default="redraw",
        help="error, redraw (further coefficients for that weight) or nearest (beyond epsilon)",
    )


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


def _add_data_and_targets(command: NewCommand) -> None:
    add = command(data.fetch).add_argument
    add("--dataset", required=True, help="mnist, fashion_mnist, kmnist, cifar10 or mnist5k (embedded)")
    add("--source", default="download", help="download, embedded, or the folder with the published files")
    add("--output", type=Path, required=True)

    add = command(targets.train).add_argument
    add("--data", type=Path, required=True, help="a file by `lottery fetch`")
    add("--network", required=True, help=", ".join(NETWORKS))
    add("--epochs", type=int, default=10)
    add("--learning-rate", type=float, default=0.1)
    add("--momentum", type=float, default=0.9)
    add("--weight-decay", type=float, default=5e-4)
    add("--batch-size", type=int, default=64)
    add("--seed", type=int, default=1)
    add("--stream", default="released", help="released (one generator, as in the paper's runs) or keyed")
    add("--pixels", default="normalised", help="what it is trained on: normalised, or raw (0 to 1)")
    add("--device", default="auto", help="auto, cpu or cuda")
    add("--history", type=Path, required=True, help="JSON of loss and accuracy by epoch")
    add("--output", type=Path, required=True)

    add = command(targets.import_weights).add_argument
    add("--weights", type=Path, required=True, help="safetensors, or a PyTorch state dict or checkpoint")
    add("--network", required=True)
    add("--dataset", required=True, help="decides the input size")
    add("--pixels", default="normalised", help="what the weights were trained on: normalised, or raw (0 to 1)")
    add("--output", type=Path, required=True)


def _add_experiment_1(command: NewCommand) -> None:
    parser = command(subset_sum.choose_solver)
    _add_solver(parser)
    add = parser.add_argument
    add("--epsilon", type=float, default=0.01)
    add("--coefficients-per-bit", type=float, default=3)
    add("--objective", default="min_error", help="exact has not every one")
    add("--weights-per-set", type=int, required=True, help="how many weights share a coefficient set")
    add("--output", type=Path, required=True)

    parser = command(subset_sum.solve)
    add = parser.add_argument
    add("--target", type=Path, required=True, help="weights by `train` or `import-weights`")
    add("--layer", type=int, required=True, help="from 0, input first")
    add("--first-row", type=int, required=True, help="from 0")
    add("--last-row", type=int, required=True, help="included")
    _add_settings(parser)
    _add_solver(parser)
    add("--solver-choice", type=Path, help="a file by `choose-solver`, instead of --solver")
    add("--output", type=Path, required=True)

    parser = command(subset_sum.assemble)
    add = parser.add_argument
    add("--target", type=Path, required=True)
    add("--chunks", type=Path, nargs="+", required=True, help="files by `solve`, in any order")
    _add_settings(parser)
    add("--output", type=Path, required=True, help="a folder")

    add = command(subset_sum.evaluate).add_argument
    add("--data", type=Path, required=True)
    add("--target", type=Path, required=True)
    add("--network", type=Path, required=True, help="the approximated network")
    add("--device", default="auto")
    add("--output", type=Path, required=True)

    parser = command(subset_sum.cross_check)
    add = parser.add_argument
    add("--target", type=Path, required=True)
    add("--name", required=True, help="of the approximation, for the table")
    add("--sample", type=int, default=64, help="how many weights")
    add("--sample-seed", type=int, default=1)
    _add_settings(parser)
    _add_solver(parser)
    add("--seconds", type=Path, required=True, help="JSON of what was measured")
    add("--output", type=Path, required=True, help="CSV, a line a weight")

    parser = command(subset_sum.measure_frontier)
    add = parser.add_argument
    add("--target", type=Path, required=True)
    add("--data", type=Path, required=True, help="a file by `lottery fetch`")
    _add_settings(parser)
    add("--device", default="auto")
    add("--output", type=Path, required=True)


def _add_tickets(command: NewCommand) -> None:
    add = command(tickets.build_ticket).add_argument
    add("--target", type=Path, required=True, help="weights by `train` or `import-weights`")
    add("--data", type=Path, required=True, help="a file by `lottery fetch`, for the claimed accuracy")
    add("--units-per-input", type=int, default=42, help="hidden units for each input of a layer (default %(default)s)")
    add("--distribution", nargs="+", default=["uniform"], help="uniform (U[-1, 1), default), normal, or LOW HIGH")
    add("--epsilon", type=float, default=0.01, help="largest error of a weight (default %(default)s)")
    add("--objective", default="min_error", help="min_error, min_cardinality, first_feasible or exactly_K")
    add("--seed", type=int, default=1, help="of the random network")
    add("--signed-inputs", action="store_true", help="serve negative inputs of a layer as well")
    add("--on-infeasible", default="widen", help="error, or widen: the layer gets further units")
    add("--device", default="auto", help="auto, cpu or cuda")
    add("--counts", type=Path, required=True, help="JSON of what was asked for and counted")
    add("--output", type=Path, required=True, help="the ticket: seed and masks")

    add = command(tickets.tabulate_tickets).add_argument
    add("--tickets", type=Path, nargs="*", default=[], help="their folders")
    add("--output", type=Path, required=True, help="a folder")


def _add_experiment_2(command: NewCommand) -> None:
    parser = command(pruning.prune)
    add = parser.add_argument
    add("--data", type=Path, required=True, help="a file by `lottery fetch`")
    add("--network", required=True, help=", ".join(NETWORKS))
    add("--structure", required=True, help=f"{', '.join(STRUCTURES)} (dense: trained, nothing pruned)")
    add("--redundancy", type=int, default=5, help="random weights for each weight; decides the size of wide, too")
    add("--sparsity", type=float, default=0.5, help="the share removed: 0 keeps all (default %(default)s)")
    add("--epochs", type=int, default=10)
    add("--seed", type=int, default=1, help="of weights, scores and data order")
    add("--stream", default="keyed", help="keyed, or released: under seed 1 the random numbers of the paper's own runs")
    add("--perturbation", type=int, help="seed of rounding-size noise (relative 1e-7) on what learning starts from")
    add("--protocol", default="published", help="published, or held_out (with a validation split)")
    add("--validation-images", type=int, help="training images set aside by held_out (default 5000)")
    _add_variant(parser)
    add("--convolutions", type=Path, help="weights of the frozen convolutions of lenet5; default: random")
    add("--device", default="auto", help="auto, cpu or cuda")
    add("--output", type=Path, required=True, help="a folder; a run that was killed goes on from what is there")


def _add_theory(command: NewCommand) -> None:
    add = command(theory.measure_success).add_argument
    add("--kind", required=True, help="of coefficients: uniform, product, relu, relu_pair or hyperbolic")
    add("--targets", nargs="+", default=["one"], help="one, all, or both (default: one)")
    add("--coefficients", type=int, nargs="+", required=True, help="how many a trial draws")
    add("--cardinality", type=int, help="the only size of subsets that counts; default: any")
    add("--trials", type=int, default=10000, help="for each number of coefficients (default %(default)s)")
    add("--epsilons", type=float, nargs="+", required=True)
    add("--seed", type=int, default=1)
    add("--output", type=Path, required=True, help="CSV")

    add = command(theory.tabulate_theory).add_argument
    add("--measurements", type=Path, nargs="*", default=[], help="files by `measure-success`")
    add("--output", type=Path, required=True, help="a folder")

    add = command(theory.plot_theory).add_argument
    add("--figure", required=True, choices=("success", "thresholds", "single", "cardinality"))
    add("--table", type=Path, required=True, help="theory_success.csv for success, else theory_thresholds.csv")
    add("--output", type=Path, required=True, help="path without suffix; .svg and .png are written")


def _add_results(command: NewCommand) -> None:
    add = command(results.tabulate).add_argument
    add("--approximations", type=Path, nargs="*", default=[], help="their folders")
    add("--cross-checks", type=Path, nargs="*", default=[], help="files by `cross-check`")
    add("--seconds", type=Path, nargs="*", default=[], help="what `cross-check --seconds` wrote")
    add("--output", type=Path, required=True, help="a folder")

    add = command(results.tabulate_runs).add_argument
    add("--runs", type=Path, help="JSON list of {variant, folder}")
    add("--sha256", help="of that list; another one is refused")
    add("--folder", type=Path, default=Path(), help="that the folders of the list are in")
    add("--tables", type=Path, nargs="+", default=[], help="folders of tables by this command: their runs are added")
    add("--output", type=Path, required=True, help="a folder")

    add = command(results.trace).add_argument
    add("--tables", type=Path, nargs="+", required=True, help="files by `tabulate` and `tabulate-runs`")
    add("--output", type=Path, required=True, help="a folder")

    add = command(results.tabulate_frontiers).add_argument
    add("--points", type=Path, required=True, help="JSON list of {frontier, point}")
    add("--sha256", help="of that list; another one is refused")
    add("--folder", type=Path, required=True, help="that the points of the list are in")
    add("--output", type=Path, required=True, help="a folder")

    add = command(results.plot_frontier).add_argument
    add("--table", type=Path, required=True, help="frontier.csv by `tabulate-frontiers`")
    add("--frontier", required=True, help="its name")
    add("--output", type=Path, required=True, help="path without suffix; .svg and .png are written")

    for plot, table in (
        (results.plot_accuracy, "points.csv"),
        (results.plot_epochs, "histories.csv"),
        (results.plot_redundancy, "points.csv"),
        (results.plot_variants, "runs.csv"),
    ):
        add = command(plot).add_argument
        add("--table", type=Path, required=True, help=f"{table} by `tabulate-runs`")
        add("--network", required=True, help=", ".join(NETWORKS))
        if plot is results.plot_accuracy:
            add("--against", default="remaining", choices=("remaining", "alive"), help="which parameters")
        add("--output", type=Path, required=True, help="path without suffix; .svg and .png are written")

    add = command(results.plot_errors).add_argument
    add("--approximations", type=Path, nargs="+", required=True, help="their folders")
    add("--output", type=Path, required=True, help="path without suffix; .svg and .png are written")

    for plot, table in (
        (results.plot_cardinality, "cardinality.csv"),
        (results.plot_seconds, "cost.csv"),
        (results.plot_replays, "points_compared.csv"),
        (results.plot_held_out, "points.csv"),
        (results.plot_wide_minus_linear, "points.csv"),
    ):
        add = command(plot).add_argument
        add("--table", type=Path, required=True, help=f"{table} by `tabulate` or `tabulate-runs`")
        add("--output", type=Path, required=True, help="path without suffix; .svg and .png are written")

    add = command(results.summarise).add_argument
    add("--tables", type=Path, required=True, help="the folder by `tabulate` and `tabulate-runs`")
    add("--figures", type=Path, nargs="*", default=[], help="SVG files")
    add("--output", type=Path, required=True, help="HTML; the verdicts go to tables/verdicts.json beside it")


def _add_maintenance(command: NewCommand) -> None:
    add = command(subset_sum.solvers).add_argument
    add("--coefficients", type=int, default=21)

    add = command(tickets.verify).add_argument
    add("ticket", type=Path, help="a file by `lottery build-ticket`")
    add("--target", type=Path, help="hold every weight against these")
    add("--data", type=Path, help="a file by `lottery fetch`: run the network on its test images")
    add("--device", default="auto")
    add("--output", type=Path, help="JSON of what was found")

    add = command(results.findings).add_argument
    add("--tables", type=Path, required=True, help="the folder of all tables")

    add = command(results.crate).add_argument
    add("results", type=Path, help="the folder that the workflow wrote")

    add = command(maintenance.audit).add_argument
    add("targets", nargs="*", default=["all"], help="as for snakemake: experiment_1, pruning, ...; default: all")
    add("--snakefile", "-s", type=Path, help="as for snakemake: of an installation elsewhere")
    add("--directory", "-d", type=Path, help="as for snakemake: the folder to work in")
    add("--configfile", type=Path, nargs="+", default=[], help="as for snakemake")
    add("--config", nargs="+", default=[], metavar="KEY=VALUE", help="as for snakemake")
    add("--remove", action="store_true", help="delete results with a fault, so that the next run makes them again")

    add = command(maintenance.completion).add_argument
    add("shell", choices=("bash", "zsh", "tcsh"))


# In the order of `lottery --help`: first what people type themselves, then what the rules call.
STAGES = {
    "to look and check": _add_maintenance,
    "data and targets": _add_data_and_targets,
    "experiment 1, weights as subset sums": _add_experiment_1,
    "experiment 2, pruned random networks": _add_experiment_2,
    "the network of the proof": _add_tickets,
    "theory": _add_theory,
    "tables, figures and the page": _add_results,
}


class _Parser(argparse.ArgumentParser):
    """Answers an unknown command with the nearest one, not with all of them."""

    def error(self, message: str) -> NoReturn:
        if wrong := re.match(r"argument COMMAND: invalid choice: '([^']*)' \(choose from (.*)\)", message):
            close = difflib.get_close_matches(wrong[1], re.findall(r"[a-z][a-z0-9-]+", wrong[2]), n=1)
            hint = f"did you mean `{close[0]}`?" if close else "`lottery --help` lists them"
            self.exit(2, f"lottery: no command {wrong[1]!r}; {hint}\n")
        super().error(message)


def parser() -> argparse.ArgumentParser:
    """The command line, command by command."""
    top = _Parser(
        prog="lottery",
        usage="lottery [-h] [--version] COMMAND ...",
        description="Optimal Lottery Tickets via SubsetSum, step by step.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    top.add_argument("--version", action="version", version=f"lottery {__version__}")
    commands = top.add_subparsers(dest="verb", required=True, metavar="COMMAND", help=argparse.SUPPRESS, prog="lottery")
    listed: list[str] = []

    def command(run: Run) -> argparse.ArgumentParser:
        text = inspect.getdoc(run) or ""
        name, summary = run.__name__.replace("_", "-"), text.partition("\n")[0].rstrip(".")
        listed.append(f"  {name:24}{summary[:1].lower()}{summary[1:]}")
        sub = commands.add_parser(name, description=text, formatter_class=argparse.RawDescriptionHelpFormatter)
        sub.add_argument(
            "--plugin", type=Path, action="append", default=[], metavar="FILE",
            help="Python file that adds datasets, networks, structures, solvers or objectives; may be repeated",
        )  # fmt: skip
        own = run.__name__ in shared_jobs.SHARED  # may make what other jobs ask for
        sub.set_defaults(run=shared_jobs.shared(run) if own else run, parser=top)
        return sub

    for stage, add_commands in STAGES.items():
        listed.append(f"\n{stage}:")
        add_commands(command)
    top.description = "\n".join([str(top.description), *listed])
    return top


def _mistakes() -> tuple[type[Exception], ...]:
    """What a user can mend.  Errors of heavy modules are known only where the verb has loaded those."""
    known = (("lottery.subset_sum.problem", "SubsetSumError"), ("torch", "OutOfMemoryError"))  # of a GPU
    loaded = [getattr(sys.modules[module], name) for module, name in known if module in sys.modules]
    return LotteryError, OSError, MemoryError, *loaded


def _leave_the_users_environment() -> None:
    """What is set up for other programs neither fails a command nor changes a figure."""
    os.environ |= {
        "MPLBACKEND": "Agg",
        "MATPLOTLIBRC": os.devnull,
    }  # matplotlib fails on import where it knows a name not
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # where a terminal or pipe has fewer letters than we print


def main(argv: list[str] | None = None) -> int:
    """Run one verb; a mistake the user can mend is one line on stderr and status 1."""
    _leave_the_users_environment()
    arguments = parser().parse_args(argv)
    from lottery.plugins import load_plugins
    from lottery.records.provenance import ProvenanceTracker
    from lottery.records.result_cache import (  # after parsing, so that help and usage errors are instant
        cache_if_grouped,
        restore,
    )

    try:
        load_plugins(arguments.plugin)
        provenance = ProvenanceTracker(arguments.verb, vars(arguments))
        if (finished := restore(provenance)) is not None:
            print(f"{finished} was finished by an earlier attempt")
            return 0
        arguments.run(arguments, provenance)
        if result := provenance.save():
            cache_if_grouped(result)
            print(f"wrote {result}")
    except _mistakes() as error:
        print(f"lottery {arguments.verb}: {str(error) or type(error).__name__}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(
            f"lottery {arguments.verb}: stopped; finished work is kept, run the same command to go on", file=sys.stderr
        )
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
