"""Measure what scoring costs, beside the usual way: in process, over HTTP, and for large files.

The usual way is a data frame of one row through scikit-learn's preprocessing into XGBoost, and
shap.TreeExplainer for the reasons. Both sides start from a household that has been validated and is
in memory: ours from the array that the reader makes, theirs from a dictionary of the same numbers,
derived variables among them. The ways take turns in short blocks, so that what else the machine
does meets all of them, and medians are compared. Promises are printed beside the figures and never
asserted, because machines differ.

Run it from the project's folder after `kedro run`:

    PYTHONPATH=src python -m tools.bench_scoring [DATA_ROOT]
"""

from __future__ import annotations

import json
import re
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException
from itertools import cycle
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
from kedro.framework.context import KedroContext
from kedro.framework.session import KedroSession
from kedro.framework.startup import bootstrap_project
from tools.bench import NODE_LINE, PROJECT, PeakMemory

from customer_segmentation import limit_threads
from customer_segmentation.panel.codebook import Codebook, Scale
from customer_segmentation.panel.contract import restore_codes
from customer_segmentation.scorer.bundle import ScoringBundle
from customer_segmentation.scorer.routes import Assignment, Route
from customer_segmentation.scorer.scoring import score_households
from customer_segmentation.scorer.storage import load_bundle

HOUSEHOLDS = 20  # of the panel, one after the other
BLOCKS = 30
ROWS = 1_000_000
PROMISED = {"score": 50, "full answer": 10, "without reasons": 3, "with reasons": 6}
PROMISED_RATE, PROMISED_GIGABYTES = 150_000, 1.0
BUNDLE = Path("07_model_output", "scoring_bundle")
ADDRESS = re.compile(r"http://127\.0\.0\.1:(\d+) ")

Record = dict[str, float]
Call = Callable[[], object]


class Way(NamedTuple):
    """Something to be timed: one call per household, made again and again.

    Attributes:
        calls: What is called in turn.
        number: How many calls make a block.
    """

    calls: Iterator[Call]
    number: int


def take_turns(ways: Mapping[str, Way]) -> dict[str, float]:
    """Time the ways in alternating blocks.

    Returns:
        For each way the median of its calls, in seconds; the first block warms up.
    """
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for block in range(BLOCKS + 1):
        for name, way in ways.items():
            for _ in range(way.number):
                call = next(way.calls)
                started = time.perf_counter()
                call()
                if block:
                    seconds[name].append(time.perf_counter() - started)
    return {name: median(each) for name, each in seconds.items()}


class UsualWay:
    """Preprocessing and XGBoost fitted on the panel, for the variables of one route.

    Args:
        columns: Each variable of every household.
        segments: The number of every household's segment.
        codebook: Tells which variables are codes.
    """

    def __init__(
        self, columns: Mapping[str, npt.NDArray[np.float64]], segments: Any, codebook: Codebook
    ) -> None:
        from shap import TreeExplainer
        from sklearn.compose import ColumnTransformer
        from sklearn.impute import SimpleImputer
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import OneHotEncoder, StandardScaler
        from xgboost import XGBClassifier

        table = pd.DataFrame(columns)
        codes = [name for name in table if codebook[str(name)].scale == Scale.NOMINAL]
        numbers = make_pipeline(SimpleImputer(strategy="median"), StandardScaler())
        self._prepare = ColumnTransformer(
            [
                ("codes", OneHotEncoder(handle_unknown="ignore", sparse_output=False), codes),
                ("numbers", numbers, [name for name in table if name not in codes]),
            ]
        )
        self._pipeline = make_pipeline(self._prepare, XGBClassifier(n_jobs=1))
        self._pipeline.fit(table, segments)
        self._explainer = TreeExplainer(self._pipeline[-1])

    def score(self, record: Record) -> object:
        """Probabilities of one household."""
        return self._pipeline.predict_proba(pd.DataFrame([record]))

    def explain(self, record: Record) -> object:
        """Probabilities and SHAP values of one household, prepared once."""
        prepared = self._prepare.transform(pd.DataFrame([record]))
        return self._pipeline[-1].predict_proba(prepared), self._explainer.shap_values(prepared)


