"""Settings that Kedro reads when the project starts."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Any

from kedro.config import OmegaConfigLoader

from customer_segmentation.hooks import ParameterCheck, RunReport
from customer_segmentation.panel.errors import ReadableError


def installed_file(package: str, path: str) -> str:
    """Find a file inside an installed package without importing the package.

    The catalog calls it as `${installed_file:<package>,<path>}`.

    Args:
        package: Import name of the package.
        path: Path of the file inside the package's folder.

    Returns:
        The absolute path of the file.

    Raises:
        ReadableError: The package is not installed, or holds no such file.
    """
    spec = find_spec(package)
    folders = (spec and spec.submodule_search_locations) or []
    candidates = [Path(folder, path) for folder in folders]
    found = next((file for file in candidates if file.is_file()), None)
    if found is None:
        reason = f"there is no {candidates[0]}" if candidates else "it is not installed"
        raise ReadableError(
            f"The configuration asks for {path!r} of the Python package {package!r}, but {reason}. "
            "Install requirements.lock, or name another file."
        )
    return found.as_posix()


CONFIG_LOADER_CLASS = OmegaConfigLoader
CONFIG_LOADER_ARGS: dict[str, Any] = {
    "base_env": "base",
    "default_run_env": "base",  # so that nobody needs a conf/local
    "config_patterns": {"globals": ["globals*"]},  # the codebook is a file of its own
    "merge_strategy": {"parameters": "soft"},  # an environment may change one number of a key
    "custom_resolvers": {"installed_file": installed_file},
}
HOOKS = (ParameterCheck(), RunReport())
