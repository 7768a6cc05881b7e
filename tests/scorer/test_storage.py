"""A stored bundle answers as before, or is refused with a reason; nothing lies in between."""

from __future__ import annotations

import errno
import json
import os
import pickletools
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from kedro.io import DatasetError

from customer_segmentation.datasets import FileError, ScoringBundleDataset
from customer_segmentation.panel.values import ReadableError
from customer_segmentation.scorer import storage
from customer_segmentation.scorer.champions import Evidence
from customer_segmentation.scorer.scoring import check_examples
from customer_segmentation.scorer.storage import (
    MANIFEST,
    BundleError,
    load_bundle,
    pack_bundle,
    unpack_bundle,
)
from tests.scorer.conftest import ask_every_route

Files = dict[str, bytes]
TREES = "champion_2 trees"
SETS = [f"{model} 3" for model in ("lr", "xgboost", "rf")]


@pytest.fixture(scope="module")
def files(bundle) -> Files:
    return pack_bundle(bundle)


@pytest.fixture(autouse=True)
def _quick_disk(monkeypatch) -> None:
    monkeypatch.setattr(os, "fsync", lambda _: None)


@pytest.fixture
def folder(tmp_path, files) -> Path:
    """A folder with a saved bundle."""
    save(tmp_path / "bundle", files)
    return tmp_path / "bundle"


def save(folder: Path, files: Files) -> None:
    ScoringBundleDataset(str(folder / MANIFEST)).save(files)


