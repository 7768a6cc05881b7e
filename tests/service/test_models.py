"""A new model serves when it has been verified as a whole; until then the last one does."""

from __future__ import annotations

import json
import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path
from threading import Event, Lock
from typing import Any

import numpy as np
import pytest

from customer_segmentation.datasets import ScoringBundleDataset
from customer_segmentation.scorer.bundle import ScoringBundle
from customer_segmentation.scorer.storage import MANIFEST, pack_bundle
from customer_segmentation.service.models import Models
from tests.service.running import RunningService, wait_until

CLIENTS = 16


def save(bundle: ScoringBundle, folder: Path) -> str:
    """Write a bundle as a run does; its version."""
    content = pack_bundle(bundle)
    ScoringBundleDataset((folder / MANIFEST).as_posix()).save(content)
    return str(json.loads(content)["version"])


def renew(bundle: ScoringBundle, number: int) -> ScoringBundle:
    """Another version: by its number, every set of a guess is full or holds one segment."""
    threshold = float(number % 2)
    champions = tuple(
        each.model_copy(update={"thresholds": np.full(len(each.thresholds), threshold)})
        for each in bundle.champions
    )
    return bundle.replace(
        champions=champions, libraries={**bundle.libraries, "number": str(number)}
    )


@pytest.fixture
def folder(tmp_path: Path, service_bundle: Path) -> Path:
    """A folder of one's own with the bundle of the run."""
    return Path(shutil.copytree(service_bundle, tmp_path / "scoring_bundle"))


@pytest.fixture
def held(folder: Path) -> Models:
    models = Models(folder)
    models.refresh()
    return models


def test_a_model_that_is_still_there_is_not_loaded_again(held, folder, bundle):
    assert Models(folder).current is None
    before = held.current
    assert before.version == bundle.version
    for _ in range(3):
        held.refresh()
    assert held.current is before
    assert (held.loaded, held.failed) == (1, 0)


def test_a_new_model_takes_the_place_of_the_last(held, folder, bundle):
    old = held.current
    save(renew(bundle, 1), folder)
    held.refresh()
    assert held.current.version not in {old.version, bundle.version}
    assert held.current.bundle.libraries["number"] == "1"
    assert old.bundle.libraries == bundle.libraries  # who answers from it goes on
    assert (held.loaded, held.failed) == (2, 0)


def flip_a_byte(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)


def cut_short(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-1])


def empty(file: Path) -> None:
    file.write_bytes(b"")


def turn_into_a_folder(file: Path) -> None:
    file.unlink()
    file.mkdir()


def turn_into_a_pipe(file: Path) -> None:
    file.unlink()
    os.mkfifo(file)


def turn_into_a_link(file: Path) -> None:
    file.rename(file.with_suffix(".kept"))
    file.symlink_to(file.with_suffix(".kept"))


DAMAGES = [flip_a_byte, cut_short, empty, Path.unlink, turn_into_a_folder, turn_into_a_pipe]


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_model_leaves_the_last_one_serving(held, folder, bundle, damage, caplog):
    old, new = held.current, renew(bundle, 1)
    save(new, folder)
    damage(folder / MANIFEST)
    caplog.clear()
    for _ in range(3):
        held.refresh()
    assert held.current is old
    assert held.failed == 1
    (line,) = caplog.records  # said once
    assert MANIFEST in line.getMessage()
    assert line.exc_info is None
    shutil.rmtree(folder)
    save(new, folder)
    held.refresh()
    assert held.current.bundle.libraries["number"] == "1"


def test_a_manifest_that_is_a_link_is_no_manifest(held, folder):
    turn_into_a_link(folder / MANIFEST)
    held.refresh()
    assert (held.loaded, held.failed) == (1, 1)


def test_a_model_whose_manifest_is_gone_serves_on(held, folder):
    old = held.current
    shutil.rmtree(folder)
    held.refresh()
    assert held.current is old
    assert held.failed == 1


def test_a_failure_is_said_again_after_it_was_mended(held, folder, bundle, caplog):
    content = (folder / MANIFEST).read_bytes()
    for _ in range(2):
        (folder / MANIFEST).unlink()
        held.refresh()
        (folder / MANIFEST).write_bytes(content)
        held.refresh()
    assert len([line for line in caplog.records if line.levelname == "ERROR"]) == 2
    assert held.current.version == bundle.version


def test_a_model_that_answers_otherwise_than_where_it_was_made_is_refused(held, folder, bundle):
    old = held.current
    example = bundle.examples[0]
    turned = {name: answer[::-1] for name, answer in example.answers.items()}
    wrong = example.model_copy(update={"answers": turned})
    save(bundle.replace(examples=(wrong, *bundle.examples[1:])), folder)
    held.refresh()
    assert held.current is old
    assert held.failed == 1


