"""The client's records: schedules, packages, holds, dispositions, the calendar."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any

from inventory.client.asker import Asker, quoted
from inventory.contract import records as wire

_PACKAGES = "/v1/records/packages"


class Records(Asker):
    """Reads and changes of records. What takes long is a `Work`: ask for it again with `get_work`."""

    def list_schedules(self) -> list[wire.Schedule]:
        return self._get("/v1/records/schedules", wire.ScheduleList, {}).schedules

    def put_schedule(self, name: str, spec: wire.ScheduleSpec, revision: int | None = None) -> wire.Schedule:
        """Add one, or change that of this revision."""
        path = f"/v1/records/schedules/{quoted(name)}"
        return self._ask("PUT", path, wire.Schedule, body=spec, revision=revision)

    def list_packages(self, *, limit: int = 50, cursor: str | None = None, **filters: Any) -> wire.PackagePage:
        """Filters: agent, state."""
        return self._get(_PACKAGES, wire.PackagePage, {**filters, "limit": limit, "cursor": cursor})

    def iterate_packages(self, **filters: Any) -> Iterator[wire.Package]:
        """Every package, page after page."""
        cursor: str | None = None
        while True:
            page = self.list_packages(limit=500, cursor=cursor, **filters)
            yield from page.packages
            cursor = page.next
            if cursor is None:
                return

    def get_package(self, name: str) -> wire.PackageDetail:
        return self._get(f"{_PACKAGES}/{quoted(name)}", wire.PackageDetail, {})

    def get_manifest(self, name: str) -> str:
        """Digests of its files, as `sha256sum --check` takes them."""
        return self._text(f"{_PACKAGES}/{quoted(name)}/manifest")

    def export_records(self, agent: str, starts: date, ends: date, *, key: str | None = None) -> wire.Exported:
        """What an agent did from a day on until before another."""
        body = wire.NewExport(agent=agent, starts=starts, ends=ends)
        return self._ask("POST", _PACKAGES, wire.Exported, body=body, key=key)

    def verify_package(self, name: str) -> wire.Work:
        return self._ask("POST", f"{_PACKAGES}/{quoted(name)}/verify", wire.Work)

    def restore_package(self, name: str) -> wire.Work:
        return self._ask("POST", f"{_PACKAGES}/{quoted(name)}/restore", wire.Work)

    def drop_restored(self, name: str) -> wire.Work:
        return self._ask("POST", f"{_PACKAGES}/{quoted(name)}/drop", wire.Work)

    def retry_export(self, name: str) -> wire.Work:
        """Go on with one that failed."""
        return self._ask("POST", f"{_PACKAGES}/{quoted(name)}/retry", wire.Work)

    def request_disposition(self, name: str, reason: str) -> wire.Disposition:
        """Raises `Conflict` while the package may not be destroyed."""
        body = wire.NewDisposition(reason=reason)
        return self._ask("POST", f"{_PACKAGES}/{quoted(name)}/dispositions", wire.Disposition, body=body)

    def list_dispositions(self) -> list[wire.Disposition]:
        return self._get("/v1/records/dispositions", wire.DispositionList, {}).dispositions

    def decide_disposition(self, name: str, *, approve: bool, reason: str = "") -> wire.Disposition:
        """The second person's word."""
        path = f"/v1/records/dispositions/{quoted(name)}/decision"
        return self._ask("POST", path, wire.Disposition, body=wire.Decided(approve=approve, reason=reason))

    def get_work(self, name: str) -> wire.Work:
        return self._get(f"/v1/records/works/{quoted(name)}", wire.Work, {})

    def list_holds(self) -> list[wire.Hold]:
        return self._get("/v1/records/holds", wire.HoldList, {}).holds

    def place_hold(self, given: wire.NewHold) -> wire.Hold:
        return self._ask("POST", "/v1/records/holds", wire.Hold, body=given)

    def release_hold(self, name: str, reason: str) -> wire.Hold:
        path = f"/v1/records/holds/{quoted(name)}/release"
        return self._ask("POST", path, wire.Hold, body=wire.Release(reason=reason))

    def calendar(self, agent: str | None = None, months: int = 24) -> list[wire.CalendarRow]:
        return self._get("/v1/records/calendar", wire.Calendar, {"agent": agent, "months": months}).rows

    def list_keys(self) -> list[wire.Key]:
        return self._get("/v1/records/keys", wire.KeyList, {}).keys

    def rotate_key(self, reason: str) -> wire.Key:
        return self._ask("POST", "/v1/records/keys/rotate", wire.Key, body=wire.Rotate(reason=reason))
