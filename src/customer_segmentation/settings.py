"""Settings that Kedro reads when the project starts."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from kedro.config import MissingConfigException, OmegaConfigLoader
from omegaconf import DictConfig, OmegaConf
from yaml import YAMLError

from customer_segmentation.hooks import (
    BASE_ENV,
    ParameterCheck,
    ProjectLogging,
    RunReport,
    config_files,
)
from customer_segmentation.panel.values import ReadableError


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


class ConfigurationError(ReadableError):
    """A file of the configuration that cannot be read, or a value in it that leads nowhere."""


class ReadableConfigLoader(OmegaConfigLoader):
    """Kedro's loader of configuration; its errors name the file, or the key."""

    def __getitem__(self, key: str) -> dict[str, Any]:
        """Load one kind of configuration, as Kedro does.

        Args:
            key: `parameters`, `catalog`, `globals` or `credentials`.

        Returns:
            The merged and resolved files of that kind.

        Raises:
            MissingConfigException, KeyError: There is nothing of that kind; Kedro knows what to do.
            ConfigurationError: A file is damaged, or a value cannot be resolved.
        """
        try:
            return super().__getitem__(key)
        except (MissingConfigException, KeyError):
            raise
        except Exception as error:
            raise ConfigurationError(self._explain(error)) from error

    def _explain(self, error: Exception) -> str:
        # omegaconf keeps what a resolver raised as the context of its own error only.
        told = next((link for link in _contexts(error) if isinstance(link, ReadableError)), None)
        damages = filter(None, map(_damage, config_files(self)))
        return str(told or next(damages, f"The configuration cannot be read: {error}"))


def _contexts(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__context__


def _damage(file: Path) -> str | None:
    try:
        content = OmegaConf.load(file)
    except (OSError, UnicodeDecodeError, YAMLError) as error:
        return f"The configuration file {file} cannot be read: {error}"
    if isinstance(content, DictConfig):
        return None
    return f"The configuration file {file} holds a list; it must hold keys with values."


CONFIG_LOADER_CLASS = ReadableConfigLoader
CONFIG_LOADER_ARGS: dict[str, Any] = {
    "base_env": BASE_ENV,
    "default_run_env": BASE_ENV,  # so that nobody needs a conf/local
    "config_patterns": {"globals": ["globals*"]},  # the codebook is a file of its own
    "merge_strategy": {"parameters": "soft"},  # an environment may change one number of a key
    "custom_resolvers": {"installed_file": installed_file},
}
HOOKS = (ParameterCheck(), RunReport(), ProjectLogging())  # the last one is called first
