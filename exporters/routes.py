"""Routes of records: schedules, packages, what is done to them, holds, dispositions, the calendar, keys."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, TypeVar

from clickhouse_connect.driver.exceptions import ClickHouseError
from fastapi import APIRouter, Path, Query, Response

from collector.store.reads import ReadError
from exporters import bag, disposing, holds, packages, schedules, signing, works
from exporters.answers import (
    disposition_answer,
    hold_answer,
    key_answer,
    package_answer,
    package_detail,
    schedule_answer,
    work_answer,
)
from exporters.engine import EngineFailed
from exporters.service import Records
from exporters.signing import KeyFile
from inventory import problems
from inventory.contract import records as wire
from inventory.contract.words import SLUG, Slug
from inventory.registry import agents
from inventory.registry.change import Change
from inventory.registry.errors import Clash, Missing
from inventory.routes.agents import PageQuery
from inventory.routes.door import TheAsking, TheCaller, post, tag

_T = TypeVar("_T")
PackagePath = Annotated[str, Path(pattern=r"^pkg_[0-9a-f]{16}$", examples=["pkg_0123456789abcdef"])]
WorkPath = Annotated[str, Path(pattern=r"^work_[0-9a-f]{16}$", examples=["work_0123456789abcdef"])]
HoldPath = Annotated[str, Path(pattern=r"^hold_[0-9a-f]{16}$", examples=["hold_0123456789abcdef"])]
DispositionPath = Annotated[str, Path(pattern=r"^disp_[0-9a-f]{16}$", examples=["disp_0123456789abcdef"])]
SchedulePath = Annotated[str, Path(pattern=SLUG, examples=["grs-3-2-036"])]


class PackageQuery(PageQuery):
    """Filters of the list; all that are given must hold."""

    agent: Slug | None = None
    state: wire.PackageState | None = None


class CalendarQuery(PageQuery):
    agent: Slug | None = None
    months: Annotated[int, Query(ge=1, le=240)] = 24


def record_routes(records: Records) -> APIRouter:
    routes = APIRouter(tags=["records"])
    registry, store = records.registry, records.engine.store
    reads, changes = problems.responses(*problems.READS), problems.responses(*problems.CHANGES)
    listed = problems.responses(401, 403, 422, 429, 503)

    @routes.get("/v1/records/schedules", summary="Retention schedules", responses=listed)
    def list_schedules(caller: TheCaller) -> wire.ScheduleList:
        """How long what is kept, by which authority. The longest of those that apply decides."""
        with registry.reading() as session:
            rows = schedules.listed(session, caller.org)
            return wire.ScheduleList(schedules=[schedule_answer(row) for row in rows])

    @routes.put("/v1/records/schedules/{schedule_id}", summary="Add or change a schedule", responses=changes)
    def put_schedule(
        asking: TheAsking, schedule_id: SchedulePath, spec: wire.ScheduleSpec, response: Response
    ) -> wire.Schedule:
        """A new version. Enabled, ended months of its agents are archived; what is locked is never locked shorter."""
        with registry.changing(asking) as change:
            row, new = schedules.put(change, schedule_id, spec)
            response.status_code = 201 if new else 200
            tag(response, row.revision)
            return schedule_answer(row)

    @routes.get("/v1/records/packages", summary="Packages", responses=listed)
    def list_packages(caller: TheCaller, query: Annotated[PackageQuery, Query()]) -> wire.PackagePage:
        """By id; follow `next` for more."""
        with registry.reading() as session:
            rows, cursor = packages.listed(
                session, caller.org, query.limit, query.cursor, agent=query.agent, state=query.state
            )
            return wire.PackagePage(packages=[package_answer(row) for row in rows], next=cursor)

    @routes.post(
        "/v1/records/packages", status_code=202, summary="Export now", response_model=wire.Exported, responses=changes
    )
    def export(asking: TheAsking, given: wire.NewExport) -> Response:
        """What an agent did in a time. What is archived already, and hasn't changed, is left out."""

        def act(change: Change) -> tuple[wire.Exported, dict[str, str]]:
            package = packages.begin(
                change, given.agent, "request", given.starts, given.ends, records.target.url, records.mode
            )
            work = works.ask(change, package.id, "export")
            return wire.Exported(package=package_answer(package), work=work_answer(work)), {}

        return post(registry, asking, given, act, 202)

    @routes.get("/v1/records/packages/{package_id}", summary="One package", responses=reads)
    def get_package(caller: TheCaller, package_id: PackagePath) -> wire.PackageDetail:
        """With its files, where each is, and what holds it."""
        with registry.reading() as session:
            row = packages.get(session, caller.org, package_id)
            return _asked(lambda: package_detail(session, store, row))

    @routes.get(
        "/v1/records/packages/{package_id}/manifest",
        summary="The manifest",
        response_class=Response,
        responses={**problems.responses(*problems.READS, 409), 200: {"content": {"text/plain": {}}}},
    )
    def get_manifest(caller: TheCaller, package_id: PackagePath) -> Response:
        """Digests of the package's files, as `sha256sum --check` takes them."""
        with registry.reading() as session:
            row = packages.get(session, caller.org, package_id)
            found = {one.path: one.sha256 for one in packages.files(session, row) if one.sha256}
            if row.sequence is None:
                raise Clash(
                    "There is no manifest yet", f"{row.id} is {row.state}.", "wait until it is sealed", "package-state"
                )
        text = bag.manifest({path: digest for path, digest in found.items() if path.startswith("data/")})
        return Response(text, media_type="text/plain", headers={"X-Content-Type-Options": "nosniff"})

    @routes.post(
        "/v1/records/packages/{package_id}/verify", status_code=202, summary="Verify where it lies",
        response_model=wire.Work, responses=changes,
    )  # fmt: skip
    def verify(asking: TheAsking, package_id: PackagePath) -> Response:
        """Read all of it at the target again: digests, signature, counts, lock."""
        return _work(asking, package_id, "verify")

    @routes.post(
        "/v1/records/packages/{package_id}/restore", status_code=202, summary="Restore",
        response_model=wire.Work, responses=changes,
    )  # fmt: skip
    def restore(asking: TheAsking, package_id: PackagePath) -> Response:
        """Its rows into a database of their own, after it was verified."""
        return _work(asking, package_id, "restore")

    @routes.post(
        "/v1/records/packages/{package_id}/drop", status_code=202, summary="Remove what was restored",
        response_model=wire.Work, responses=changes,
    )  # fmt: skip
    def drop(asking: TheAsking, package_id: PackagePath) -> Response:
        """The database that it was restored into; the package stays."""
        return _work(asking, package_id, "drop")

    @routes.post(
        "/v1/records/packages/{package_id}/retry", status_code=202, summary="Go on with a failed export",
        response_model=wire.Work, responses=changes,
    )  # fmt: skip
    def retry(asking: TheAsking, package_id: PackagePath) -> Response:
        """What was written is kept, and only the rest is done."""

        def act(change: Change) -> tuple[wire.Work, dict[str, str]]:
            row = packages.get(change.session, change.org, package_id, change=True)
            if row.state not in packages.LIVE:
                raise Clash("Nothing is left to do", f"{row.id} is {row.state}.", "look at it", "package-state")
            change.record("retry", packages.KIND, row.id, None, None)
            return work_answer(works.ask(change, row.id, "export")), {}

        return post(registry, asking, None, act, 202)

    @routes.post(
        "/v1/records/packages/{package_id}/dispositions", status_code=201, summary="Ask for its destruction",
        response_model=wire.Disposition, responses=changes,
    )  # fmt: skip
    def request_disposition(asking: TheAsking, package_id: PackagePath, given: wire.NewDisposition) -> Response:
        """When its time is over and nothing holds it. A second person must approve."""

        def act(change: Change) -> tuple[wire.Disposition, dict[str, str]]:
            row = _asked(lambda: disposing.request(change, store, package_id, given.reason))
            return disposition_answer(row), {}

        return post(registry, asking, given, act)

    @routes.get("/v1/records/dispositions", summary="Dispositions", responses=listed)
    def list_dispositions(caller: TheCaller) -> wire.DispositionList:
        with registry.reading() as session:
            rows = disposing.listed(session, caller.org)
            return wire.DispositionList(dispositions=[disposition_answer(row) for row in rows])

    @routes.post(
        "/v1/records/dispositions/{disposition_id}/decision", summary="The second person's answer",
        response_model=wire.Disposition, responses=changes,
    )  # fmt: skip
    def decide_disposition(asking: TheAsking, disposition_id: DispositionPath, given: wire.Decided) -> Response:
        """Approve or refuse. Whoever asked can't. Approved, it is verified once more, destroyed, and certified."""

        def act(change: Change) -> tuple[wire.Disposition, dict[str, str]]:
            row = _asked(lambda: disposing.decide(change, store, disposition_id, given))
            return disposition_answer(row), {}

        return post(registry, asking, given, act, 200)

    @routes.get("/v1/records/works/{work_id}", summary="How far something is", responses=reads)
    def get_work(caller: TheCaller, work_id: WorkPath) -> wire.Work:
        """Rows or files done of all, and what came of it."""
        with registry.reading() as session:
            return work_answer(works.get(session, caller.org, work_id))

    @routes.get("/v1/records/holds", summary="Legal holds", responses=listed)
    def list_holds(caller: TheCaller) -> wire.HoldList:
        """Released ones too."""
        with registry.reading() as session:
            rows = holds.listed(session, caller.org, active=False)
            return wire.HoldList(holds=[hold_answer(row) for row in rows])

    @routes.post(
        "/v1/records/holds", status_code=201, summary="Place a legal hold", response_model=wire.Hold, responses=changes
    )
    def place_hold(asking: TheAsking, given: wire.NewHold) -> Response:
        """From now on nothing of it leaves the store, and its packages' objects are held at the target."""

        def act(change: Change) -> tuple[wire.Hold, dict[str, str]]:
            row = holds.place(change, given)
            for one in _asked(lambda: holds.touched(change.session, store, row)):
                works.ask(change, one.id, "hold")
            return hold_answer(row), {}

        return post(registry, asking, given, act)

    @routes.post(
        "/v1/records/holds/{hold_id}/release", summary="Release a legal hold",
        response_model=wire.Hold, responses=changes,
    )  # fmt: skip
    def release_hold(asking: TheAsking, hold_id: HoldPath, given: wire.Release) -> Response:
        """Another hold over the same keeps it."""

        def act(change: Change) -> tuple[wire.Hold, dict[str, str]]:
            row = holds.release(change, hold_id, given.reason)
            for one in _asked(lambda: holds.touched(change.session, store, row)):
                works.ask(change, one.id, "hold")
            return hold_answer(row), {}

        return post(registry, asking, given, act, 200)

    @routes.get("/v1/records/calendar", summary="Calendar", responses=reads)
    def get_calendar(caller: TheCaller, query: Annotated[CalendarQuery, Query()]) -> wire.Calendar:
        """Each month of each agent: complete, supplemented, missing, failed, held, disposed, open, empty."""
        if query.agent is not None:
            with registry.reading() as session:
                agents.get(session, caller.org, query.agent)
        return _asked(lambda: records.calendar.answer(caller.org, query.agent, query.months))

    @routes.get("/v1/records/keys", summary="Keys that packages are signed with", responses=listed)
    def list_keys(caller: TheCaller) -> wire.KeyList:
        """Compare a package's `signer.pem` with these: the key inside proves nothing alone."""
        with registry.reading() as session:
            return wire.KeyList(keys=[key_answer(row) for row in signing.known(session)])

    @routes.post("/v1/records/keys/rotate", summary="Sign with a new key", response_model=wire.Key, responses=changes)
    def rotate_key(asking: TheAsking, given: wire.Rotate) -> Response:
        """What the old key signed stays good; it signs nothing any more."""

        def act(change: Change) -> tuple[wire.Key, dict[str, str]]:
            if not isinstance(records.signer, KeyFile):
                raise Clash("The key isn't kept here", "A key service has it.", "rotate it there", "key-elsewhere")
            before = signing.fingerprint(records.signer.pem)
            records.signer.rotate(change.at)
            row = signing.published(change.session, records.signer, change.at)
            change.record("rotate", "record key", row.fingerprint, {"key": before}, {"reason": given.reason})
            return key_answer(row), {}

        return post(registry, asking, given, act, 200)

    def _work(asking: TheAsking, package_id: str, kind: wire.WorkKind) -> Response:
        def act(change: Change) -> tuple[wire.Work, dict[str, str]]:
            row = packages.whole(packages.get(change.session, change.org, package_id))
            if kind == "drop" and not row.restored:
                raise Missing("restored package", row.id)
            return work_answer(works.ask(change, row.id, kind)), {}

        return post(registry, asking, None, act, 202)

    return routes


def _asked(read: Callable[[], _T]) -> _T:
    """What the engine was asked for, or that it doesn't answer."""
    try:
        return read()
    except (EngineFailed, ClickHouseError, ReadError):
        raise problems.unavailable("The store doesn't answer", "Try again.") from None