def time_in_process(bundle: ScoringBundle, coded: pd.DataFrame) -> None:
    """Print how many times faster than the usual way one household is scored, for each route."""
    households = bundle.reader.read_table(coded, "the panel")
    segments = score_households(bundle, households).segments
    print(
        f"\nOne household in process\n{'':38}{'usual':>10}{'ours':>10}{'times':>8}{'promised':>10}"
    )
    for route in bundle.routes:
        columns = route.inputs.derive(households.values)
        columns = {name: columns[name] for name in _list_variables(route)}
        usual = UsualWay(columns, segments, bundle.codebook)
        told = pd.DataFrame(columns).head(HOUSEHOLDS).to_dict("records")
        records = coded[route.inputs.fields].head(HOUSEHOLDS).to_dict("records")
        _print_ratios(route.information_set, _time_route(bundle, records, usual, told))


def _list_variables(route: Route) -> tuple[str, ...]:
    return route.segmenter.variables if isinstance(route, Assignment) else route.terms


def _time_route(
    bundle: ScoringBundle, records: list[Any], usual: UsualWay, told: list[Any]
) -> dict[str, float]:
    read = [bundle.reader.read_records([record]).households for record in records]

    def answer_fully(at: int) -> object:
        scores = score_households(bundle, read[at])
        return scores.segments, scores.form_sets(), scores.explain()

    def read_and_score(at: int) -> object:
        return score_households(bundle, bundle.reader.read_records([records[at]]).households)

    def each(function: Callable[[int], object]) -> Iterator[Call]:
        return cycle([lambda at=at: function(at) for at in range(HOUSEHOLDS)])

    return take_turns(
        {
            "usual score": Way(each(lambda at: usual.score(told[at])), 2),
            "score": Way(each(lambda at: score_households(bundle, read[at])), HOUSEHOLDS),
            "usual full answer": Way(each(lambda at: usual.explain(told[at])), 2),
            "full answer": Way(each(answer_fully), HOUSEHOLDS),
            "reading and checking too": Way(each(read_and_score), HOUSEHOLDS),
        }
    )


def _print_ratios(name: str, seconds: Mapping[str, float]) -> None:
    print(name)
    for what in ("score", "full answer"):
        theirs, ours = seconds[f"usual {what}"], seconds[what]
        print(
            f"  {what:36}{1e6 * theirs:7.0f} µs{1e6 * ours:7.0f} µs{theirs / ours:8.0f}"
            f"{PROMISED[what]:>10}"
        )
    what = "reading and checking too"
    theirs, ours = seconds["usual score"], seconds[what]
    print(f"  score, {what:29}{1e6 * theirs:7.0f} µs{1e6 * ours:7.0f} µs{theirs / ours:8.0f}")


def serve_nothing(folder: Path, context: KedroContext) -> None:
    """Serve an app whose one route answers with nothing, by the server of the service."""
    from flask import Flask

    from customer_segmentation.service.models import Models
    from customer_segmentation.service.parameters import ServiceParameters
    from customer_segmentation.service.server import listen, serve

    app = Flask("empty")

    @app.post("/segments")
    def answer() -> str:
        return ""

    listener = listen("127.0.0.1", 0)
    print(f"http://127.0.0.1:{listener.getsockname()[1]} serves nothing", file=sys.stderr)
    limits = ServiceParameters.model_validate(context.params["service"])
    serve(app, Models(folder), listener, limits)


