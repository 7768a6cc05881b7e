"""The base of everything that is configured: the codebook's entries and the parameters."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

Seed = Annotated[int, Field(ge=0, lt=2**32)]  # what scikit-learn and XGBoost take


class Configured(BaseModel):
    """A configured value: unknown keys are refused, and nothing changes once it is read."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[dict[str, Any]]]:
        """Pickle the values alone: pydantic adds a set, whose order differs between processes."""
        return type(self).model_validate, (self.model_dump(),)
