"""A stored bundle answers as before, or is refused with a reason; nothing lies in between."""

from __future__ import annotations

import errno
import json
import os
import pickletools
import subprocess
import sys
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from customer_segmentation.datasets import ScoringBundleDataset
from customer_segmentation.panel.values import ReadableError
from customer_segmentation.scorer.routes import Evidence
from customer_segmentation.scorer.scoring import check_examples
from customer_segmentation.scorer.storage import (
    MANIFEST,
    BundleError,
    load_bundle,
    pack_bundle,
    unpack_bundle,
)
from tests.scorer.conftest import ask_every_route

SETS = [f"{model} 3" for model in ("lr", "xgboost", "rf")]


@pytest.fixture(scope="module")
def content(bundle) -> bytes:
    return pack_bundle(bundle)


@pytest.fixture
def folder(tmp_path, content) -> Path:
    """A folder with a saved bundle."""
    save(tmp_path / "bundle", content)
    return tmp_path / "bundle"


def save(folder: Path, content: bytes) -> None:
    ScoringBundleDataset(str(folder / MANIFEST)).save(content)


# What comes back


def test_a_stored_bundle_answers_to_the_last_bit_as_before(bundle, folder, households):
    answers = ask_every_route(load_bundle(folder), households)
    expected = ask_every_route(bundle, households)
    assert list(answers) == list(expected) == ["segmenter_inputs", *SETS]
    for name, answer in answers.items():
        np.testing.assert_array_equal(answer, expected[name])


def test_what_is_not_scored_with_comes_back_too(bundle, folder, codebook):
    back = load_bundle(folder)
    assert back.examples == bundle.examples
    assert len(back.examples) == 3
    assert back.segmenter.model_dump_json() == bundle.segmenter.model_dump_json()
    assert back.libraries == bundle.libraries
    assert back.codebook == codebook
    codes = [list(field.codes.items()) for field in back.codebook.fields]
    assert codes == [list(field.codes.items()) for field in codebook.fields]  # in order
    assert [each.information_set for each in back.champions] == SETS


def test_evidence_comes_back_where_there_is_some(bundle, tmp_path):
    evidence = Evidence(
        households=543,
        accuracy=0.61,
        accuracy_low=0.55,
        accuracy_high=0.66,
        majority=0.58,
        coverage=0.9,
        set_size=1.75,
    )
    first, *others = bundle.champions
    known = bundle.replace(champions=(first.model_copy(update={"evidence": evidence}), *others))
    back = unpack_bundle(pack_bundle(known), tmp_path)
    assert [each.evidence for each in back.champions] == [evidence, None, None]


SCORE_ALONE = """
import sys; from pathlib import Path; import pandas as pd
from customer_segmentation.scorer.storage import load_bundle
bundle = load_bundle(Path(sys.argv[1])); households = pd.read_parquet(sys.argv[2])
values = bundle.reader.read_table(households, 'a table').values
for route in bundle.routes: print(route.score(values).tolist())
assert not {"xgboost", "shap"} & set(sys.modules)
"""


def test_another_process_with_four_threads_needs_no_xgboost_for_equal_numbers(
    bundle, folder, households
):
    table = folder.parent / "households.parquet"
    households.to_parquet(table)
    ran = subprocess.run(
        [sys.executable, "-c", SCORE_ALONE, folder, table],
        env={**os.environ, "OMP_NUM_THREADS": "4", "PYTHONPATH": "src"},
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=True,
    )
    expected = ask_every_route(bundle, households).values()
    assert ran.stdout.splitlines() == [str(each.tolist()) for each in expected]


# What is written


def test_equal_bundles_are_equal_to_the_byte(bundle, content, folder):
    assert pack_bundle(bundle) == content
    assert pack_bundle(load_bundle(folder)) == content
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == {MANIFEST: content}


def test_the_version_names_the_content(bundle, content, folder):
    version = load_bundle(folder).version
    body, _, end = content.rpartition(b',"version":"')
    assert (sha256(body).hexdigest(), end) == (version, f'{version}"}}\n'.encode())
    first, *others = bundle.champions
    warmer = first.model_copy(update={"temperature": np.nextafter(first.temperature, 9)})
    changed = pack_bundle(bundle.replace(champions=(warmer, *others)))
    assert unpack_bundle(changed, folder).version != version


def test_the_file_is_no_pickle_and_names_no_place(content, project):
    json.loads(content, parse_constant=pytest.fail)  # no NaN, no Infinity
    with pytest.raises(ValueError):  # noqa: PT011 - in whatever words
        list(pickletools.genops(content))
    marks = (b"\x80\x04\x95", b"\x80\x05\x95", b"csklearn", b"sklearn.", b"__reduce__")
    for mark in (*marks, str(project).encode(), str(Path.home()).encode()):
        assert mark not in content


# What is refused