@contextmanager
def serving(*command: str) -> Iterator[HTTPConnection]:
    """Start a server in a process of its own and connect to it, once it is ready."""
    process = subprocess.Popen(
        [sys.executable, "-m", *command],
        cwd=PROJECT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        found = next(filter(None, map(ADDRESS.search, process.stderr or ())))
        connection = HTTPConnection("127.0.0.1", int(found[1]), timeout=60)
        while process.poll() is None and not _is_ready(connection):
            time.sleep(0.1)
        yield connection
    finally:
        process.terminate()
        process.communicate()


def _is_ready(connection: HTTPConnection) -> bool:
    """Ask for readiness; an app that does not know the question is ready."""
    try:
        connection.request("GET", "/health/ready")
        with connection.getresponse() as response:
            response.read()
    except (OSError, HTTPException):
        connection.close()
        return False
    return response.status != HTTPStatus.SERVICE_UNAVAILABLE


def time_requests(bundle: ScoringBundle, data_root: Path) -> None:
    """Print how many times the latency of an empty route a request for a segment has."""
    print("\nPOST /segments over loopback")
    print(f"{'':38}{'empty':>10}{'ours':>10}{'times':>8}{'at most':>10}")
    with (
        serving("tools.bench_scoring", data_root.as_posix(), "--serve-nothing") as empty,
        serving("kedro", "serve", "--port", "0", "--params", f"data_root={data_root}") as ours,
    ):
        for route in bundle.routes:
            known = bundle.examples[0].values
            body = json.dumps({name: known[name] for name in route.inputs.fields}).encode()
            seconds = take_turns(
                {
                    "empty": _ask(empty, "/segments", body),
                    "without reasons": _ask(ours, "/segments?reasons=false", body),
                    "with reasons": _ask(ours, "/segments", body),
                }
            )
            print(route.information_set)
            for what in ("without reasons", "with reasons"):
                times = seconds[what] / seconds["empty"]
                print(
                    f"  {what:36}{1e6 * seconds['empty']:7.0f} µs{1e6 * seconds[what]:7.0f} µs"
                    f"{times:8.1f}{PROMISED[what]:>10}"
                )


def _ask(connection: HTTPConnection, path: str, body: bytes) -> Way:
    def request() -> None:
        connection.request("POST", path, body, {"Content-Type": "application/json"})
        with connection.getresponse() as response:
            response.read()
        if response.status != HTTPStatus.OK:
            raise RuntimeError(f"{path} answered {response.status}")

    return Way(cycle([request]), 20)


def time_files(bundle: ScoringBundle, coded: pd.DataFrame, data_root: Path) -> None:
    """Print rows per second and peak memory for large files of each kind."""
    print(
        f"\n{ROWS:,} rows from Parquet; promised: {PROMISED_RATE:,} rows/s, {PROMISED_GIGABYTES} GB"
    )
    identifier = bundle.codebook.field(bundle.codebook.identifier)
    many = coded.iloc[np.arange(ROWS) % len(coded)].reset_index(drop=True)
    many[identifier.name] = int(identifier.minimum or 0) + np.arange(ROWS)
    fields = {route.information_set: route.inputs.fields for route in bundle.routes[1:]}
    everything = [field.name for field in bundle.codebook.fields if field != identifier]
    kinds = {"complete records": everything, **fields}
    with TemporaryDirectory() as folder:
        shutil.copytree(data_root / BUNDLE, Path(folder) / BUNDLE)
        for kind, names in kinds.items():
            file = Path(folder, "households.parquet")
            many[[identifier.name, *names]].to_parquet(file, index=False)
            print(f"{kind}: {len(names) + 1} columns")
            _time_file(file)


def _time_file(file: Path) -> None:
    parameters = f"data_root={file.parent},households_file={file}"
    command = ["kedro", "run", "--pipelines", "scoring", "--params", parameters]
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", *command], cwd=PROJECT, stdout=subprocess.PIPE, text=True
    )
    memory = PeakMemory(process)
    memory.start()
    nodes = [
        float(found["seconds"]) for found in map(NODE_LINE.match, process.stdout or ()) if found
    ]
    if process.wait():
        raise RuntimeError("the run has failed")
    whole = time.perf_counter() - started
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    processor = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    for what, seconds in (
        ("from the file to the saved scores", sum(nodes)),
        ("the whole command", whole),
        ("processors together, the whole command", processor),
    ):
        print(f"  {what:40}{seconds:7.1f} s{ROWS / seconds:12,.0f} rows/s")
    print(f"  {'at the peak':40}{memory.peak / 1e9:7.2f} GB")


def main(data_root: Path, *options: str) -> None:
    """Measure everything, or serve nothing for the measurement."""
    limit_threads()
    bootstrap_project(PROJECT)
    context = KedroSession.create(PROJECT).load_context()
    if options:
        serve_nothing(data_root / BUNDLE, context)
        return
    bundle = load_bundle(data_root / BUNDLE)
    households = pd.read_parquet(data_root / "03_primary" / "households.parquet")
    coded = restore_codes(households, bundle.codebook)
    time_in_process(bundle, coded)
    time_requests(bundle, data_root)
    time_files(bundle, coded, data_root)


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else PROJECT / "data").absolute(), *sys.argv[2:])
