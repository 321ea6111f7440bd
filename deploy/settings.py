"""Settings of what `muster up` starts as a whole (`MUSTER_…`)."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from collector.settings import CollectorSettings, StoreSettings


class DeploySettings(BaseSettings):
    """Where everything lives, and the ports that are not the collector's."""

    model_config = SettingsConfigDict(env_prefix="MUSTER_", extra="ignore")

    data: Annotated[Path, AfterValidator(Path.resolve)] = Field(default=Path(".data"), validate_default=True)
    """One directory for the engine, the spool and its keys."""
    dashboards_port: Annotated[int, Field(ge=0, le=65535)] = 8501
    dashboards: bool = True
    """Whether `muster up` starts Streamlit too."""

    def collector(self) -> CollectorSettings:
        """The collector's settings, its spool under `data` unless said otherwise."""
        settings = CollectorSettings()
        named = settings.model_fields_set
        return settings.model_copy(
            update={
                "spool_path": settings.spool_path.resolve() if "spool_path" in named else self.data / "spool",
                "keys_path": settings.keys_path.resolve() if "keys_path" in named else self.data / "keys",
                "redaction_file": settings.redaction_file and settings.redaction_file.resolve(),
                "tokens_file": settings.tokens_file and settings.tokens_file.resolve(),
                "retention_file": settings.retention_file and settings.retention_file.resolve(),
                "prices_file": settings.prices_file and settings.prices_file.resolve(),
            }
        )

    def store(self) -> StoreSettings:
        """The store's settings, an embedded engine under `data` unless said otherwise."""
        settings = StoreSettings()
        named = "path" in settings.model_fields_set
        return settings.model_copy(update={"path": settings.path.resolve() if named else self.data / "engine"})

    def enter(self) -> None:
        """Work in the data directory: the engine keeps the protobuf schemas it is given in `__cache__` of the
        working directory, wherever its configuration says (26.9).
        """
        self.data.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.chdir(self.data)