def refuse(content: bytes, *, match: str, again: str = "`kedro run --pipelines modelling`") -> None:
    with pytest.raises(BundleError, match=match) as caught:
        unpack_bundle(content, Path("models/bundle"))
    assert isinstance(caught.value, ReadableError)
    assert again in str(caught.value)
    assert len(str(caught.value)) < 500


def flip(content: bytes, place: int, bit: int) -> bytes:
    return content[:place] + bytes([content[place] ^ (1 << bit)]) + content[place + 1 :]


def test_a_flipped_bit_is_refused_wherever_it_stands_and_before_it_is_parsed(content, monkeypatch):
    monkeypatch.setattr(json, "loads", pytest.fail)
    rng = np.random.default_rng(0)
    places = [*range(40), *range(len(content) - 120, len(content))]
    for place in (*places, *rng.integers(len(content), size=100).tolist()):
        damaged = flip(content, place, int(rng.integers(8)))
        refuse(damaged, match=f"models/bundle/{MANIFEST} is not as it was written")


@pytest.mark.parametrize("kept", [0, 1, 100, -1])
def test_a_truncated_file_is_refused(content, kept):
    refuse(content[:kept], match=f"{MANIFEST} is not as it was written")


@pytest.mark.parametrize("more", [b"\n", b" ", b"{}", b"\x80\x04"])
def test_a_file_with_something_after_it_is_refused(content, more):
    refuse(content + more, match="is not as it was written")


def forge(content: bytes, change: Callable[[dict[str, Any]], object]) -> bytes:
    """Change the values of a bundle as someone would who knows how to seal them."""
    values = json.loads(content)
    change(values)
    del values["version"]
    body = json.dumps(values)[:-1].encode()
    return body + b',"version":"' + sha256(body).hexdigest().encode() + b'"}\n'


def test_a_forger_who_changes_nothing_is_not_refused(content):  # so the next tests test something
    check_examples(unpack_bundle(forge(content, lambda values: None), Path()))


@pytest.mark.parametrize(
    ("change", "place"),
    [
        (lambda values: values.update(run="me"), "run"),
        (lambda values: values.pop("libraries"), "libraries"),
        (lambda values: values["libraries"].update(numpy=2), "libraries.numpy"),
        (lambda values: values["codebook"].update(color="red"), "codebook.color"),
        (lambda values: values["codebook"]["fields"][3].update(rank=1), "codebook.fields.3.*rank"),
        (lambda values: values["segmenter"].update(clusters=3), "segmenter.clusters"),
        (lambda values: values["segmenter"].pop("names"), "segmenter.names"),
        (lambda values: values["champions"][0].update(code="import os"), "champions.0.code"),
        (lambda values: values["champions"][0]["estimator"].update(solver="x"), "lr.solver"),
        (lambda values: values["champions"][0]["estimator"].update(model="svm"), "0.estimator"),
        (lambda values: values["champions"][0]["encoding"][0].update(kind="pickle"), "encoding.0"),
        (lambda values: values["champions"][0]["shares"].append("many"), "champions.0.shares"),
        (lambda values: values["champions"][0].update(temperature=None), "0.temperature"),
        (lambda values: values["champions"][0].update(claim="certainty"), "champions.0.claim"),
        (lambda values: values["champions"][0].update(evidence={"accuracy": 1.0}), "0.evidence"),
        (lambda values: values["champions"][1]["estimator"].update(ubj="{}"), "xgboost.ubj"),
        (
            lambda values: values["champions"][2]["estimator"].update(depth=3),
            "2.estimator.rf.depth",
        ),
        (lambda values: values["examples"][1].update(name="me"), "examples.1.name"),
        (lambda values: values["examples"][1].update(values={}), "examples.1.values"),
        (lambda values: values["examples"][1].pop("answers"), "examples.1.answers"),
    ],
)
def test_what_this_package_does_not_know_is_refused(content, change, place):
    match = rf"^models/bundle/{MANIFEST}, .*{place}\b.*does not know"
    refuse(forge(content, change), match=match)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda values: values["champions"][1]["encoding"].pop(), "does not fit"),
        (
            lambda values: values["segmenter"].update(names=["X", "Y", "Z"]),
            "the champion of 'lr 3' tells other segments",
        ),
        (
            lambda values: values["champions"][1].update(information_set="lr 3"),
            "'lr 3' stands twice",
        ),
        (
            lambda values: values["examples"][0].update(segment="Nobody"),
            "'Nobody', which is no segment",
        ),
        (
            lambda values: values["champions"][0]["encoding"][0].update(field="nope"),
            "no variable 'nope'",
        ),
        (
            lambda values: values["codebook"]["derived"][0].update(formula="magic"),
            "unknown formula 'magic'",
        ),
    ],
)
def test_parts_that_do_not_fit_one_another_are_refused(content, change, why):
    refuse(forge(content, change), match=f"{MANIFEST}, .*{why}")