def names_in(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


# What comes back


def test_a_stored_bundle_answers_to_the_last_bit_as_before(bundle, folder, households):
    answers = ask_every_route(load_bundle(folder), households)
    expected = ask_every_route(bundle, households)
    assert list(answers) == list(expected) == ["segmenter_inputs", *SETS]
    for name, answer in answers.items():
        np.testing.assert_array_equal(answer, expected[name])


def test_a_stored_bundle_answers_as_the_segmenter_and_the_classifiers_did(
    fit, folder, households, values, named
):
    back = load_bundle(folder)
    answers = ask_every_route(back, households)
    assert answers["segmenter_inputs"].argmax(axis=1).tolist() == list(
        map(back.segments.index, named)
    )
    for name in SETS:
        model, segments = name.split()
        original = fit(model, int(segments))
        assert tuple(original.segments) == back.segments
        expected = original.predict_proba(values)
        tolerance = 1e-6 if model == "xgboost" else 1e-9  # it adds up in single precision
        np.testing.assert_allclose(answers[name], expected, rtol=0, atol=tolerance)


def test_what_is_not_scored_with_comes_back_too(bundle, folder):
    back = load_bundle(folder)
    assert back.examples == bundle.examples
    assert len(back.examples) == 3
    assert back.segmenter.model_dump_json() == bundle.segmenter.model_dump_json()
    assert back.libraries == bundle.libraries


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
    told = replace(bundle, champions=(first.model_copy(update={"evidence": evidence}), *others))
    back = unpack_bundle(pack_bundle(told), tmp_path)
    assert [each.evidence for each in back.champions] == [evidence, None, None]


def test_the_codebook_comes_back_with_its_codes_in_order(folder, codebook):
    back = load_bundle(folder).codebook
    assert back == codebook
    assert [list(f.codes.items()) for f in back.fields] == [
        list(f.codes.items()) for f in codebook.fields
    ]


def test_champions_keep_their_order(folder):
    assert [each.information_set for each in load_bundle(folder).champions] == SETS


def test_another_process_with_four_threads_gives_equal_numbers(bundle, folder, households):
    code = (
        "import sys; from pathlib import Path; import pandas as pd\n"
        "from customer_segmentation.scorer.storage import load_bundle\n"
        "bundle = load_bundle(Path(sys.argv[1])); households = pd.read_parquet(sys.argv[2])\n"
        "values = bundle.reader.read_table(households, 'a table').values\n"
        "for route in bundle.routes: print(route.score(values).tolist())\n"
    )
    table = folder.parent / "households.parquet"
    households.to_parquet(table)
    environment = {**os.environ, "OMP_NUM_THREADS": "4", "PYTHONPATH": "src"}
    ran = subprocess.run(
        [sys.executable, "-c", code, folder, table],
        env=environment,
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=True,
    )
    expected = ask_every_route(bundle, households).values()
    assert ran.stdout.splitlines() == [str(each.tolist()) for each in expected]


# What is written


def test_equal_bundles_are_equal_to_the_byte(bundle, files, folder):
    assert pack_bundle(bundle) == files
    assert pack_bundle(load_bundle(folder)) == files
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == files


def test_the_version_names_the_content(bundle, files, folder):
    version = load_bundle(folder).version
    assert json.loads(files[MANIFEST])["version"] == version
    first, *others = bundle.champions
    warmer = first.model_copy(update={"temperature": np.nextafter(first.temperature, 9)})
    changed = pack_bundle(replace(bundle, champions=(warmer, *others)))
    assert unpack_bundle(changed, folder).version != version
    assert len(set(changed) - set(files)) == 1  # and only that champion's file is another


def test_a_name_holds_the_start_of_the_digest(files):
    for name, content in files.items():
        assert name == MANIFEST or f"-{sha256(content).hexdigest()[:12]}." in name
    assert sorted(name.rpartition(".")[2] for name in files) == ["json"] * 7 + ["ubj"]


def test_no_file_is_a_pickle_or_holds_one(files):
    for name, content in files.items():
        assert name.endswith((".json", ".ubj"))
        assert content[:1] == b"{"  # a pickle of protocol 2 or later begins with \x80
        with pytest.raises(ValueError):  # noqa: PT011 - in whatever words
            list(pickletools.genops(content))
        for mark in (b"\x80\x04\x95", b"\x80\x05\x95", b"csklearn", b"sklearn.", b"__reduce__"):
            assert mark not in content
        if name.endswith(".json"):
            json.loads(content, parse_constant=pytest.fail)  # no NaN, no Infinity


def test_no_place_is_written(files, project):
    for content in files.values():
        assert str(project).encode() not in content
        assert str(Path.home()).encode() not in content


# What is refused


def refuse(files: Files, *, match: str) -> str:
    with pytest.raises(BundleError, match=match) as caught:
        unpack_bundle(files, Path("models/bundle"))
    assert isinstance(caught.value, ReadableError)
    # Without a manifest no model was ever stored, and there may be no segments for one.
    again = "`kedro run --pipelines modelling`" if MANIFEST in files else "`kedro run`"
    assert again in str(caught.value)
    return str(caught.value)


def damage(content: bytes, place: int, bits: int = 1) -> bytes:
    return content[:place] + bytes([content[place] ^ bits]) + content[place + 1 :]


@pytest.fixture
def parsed(monkeypatch) -> list[bytes]:
    """The contents that were parsed."""
    seen: list[bytes] = []
    original = json.loads

    def loads(text: str, **how: Any) -> Any:
        seen.append(text.encode())
        return original(text, **how)

    monkeypatch.setattr(json, "loads", loads)
    return seen


def test_a_flipped_byte_in_any_file_is_refused_before_it_is_parsed(files, parsed):
    rng = np.random.default_rng(0)
    for name, content in files.items():
        places = {0, 1, len(content) // 2, len(content) - 2, len(content) - 1}
        for place in places | set(rng.integers(len(content), size=5).tolist()):
            damaged = damage(content, place, 1 << int(rng.integers(8)))
            parsed.clear()
            refuse({**files, name: damaged}, match=f"models/bundle/{name} is not as it was written")
            assert damaged not in parsed


def test_a_flipped_bit_anywhere_in_the_manifest_is_refused(files, parsed):
    content = files[MANIFEST]
    for place in range(len(content)):
        for bit in range(8):
            with pytest.raises(BundleError, match="is not as it was written"):
                unpack_bundle({**files, MANIFEST: damage(content, place, 1 << bit)}, Path())
    assert parsed == []


@pytest.mark.parametrize("kept", [0, 1, 100, -1])
def test_a_truncated_file_is_refused(files, kept):
    for name, content in files.items():
        refuse({**files, name: content[:kept]}, match=f"{name} is not as it was written")


def test_a_file_with_something_after_it_is_refused(files):
    for name, content in files.items():
        refuse({**files, name: content + b"\n"}, match=f"{name} is not as it was written")


def test_a_missing_file_is_named(files):
    for name in files:
        others = {other: content for other, content in files.items() if other != name}
        refuse(others, match=f"There is no file models/bundle/{name}")


def test_files_may_not_change_places(files):
    first, second = list(files)[:2]
    refuse({**files, first: files[second], second: files[first]}, match="is not as it was written")


def test_what_the_manifest_does_not_lead_to_is_not_looked_at(files):
    more = {"evil.pkl": b"\x80\x04", "champion_9-0123456789ab.json": b"{"}
    assert unpack_bundle({**files, **more}, Path()).version == unpack_bundle(files, Path()).version


def seal(manifest: dict[str, Any]) -> bytes:
    """A manifest as someone would write who knows how; the version comes last."""
    body = json.dumps({k: v for k, v in manifest.items() if k != "version"})[:-1].encode()
    return body + b',"version":"' + sha256(body).hexdigest().encode() + b'"}\n'


def forge(files: Files, what: str, change: Callable[[dict[str, Any]], object]) -> Files:
    """Change the JSON of a file and all digests with it."""
    name = next(each for each in files if each.startswith(f"{what}-") and each.endswith(".json"))
    values = json.loads(files[name])
    change(values)
    content = json.dumps(values).encode()
    digest, old = (sha256(each).hexdigest() for each in (content, files[name]))
    manifest = json.loads(files[MANIFEST].replace(old.encode(), digest.encode()))
    return {**files, f"{what}-{digest[:12]}.json": content, MANIFEST: seal(manifest)}


def test_a_forger_who_changes_nothing_is_not_refused(files):  # so the next tests test something
    forged = forge(files, "champion_1", lambda values: None)
    check_examples(unpack_bundle(forged, Path()))


@pytest.mark.parametrize(
    ("what", "change", "place"),
    [
        ("codebook", lambda values: values.update(color="red"), "color"),
        ("codebook", lambda values: values["fields"][3].update(rank=1), "fields.3.Field.rank|rank"),
        ("segmenter", lambda values: values.update(clusters=3), "clusters"),
        ("segmenter", lambda values: values.pop("names"), "names"),
        ("champion_1", lambda values: values.update(code="import os"), "code"),
        ("champion_1", lambda values: values["estimator"].update(solver="lbfgs"), "solver"),
        ("champion_1", lambda values: values["encoding"][0].update(kind="pickle"), "encoding.0"),
        ("champion_1", lambda values: values["estimator"].update(model="svm"), "estimator"),
        ("champion_1", lambda values: values["shares"].append("many"), "shares"),
        ("champion_1", lambda values: values.update(temperature=None), "temperature"),
        ("champion_1", lambda values: values.update(claim="certainty"), "claim"),
        ("champion_1", lambda values: values.update(evidence={"accuracy": 1.0}), "evidence"),
        ("champion_3", lambda values: values["estimator"].update(depth=3), "depth"),
        ("examples", lambda values: values.update(people=[]), "people"),
        ("examples", lambda values: values.pop("examples"), "examples"),
        ("examples", lambda values: values["examples"][1].update(name="me"), "examples.1.name"),
        ("examples", lambda values: values["examples"][1].update(values={}), "examples.1.values"),
        ("examples", lambda values: values["examples"][1].pop("answers"), "examples.1.answers"),
    ],
)
def test_what_this_package_does_not_know_is_refused(files, what, change, place):
    told = refuse(forge(files, what, change), match=rf"models/bundle/{what}-.*\b({place}\b)")
    assert "does not know" in told
    assert len(told) < 500


@pytest.mark.parametrize("digest", ["../../secret", "/etc/passwd", "..", "A" * 64, "a" * 63, ""])
@pytest.mark.parametrize("key", ["codebook", "examples", "trees"])
def test_a_manifest_leads_nowhere_else(files, digest, key):
    manifest = json.loads(files[MANIFEST])
    if key == "trees":
        manifest["champions"][0]["trees"] = digest
    else:
        manifest[key] = digest
    traps = {f"codebook-{digest[:12]}.json": b"{}", digest: b"{}"}
    refuse({**files, **traps, MANIFEST: seal(manifest)}, match=f"{MANIFEST}, .*{key}")


def test_an_unknown_key_in_the_manifest_is_refused(files):
    manifest = {"run": "me", **json.loads(files[MANIFEST])}
    refuse({**files, MANIFEST: seal(manifest)}, match=f"{MANIFEST}, run: ")


@pytest.mark.parametrize("schema", [0, 1, 3, 10**30])
def test_another_schema_version_is_refused_whatever_else_is_new(files, schema):
    manifest = {**json.loads(files[MANIFEST]), "schema_version": schema}
    new = {"signature": "...", **manifest}
    told = refuse({**files, MANIFEST: seal(new)}, match=f"schema version {schema}, .*reads only 2")
    assert "Install" in told


def test_trees_of_another_major_version_of_xgboost_are_refused(bundle):
    old = replace(bundle, libraries={**bundle.libraries, "xgboost": "1.7.6"})
    refuse(pack_bundle(old), match=r"made with XGBoost 1\.7\.6, and XGBoost [3-9].* is installed")
    unknown = replace(bundle, libraries={})
    refuse(pack_bundle(unknown), match="made with XGBoost unknown")
    minor = bundle.libraries["xgboost"].partition(".")[0] + ".999.0"
    near = replace(bundle, libraries={**bundle.libraries, "xgboost": minor, "numpy": "1.0"})
    assert unpack_bundle(pack_bundle(near), Path()).libraries == near.libraries


def test_a_bundle_without_boosted_trees_does_not_mind_the_version_of_xgboost(bundle):
    trees = [each for each in bundle.champions if each.estimator.model != "xgboost"]
    plain = replace(bundle, champions=tuple(trees), examples=(), libraries={})
    assert len(unpack_bundle(pack_bundle(plain), Path()).champions) == 2


def test_trees_given_to_a_model_without_trees_are_refused(files):
    manifest = json.loads(files[MANIFEST])
    manifest["champions"][0]["trees"] = manifest["champions"][1]["trees"]
    what, _, rest = next(name for name in files if name.endswith(".ubj")).partition("-")
    trees = files[f"{what}-{rest}"]
    more = {f"champion_1-{rest}": trees, MANIFEST: seal(manifest)}
    refuse({**files, **more}, match="champion_1-.*estimator.*ubj")


# What is sealed as it should be and still no model


def forge_content(files: Files, what: str, content: bytes) -> Files:
    """Put other content in a file's place and its digest into the manifest."""
    suffix = "ubj" if what == TREES else "json"
    what = what.removesuffix(" trees")
    name = next(each for each in files if each.startswith(f"{what}-") and each.endswith(suffix))
    digest, old = (sha256(each).hexdigest() for each in (content, files[name]))
    manifest = json.loads(files[MANIFEST].replace(old.encode(), digest.encode()))
    return {**files, f"{what}-{digest[:12]}.{suffix}": content, MANIFEST: seal(manifest)}


def seal_text(text: bytes) -> bytes:
    return text[:-1] + b',"version":"' + sha256(text[:-1]).hexdigest().encode() + b'"}\n'


NO_JSON = {
    "cut short": (b'{"a":', "Expecting value"),
    "not UTF-8": (b'{"a":"\xff"}', "utf-8"),
    "deep": (b'{"a":' + b"[" * 200_000 + b"]" * 200_000 + b"}", "nesting is too deep"),
    "long": (b'{"a":' + b"9" * 5_000 + b"}", "limit"),
    "repeated": (b'{"a":1,"b":2,"a":1}', "'a' stands twice"),
    "NaN": (b'{"a":NaN}', "NaN is no number"),
    "infinite": (b'{"a":-Infinity}', "-Infinity is no number"),
}


@pytest.mark.parametrize("case", NO_JSON)
@pytest.mark.parametrize("what", ["codebook", "segmenter", "champion_1", "champion_2", "examples"])
def test_what_is_no_json_is_refused(files, what, case):
    content, why = NO_JSON[case]
    refuse(forge_content(files, what, content), match=f"models/bundle/{what}-.*{why}")


@pytest.mark.parametrize("case", [each for each in NO_JSON if each != "cut short"])
def test_a_manifest_that_is_no_json_is_refused(files, case):
    content, why = NO_JSON[case]
    refuse({**files, MANIFEST: seal_text(content)}, match=f"{MANIFEST}, .*{why}")


@pytest.mark.parametrize("content", [b"[]", b"null", b"3", b'"text"', b'{"estimator":[]}', b"{}"])
@pytest.mark.parametrize("what", ["champion_1", "champion_2"])
def test_json_of_another_form_is_refused(files, what, content):
    refuse(forge_content(files, what, content), match=f"{what}-.*, ")


@pytest.mark.parametrize("schema", ["1", True, 1.0, None])
def test_the_schema_version_is_a_whole_number(files, schema):
    manifest = {**json.loads(files[MANIFEST]), "schema_version": schema}
    refuse({**files, MANIFEST: seal(manifest)}, match="schema_version: .*integer")


@pytest.mark.parametrize("kept", [0, 1, 2, 99, 1_000, -1])
def test_boosted_trees_cut_short_do_not_end_the_process(files, kept):
    trees = next(content for name, content in files.items() if name.endswith(".ubj"))
    refuse(forge_content(files, TREES, trees[:kept]), match="champion_2-.*no boosted trees")


def test_boosted_trees_for_other_segments_or_columns_are_refused(files, bundle_of_two):
    of_two = pack_bundle(bundle_of_two)
    trees = next(content for name, content in of_two.items() if name.endswith(".ubj"))
    refuse(forge_content(files, TREES, trees), match="champion_2-.*does not fit")
    forged = forge(files, "champion_2", lambda values: values["encoding"].pop())
    refuse(forged, match="champion_2-.*does not fit")


def test_boosted_trees_do_not_stand_in_json(files):
    forged = forge(files, "champion_2", lambda values: values["estimator"].update(ubj="{}"))
    refuse(forged, match="champion_2-.*ubj: .*bytes")


def test_champions_of_other_segments_are_refused(files):
    forged = forge(files, "segmenter", lambda values: values.update(names=["X", "Y", "Z"]))
    refuse(forged, match=f"{MANIFEST}, the champion of 'lr 3' tells other segments")


def test_an_information_set_has_one_champion(files):
    forged = forge(files, "champion_2", lambda values: values.update(information_set="lr 3"))
    refuse(forged, match=f"{MANIFEST}, 'lr 3' stands twice")


def test_examples_that_do_not_fit_are_refused(files):
    for change, why in (
        (lambda first: first.update(segment="Nobody"), "'Nobody', which is no segment"),
        (lambda first: first["values"].popitem(), "holds other fields than the codebook"),
        (lambda first: first["answers"].popitem(), "answers other information sets"),
        (lambda first: first["answers"]["lr 3"].pop(), "not one answer per segment"),
    ):
        forged = forge(
            files, "examples", lambda values, change=change: change(values["examples"][0])
        )
        refuse(forged, match=f"{MANIFEST}, .*{why}")


def test_fields_that_the_codebook_does_not_know_are_refused(files):
    forged = forge(files, "champion_1", lambda values: values["encoding"][0].update(field="nope"))
    refuse(forged, match=f"{MANIFEST}, .*no variable 'nope'")
    flag = "thin_record"  # in the codebook, but nothing that a household tells
    forged = forge(files, "champion_1", lambda values: values["encoding"][0].update(field=flag))
    refuse(forged, match=f"{MANIFEST}, .*'{flag}' is derived, not a field")


def test_a_formula_that_is_not_known_is_refused(files):
    forged = forge(files, "codebook", lambda values: values["derived"][0].update(formula="magic"))
    refuse(forged, match=f"{MANIFEST}, unknown formula 'magic'")


# What lies in the folder


def test_files_of_others_are_not_opened(folder, files, monkeypatch):
    for name in ("huge.bin", "champion_9-0123456789ab.json"):
        (folder / name).write_text("")
    opened, original = [], Path.read_bytes

    def read_bytes(path: Path) -> bytes:
        opened.append(path.name)
        return original(path)

    monkeypatch.setattr(Path, "read_bytes", read_bytes)
    load_bundle(folder)
    assert opened[0] == MANIFEST
    assert sorted(opened) == sorted(files)


def test_a_file_that_may_not_be_read_is_named(folder, files, monkeypatch):
    name = next(each for each in files if each.startswith("segmenter"))
    original = Path.read_bytes

    def read_bytes(path: Path) -> bytes:
        if path.name == name:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
        return original(path)

    monkeypatch.setattr(Path, "read_bytes", read_bytes)
    with pytest.raises(BundleError, match=f"{name} cannot be read: Permission denied"):
        load_bundle(folder)


def test_a_folder_without_a_bundle_is_told(tmp_path):
    with pytest.raises(BundleError, match=f"There is no file .*{MANIFEST}") as caught:
        load_bundle(tmp_path)
    # There may be no segments to model yet.
    assert "`kedro run` writes it" in str(caught.value)
    assert "--pipelines modelling" not in str(caught.value)
    with pytest.raises(BundleError, match=f"There is no file .*nowhere/{MANIFEST}"):
        load_bundle(tmp_path / "nowhere")
    (tmp_path / "file").write_text("")
    with pytest.raises(BundleError, match=f"There is no file .*file/{MANIFEST}"):
        load_bundle(tmp_path / "file")


@pytest.mark.parametrize("kind", ["link", "pipe", "folder"])
def test_only_regular_files_are_read(folder, files, kind):
    for name in files:
        path = folder / name
        path.rename(folder.parent / "aside")
        if kind == "link":  # to the very content that should stand here
            path.symlink_to(folder.parent / "aside")
        elif kind == "pipe":  # which would be read for ever
            os.mkfifo(path)
        else:
            path.mkdir()
        with pytest.raises(BundleError, match=f"There is no file {path}"):
            load_bundle(folder)
        path.rmdir() if kind == "folder" else path.unlink()
        (folder.parent / "aside").rename(path)
    assert load_bundle(folder).version


@pytest.fixture(scope="module")
def new_files(bundle) -> Files:
    """Of another bundle: the codebook alone is the same."""
    names = bundle.segmenter.names[::-1]
    segmenter = bundle.segmenter.model_copy(update={"names": names})
    champions = (bundle.champions[2], bundle.champions[0])
    return pack_bundle(replace(bundle, segmenter=segmenter, champions=champions, examples=()))


def test_a_new_bundle_leaves_nothing_of_the_old(folder, files, new_files):
    (folder / "notes.txt").write_text("by a person")
    save(folder, new_files)
    assert names_in(folder) == {*new_files, "notes.txt"} != {*files, "notes.txt"}


def version_of(files: Files) -> str:
    return str(json.loads(files[MANIFEST])["version"])


STEPS = [(Path, "write_bytes"), (os, "fsync"), (Path, "replace"), (Path, "unlink")]


def save_until(
    step: int, stop: Callable[[], object], folder: Path, files: Files, monkeypatch: Any
) -> bool:
    """Save, and stop before one of the steps that touch the disk.

    Returns:
        Whether the save came to its end, because it has fewer steps.
    """
    taken = 0

    def counted(original: Callable[..., Any]) -> Callable[..., Any]:
        def count(*args: Any, **kwargs: Any) -> Any:
            nonlocal taken
            taken += 1
            if taken == step:
                stop()
            return original(*args, **kwargs)

        return count

    with monkeypatch.context() as patch:
        for owner, name in STEPS:
            patch.setattr(owner, name, counted(getattr(owner, name)))
        save(folder, files)
    return taken < step


def test_a_killed_save_leaves_the_old_bundle_or_the_new_and_the_next_one_heals(
    tmp_path, files, new_files, monkeypatch
):
    seen, versions = [], [version_of(files), version_of(new_files)]
    for step in range(1, 1000):
        folder = tmp_path / str(step)
        save(folder, files)
        if (child := os.fork()) == 0:  # a process that is gone at once, with all it had to tidy
            ended = save_until(step, lambda: os._exit(9), folder, new_files, monkeypatch)
            os._exit(0 if ended else 1)
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        assert status in (0, 9)
        seen.append(load_bundle(folder).version)
        save(folder, new_files)
        assert names_in(folder) == set(new_files)
        if status == 0:
            break
    assert set(seen) == set(versions)
    assert seen == sorted(seen, key=versions.index)  # once it is the new one, it stays


def interrupt() -> None:
    raise KeyboardInterrupt


def refuse_disk() -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.parametrize(
    ("stop", "error"), [(interrupt, KeyboardInterrupt), (refuse_disk, DatasetError)]
)
def test_a_failed_save_leaves_the_old_bundle(folder, files, new_files, monkeypatch, stop, error):
    for step in (1, 5, 9):
        with pytest.raises(error) as caught:
            save_until(step, stop, folder, new_files, monkeypatch)
        assert stop is interrupt or isinstance(caught.value, FileError)
        assert load_bundle(folder).version == version_of(files)
    save(folder, files)
    assert names_in(folder) == set(files)


def test_a_bundle_that_is_replaced_while_it_is_read_is_read_again(
    folder, files, new_files, monkeypatch
):
    original, asked = storage.read_folder, []

    def replace_then_read(place: Path, names: list[str]) -> Files:
        asked.append(names)
        if len(asked) == 2:  # the old manifest has been read, the files that it leads to go
            save(place, new_files)
        return original(place, names)

    monkeypatch.setattr(storage, "read_folder", replace_then_read)
    assert load_bundle(folder).version == version_of(new_files)
    assert len(asked) == 5


def test_a_torn_bundle_that_stays_is_refused(folder, files, new_files):
    (folder / MANIFEST).write_bytes(new_files[MANIFEST])
    with pytest.raises(BundleError, match="There is no file"):
        load_bundle(folder)
