"""Files of installed packages are found without importing the package."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from customer_segmentation.panel.values import ReadableError
from customer_segmentation.settings import installed_file


def test_the_panel_is_found_where_it_is_installed(panel_file):
    assert panel_file.is_file()
    assert panel_file.parts[-3:] == ("dmba", "csvFiles", "BathSoapHousehold.csv.gz")


def test_the_package_is_not_imported(project):
    code = (
        "import sys; from customer_segmentation.settings import installed_file;"
        "installed_file('dmba', 'csvFiles/BathSoapHousehold.csv.gz');"
        "sys.exit('dmba' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=project / "src")


@pytest.mark.parametrize(
    ("package", "path", "reason"),
    [
        ("no_such_package", "a.csv", "not installed"),
        ("dmba", "csvFiles/NoSuchFile.csv", "there is no"),
        ("dmba", "csvFiles", "there is no"),
        ("this", "a.csv", "not installed"),  # a module without a folder
    ],
)
def test_what_cannot_be_found_is_named_with_the_reason(package, path, reason):
    with pytest.raises(ReadableError, match=reason) as caught:
        installed_file(package, path)
    assert package in str(caught.value)
    assert Path(path).name in str(caught.value)
