"""Every message that the documentation quotes is one that the program gives, in these words."""

from __future__ import annotations

import ast
import errno
import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from kedro.config import omegaconf_config
from kedro.framework.cli import utils
from pydantic import BaseModel, ValidationError

from tests.conftest import PROJECT

HEADER = "| message |"
QUOTE = re.compile(r"``(.+?)``|`(.+?)`")
# Values stand between quotation marks, hold a digit, or are paths, keys and names of files.
VALUE = re.compile(r"\.\.\.|'[^']*'|`[^`]*`|\S*[\d_/]\S*|\w+\.\w\S*")
CLAUSE = re.compile(r"[.,;:()]|\bexpected\b")  # after which another text may be put in
ELSEWHERE = {"ensurepip is not available"}  # only Debian's Python says it


def list_messages() -> Iterator[str]:
    """What stands as code in the first cells of the tables of messages."""
    for page in sorted((PROJECT / "docs").rglob("*.md")):
        inside = False
        for line in page.read_text(encoding="utf-8").splitlines():
            inside = line.startswith(HEADER) or (inside and line.startswith("|"))
            if inside:
                cell = line.split(" | ")[0]
                yield from (long or short for long, short in QUOTE.findall(cell))


def list_literals(path: Path) -> Iterator[str]:
    """The texts of a module, a mark where a value is put in."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.JoinedStr):
            texts = [part for part in node.values if isinstance(part, ast.Constant)]
            yield "\0".join(str(part.value) for part in texts)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


class Asked(BaseModel):
    name: str
    number: int


def ask_pydantic() -> list[str]:
    """What it says of a key that is missing, and of one of another type."""
    with pytest.raises(ValidationError) as caught:
        Asked.model_validate({"number": "much"})
    return [error["msg"] for error in caught.value.errors()]


@pytest.fixture(scope="module")
def said() -> str:
    """All that this project, its libraries and the system may say."""
    modules = [*(PROJECT / "src").rglob("*.py"), Path(utils.__file__)]
    modules.append(Path(omegaconf_config.__file__))
    texts = [literal for module in modules for literal in list_literals(module)]
    pages = [*(PROJECT / "src").rglob("*.html"), *(PROJECT / "src").rglob("*.js")]
    files = [*pages, PROJECT / "Makefile", *(PROJECT / "conf/base").glob("globals_*.yml")]
    texts += [file.read_text(encoding="utf-8") for file in files]
    texts += ask_pydantic()
    texts += [os.strerror(number) for number in (errno.ENOENT, errno.ENOSPC, errno.EADDRINUSE)]
    return "\n".join(texts)


def find_strange_words(message: str, said: str) -> list[str]:
    """Clauses of a message, without its values, that nobody says."""
    fixed = (part for text in VALUE.split(message) for part in CLAUSE.split(text))
    return [part.strip() for part in fixed if part.strip() not in said]


@pytest.mark.parametrize("message", sorted(set(list_messages()) - ELSEWHERE))
def test_a_message_is_quoted_in_the_words_of_the_program(message, said):
    assert find_strange_words(message, said) == []


def test_the_words_of_no_program_are_found(said):
    """The search itself: neither a changed word nor an added one passes."""
    changed = "row 4, column 'SEC', value '9': holds no figure; expected a number"
    assert find_strange_words(changed, said) == ["holds no figure"]
    assert find_strange_words("All 600 households have too few purchases to form segments", said)


def test_the_tables_of_messages_are_found():
    assert len(set(list_messages())) > 50
