"""Settings of what `muster up` starts as a whole (`MUSTER_…`)."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from collector.settings import CollectorSettings, StoreSettings


class DeploySettings(BaseSettings):
    """Where everything lives, and the ports that are not the collector's."""

    model_config = SettingsConfigDict(env_prefix="MUSTER_", extra="ignore")

    data: Path = Path(".data")
    """One directory for the engine, the spool and its keys."""
    api_port: Annotated[int, Field(ge=0, le=65535)] = 8000
    dashboards_port: Annotated[int, Field(ge=0, le=65535)] = 8501
    dashboards: bool = True
    """Whether `muster up` starts Streamlit too."""

    def collector(self) -> CollectorSettings:
        """The collector's settings, its spool under `data` unless said otherwise."""
        settings = CollectorSettings()
        if "spool_path" not in settings.model_fields_set:
            settings = settings.model_copy(update={"spool_path": self.data / "spool"})
        return settings

    def store(self) -> StoreSettings:
        """The store's settings, an embedded engine under `data` unless said otherwise."""
        settings = StoreSettings()
        if "path" not in settings.model_fields_set:
            settings = settings.model_copy(update={"path": self.data / "engine"})
        return settings