@pytest.mark.parametrize("schema", [None, 0, 2, 4, 10**30])
def test_another_schema_version_is_refused_whatever_else_is_new(content, schema):
    forged = forge(content, lambda values: values.update(schema_version=schema, signature="..."))
    match = f"schema version {schema}, .*reads only 3. Install"
    # What the pipelines before have stored may be of another form too.
    refuse(forged, match=match, again="write the bundle again: `kedro run`.")


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b'{"a":1,"a":2', "'a' stands twice"),
        (b'{"a":NaN', "NaN is no number"),
        (b'{"a":' + b"[" * 100_000 + b"]" * 100_000, "the nesting is too deep"),
        (b'{"a":"\xff"', "can't decode"),
        (b'{"a":', "Expecting value|Expecting property name|Illegal"),
    ],
)
def test_what_is_no_json_of_ours_is_refused_though_it_is_sealed(body, why):
    sealed = body + b',"version":"' + sha256(body).hexdigest().encode() + b'"}\n'
    refuse(sealed, match=why)


# What lies in the folder


def test_files_of_others_are_not_opened(folder, monkeypatch):
    for name in ("huge.bin", "champion_1-0123456789ab.json"):
        (folder / name).write_text("")
    opened, original = [], Path.read_bytes

    def read_bytes(path: Path) -> bytes:
        opened.append(path.name)
        return original(path)

    monkeypatch.setattr(Path, "read_bytes", read_bytes)
    load_bundle(folder)
    assert opened == [MANIFEST]


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (PermissionError(errno.EACCES, os.strerror(errno.EACCES)), "cannot be read: Permission d"),
        (FileNotFoundError(), "There is no file"),  # it goes just before it is read
    ],
)
def test_a_file_that_cannot_be_read_is_named(folder, monkeypatch, error, told):
    def read_bytes(_: Path) -> bytes:
        raise error

    monkeypatch.setattr(Path, "read_bytes", read_bytes)
    with pytest.raises(BundleError, match=told) as caught:
        load_bundle(folder)
    assert str(folder / MANIFEST) in str(caught.value)


def test_a_folder_without_a_bundle_is_told(tmp_path):
    (tmp_path / "file").write_text("")
    for folder in (tmp_path, tmp_path / "nowhere", tmp_path / "file"):
        with pytest.raises(BundleError, match=f"There is no file {folder}/{MANIFEST}") as caught:
            load_bundle(folder)
        # There may be no segments to model yet.
        assert "`kedro run` writes it" in str(caught.value)
        assert "--pipelines modelling" not in str(caught.value)


@pytest.mark.parametrize("kind", ["link", "pipe", "folder"])
def test_only_a_regular_file_is_read(folder, kind):
    path, aside = folder / MANIFEST, folder / "aside"
    path.rename(aside)
    if kind == "link":  # to the very content that should stand here
        path.symlink_to(aside)
    elif kind == "pipe":  # which would be read for ever
        os.mkfifo(path)
    else:
        path.mkdir()
    with pytest.raises(BundleError, match=f"There is no file {path}"):
        load_bundle(folder)


STEPS = [(Path, "write_bytes"), (os, "fsync"), (Path, "replace"), (Path, "unlink")]


def save_until(step: int, folder: Path, content: bytes, monkeypatch: Any) -> bool:
    """Save, and end the process before one of the steps that touch the disk.

    Returns:
        Whether the save came to its end, because it has fewer steps.
    """
    taken = 0

    def counted(original: Callable[..., Any]) -> Callable[..., Any]:
        def count(*args: Any, **kwargs: Any) -> Any:
            nonlocal taken
            taken += 1
            if taken == step:
                os._exit(9)
            return original(*args, **kwargs)

        return count

    with monkeypatch.context() as patch:
        for owner, name in STEPS:
            patch.setattr(owner, name, counted(getattr(owner, name)))
        save(folder, content)
    return taken < step


def test_a_killed_save_leaves_the_old_bundle_or_the_new_and_the_next_one_heals(
    tmp_path, bundle, content, monkeypatch
):
    new = pack_bundle(bundle.replace(champions=bundle.champions[:1], examples=()))
    seen, versions = [], [json.loads(each)["version"] for each in (content, new)]
    for step in range(1, 100):
        folder = tmp_path / str(step)
        save(folder, content)
        if (child := os.fork()) == 0:  # a process that is gone at once, with all it had to tidy
            os._exit(0 if save_until(step, folder, new, monkeypatch) else 1)
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        assert status in (0, 9)
        seen.append(load_bundle(folder).version)
        save(folder, new)
        assert [path.name for path in folder.iterdir()] == [MANIFEST]
        if status == 0:
            break
    assert set(seen) == set(versions)
    assert seen == sorted(seen, key=versions.index)  # once it is the new one, it stays
