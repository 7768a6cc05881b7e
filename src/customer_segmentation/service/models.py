"""The model that serves: loaded whole and checked before it takes the place of the last one."""

from __future__ import annotations

import logging
from contextlib import suppress
from pathlib import Path
from threading import Event, Thread

from customer_segmentation.panel.values import ReadableError
from customer_segmentation.scorer.scoring import check_examples
from customer_segmentation.scorer.storage import load_bundle, read_manifest
from customer_segmentation.service.answers import Model

logger = logging.getLogger(__name__)


class Models:
    """Holds the model that serves from a folder, and looks for a new one.

    Attributes:
        current: The model that serves; None until the first has been verified. It is replaced as a
            whole: who has taken it keeps answering from it.
        loaded, failed: How many models have been loaded, and how many could not be.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._manifest = b""  # of the model that serves
        self._reported = ""
        self.current: Model | None = None
        self.loaded = 0
        self.failed = 0

    def refresh(self) -> None:
        """Take the model of the folder if it is another and can be used; else keep the last one."""
        manifest = b""  # if it cannot be read, which loading then explains
        with suppress(OSError):
            manifest = read_manifest(self._folder) or b""
        if manifest and manifest == self._manifest:
            self._reported = ""
            return
        try:
            model = Model(load_bundle(self._folder))
            check_examples(model.bundle)
            model.rehearse()
        except Exception as error:  # whatever it is, the last model goes on serving
            if (why := str(error)) != self._reported:  # which is said once
                self._reported = why
                self.failed += 1
                logger.error(why, exc_info=None if isinstance(error, ReadableError) else error)
            return
        self.current, self._manifest, self._reported = model, manifest, ""
        self.loaded += 1
        logger.info("a model is loaded", extra={"fields": {"model_version": model.version}})

    def watch(self, seconds: float, stopped: Event) -> Thread:
        """Look for a new model again and again, in a thread that ends when `stopped` is set."""

        def look() -> None:
            self.refresh()
            while not stopped.wait(seconds):
                self.refresh()

        thread = Thread(target=look, name="models", daemon=True)
        thread.start()
        return thread