def test_no_fault_ends_the_watch(folder, monkeypatch, caplog):
    looked = count()

    def fail(_: Path) -> None:
        next(looked)
        raise RuntimeError("a bug")

    monkeypatch.setattr("customer_segmentation.service.models.load_bundle", fail)
    models, stopped = Models(folder), Event()
    thread = models.watch(0.001, stopped)
    wait_until(lambda: next(looked) > 5)
    stopped.set()
    thread.join(10)
    assert not thread.is_alive()
    assert models.failed == 1
    assert caplog.records[0].exc_info


def test_the_watch_finds_a_new_model_by_itself(held, folder, bundle):
    stopped = Event()
    thread = held.watch(0.01, stopped)
    save(renew(bundle, 7), folder)
    wait_until(lambda: held.current.bundle.libraries.get("number") == "7")
    stopped.set()
    thread.join(10)
    assert not thread.is_alive()


def test_every_route_has_answered_before_a_model_serves(folder, monkeypatch):
    asked = []
    from customer_segmentation.service import answers

    score = answers.score_households

    def note(bundle, households):
        scores = score(bundle, households)
        asked.extend(scores.routes.tolist())
        return scores

    monkeypatch.setattr(answers, "score_households", note)
    models = Models(folder)
    models.refresh()
    assert asked == list(range(len(models.current.bundle.routes)))


def test_clients_at_the_same_time_get_what_each_would_get_alone(client, app, bundle, known_to):
    records = [known_to(route.information_set) for route in bundle.routes]
    bodies: list[Any] = [*records, {"households": records}, {"households": [records[0], {}]}, {}]

    def ask(at: int) -> tuple[int, int, dict[str, Any]]:
        response = app.test_client().post("/segments", json=bodies[at % len(bodies)])
        content = response.json
        assert content.pop("request_id") == response.headers["X-Request-ID"]
        return at % len(bodies), response.status_code, content

    alone = {at: ask(at) for at in range(len(bodies))}
    with ThreadPoolExecutor(CLIENTS) as clients:
        for told in clients.map(ask, range(800)):
            assert told == alone[told[0]]


class Asking:
    """Clients that ask one after the other for the same, and compare what they get.

    Attributes:
        met: Sizes of the conformal sets in the answers of each version.
    """

    def __init__(self, service: RunningService, record: dict[str, Any]) -> None:
        self.service = service
        self.body = json.dumps({"households": [record] * 20}).encode()
        self.met: dict[str, set[int]] = {}
        self.stopped = Event()
        self._lock = Lock()

    def ask(self) -> int:
        """Ask until it is enough; how often that was."""
        connection, asked = self.service.connect(), 0
        kind = {"Content-Type": "application/json"}
        while not self.stopped.is_set():
            connection.request("POST", "/segments?reasons=false", self.body, kind)
            response = connection.getresponse()
            content = json.loads(response.read())
            assert response.status == 200
            sizes = {len(each["conformal_set"]) for each in content["answers"]}
            with self._lock:
                assert self.met.setdefault(content["model_version"], sizes) == sizes
            asked += 1
        return asked


def test_twenty_new_models_under_sixteen_clients_lose_nothing(start, folder, bundle, known_to):
    """Each answer is wholly of one version, and every version is met."""
    root = folder.parent / "run"
    place = Path(shutil.copytree(folder, root / "07_model_output" / "scoring_bundle"))
    service = start(data_root=root, reload_seconds=0.02).wait_ready()
    asking = Asking(service, known_to(bundle.routes[-1].information_set))
    with ThreadPoolExecutor(CLIENTS) as clients:
        asked = [clients.submit(asking.ask) for _ in range(CLIENTS)]
        try:
            for number in range(1, 21):
                version = save(renew(bundle, number), place)
                wait_until(lambda: version in asking.met or asked[0].done())  # noqa: B023
        finally:
            asking.stopped.set()
        assert all(each.result() > 0 for each in asked)
    renewed = [sizes for version, sizes in asking.met.items() if version != bundle.version]
    assert sorted(renewed, key=sorted) == [{1}] * 10 + [{len(bundle.segments)}] * 10


def test_a_damaged_model_does_not_disturb_those_who_ask(held, folder, bundle, open_app, household):
    client = open_app(held).test_client()
    save(renew(bundle, 1), folder)
    flip_a_byte(folder / MANIFEST)
    held.refresh()
    assert client.get("/health/ready").status_code == 200
    assert client.post("/segments", json=household).json["model_version"] == bundle.version
