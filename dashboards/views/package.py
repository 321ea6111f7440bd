"""One package: can I prove it?"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import streamlit as st

from dashboards import api, links, words
from dashboards.links import Pages
from dashboards.views import acting, parts, tables, working
from dashboards.views.keeping import hold_dialog
from inventory.contract import records


def page(pages: Pages) -> None:
    st.page_link(pages[links.RECORDS], label="All records", icon=":material/arrow_back:")
    name = st.query_params.get("package", "").strip()
    if not name:
        st.title("Package", anchor=False)
        st.info("Which one? Choose it in the records, or put its id in the address: /package?package=pkg_…")
        return
    parts.told("package")
    parts.told("records")
    working.progress("package", _done)
    package = api.shown(f"Package {name[:40]}", lambda: api.package(name))
    if package is None:
        return
    _head(package)
    _proof(package)
    _actions(package)
    left, right = st.columns([1.7, 1], gap="medium")
    with left:
        _files(package)
    with right:
        _facts(package)
    if package.certificate:
        st.markdown("##### Certificate of destruction")
        st.json(package.certificate, expanded=1)


def _head(package: records.PackageDetail) -> None:
    st.title(f"{package.agent}, {package.starts} to {package.ends - timedelta(days=1)}", anchor=False)
    claims = [
        package.id,
        package.kind,
        package.state,
        "held" if package.held else "",
        package.schedule or "no schedule",
    ]
    parts.as_of(" · ".join(claim for claim in claims if claim))


def _proof(package: records.PackageDetail) -> None:
    zone = parts.reader_zone()
    if package.error:
        st.error(f"**It isn't whole.** {package.error}", icon=":material/error:")
    if package.verified_at is None:
        text = (
            "**Not verified yet** since it was written and read back."
            if package.state == "committed"
            else "Not sealed yet."
        )
        st.info(text, icon=":material/help:")
    elif not package.verdict:
        st.success(
            f"**Proved** {words.ago(package.verified_at, datetime.now(UTC))}, "
            f"{words.moment(package.verified_at, zone)}: "
            "every file, count, the signature, the chain and the lock are as they were.",
            icon=":material/verified:",
        )
    else:
        st.error(
            f"**Not proved**, {words.moment(package.verified_at, zone)}: {package.verdict}.", icon=":material/gpp_bad:"
        )
    differing = [one for one in package.files if one.expected is not None and one.rows != one.expected]
    parts.row_of(
        [
            parts.tile("Rows", words.count(package.rows), "In its files", f"{package.rows_expected:,} were stored"),
            parts.tile("Files", words.count(len(package.files)), "Each with its SHA-256",
                       f"{len(differing):,} differ" if differing else "counts agree"),
            parts.tile("Size", words.size(package.bytes), "Compressed"),
            parts.tile("Place in the chain", words.count(package.sequence), "Each package names the one before it"),
            parts.tile(
                "Locked until", f"{package.locked_until:%Y-%m-%d}" if package.locked_until else "not locked",
                "At the target; it only ever grows", package.mode,
            ),
            parts.tile("Then", package.disposition or words.UNKNOWN, "What its schedule says when its time is over"),
        ]
    )  # fmt: skip


def _actions(package: records.PackageDetail) -> None:
    may = api.may("records:write") == "all"
    committed = package.state == "committed"
    with st.container(horizontal=True):
        if st.button(
            "Verify", icon=":material/verified:", type="primary", disabled=not (may and committed), key="verify"
        ):
            acting.attempt("package", lambda: api.client().verify_package(package.id), working.begun)
        if st.button(
            "Restore …", icon=":material/settings_backup_restore:", disabled=not (may and committed), key="restore"
        ):
            restore_dialog(package)
        if package.restored and st.button("Drop the restored copy …", disabled=not may, key="drop"):
            drop_dialog(package)
        if package.error and st.button("Try again", icon=":material/refresh:", disabled=not may, key="retry"):
            acting.attempt("package", lambda: api.client().retry_export(package.id), working.begun)
        if st.button("Hold …", icon=":material/gavel:", disabled=api.may("lifecycle:hold") != "all", key="hold"):
            hold_dialog("package", package.id)
        if st.button("Destroy …", icon=":material/delete_forever:", key="dispose",
                     disabled=api.may("records:dispose") != "all" or not committed):  # fmt: skip
            dispose_dialog(package)
        if package.sequence is not None:
            manifest = api.shown("The manifest", lambda: api.manifest(package.id))
            if manifest is not None:
                st.download_button("Manifest", manifest, f"{package.id}-manifest-sha256.txt", on_click="ignore",
                                   icon=":material/download:", key="manifest")  # fmt: skip
    if not may:
        st.caption(":material/lock: Verifying and restoring need the scope `records:write`.")


@st.dialog("Restore", icon=":material/settings_backup_restore:")
def restore_dialog(package: records.PackageDetail) -> None:
    st.markdown(
        f"It is verified, and its {package.rows:,} rows are read into a database of their own: nothing is counted "
        "twice, and nothing of what is here changes. Dropping the copy undoes it."
    )
    if st.button("Restore", type="primary", key="restore-do"):
        acting.attempt("package", lambda: api.client().restore_package(package.id), working.begun)


@st.dialog("Drop the restored copy", icon=":material/delete:")
def drop_dialog(package: records.PackageDetail) -> None:
    st.markdown(f"The database `{package.restored}` goes; the package stays as it is.")
    if st.button("Drop it", type="primary", key="drop-do"):
        acting.attempt("package", lambda: api.client().drop_restored(package.id), working.begun)


@st.dialog("Ask for its destruction", icon=":material/delete_forever:")
def dispose_dialog(package: records.PackageDetail) -> None:
    st.markdown(
        "When its time is over, a second person approves; then the package and what is left of its rows here are "
        "destroyed, and a signed certificate is kept. Until then nothing happens."
    )
    why = acting.reason(key="dispose-reason", example="GRS 3.2, item 036: the time is over")
    if st.button("Ask", type="primary", disabled=not why, key="dispose-do"):
        acting.attempt(
            "package", lambda: api.client().request_disposition(package.id, why),
            lambda done: f"It waits for a second person. {acting.audit_link('disposition', done.id)}",
        )  # fmt: skip


def _done(work: records.Work) -> str:
    link = acting.audit_link("package", work.package)
    if work.state == "failed":
        return f"**{work.kind} failed:** {words.escaped(work.error)}. {link}"
    if work.kind == "verify":
        findings = [str(one) for one in work.result.get("findings", [])]
        if work.result.get("good"):
            rows, files = words.count(work.result.get("rows")), words.count(work.result.get("files"))
            return f"Proved: {rows} rows in {files} files. {link}"
        listed = "".join(f"\n- {words.escaped(one)}" for one in findings[:20])
        return f"**Not proved:** {words.plural(len(findings), 'finding')}. {link}{listed}"
    if work.kind == "restore":
        return f"Restored into `{work.result.get('database') or 'a database of its own'}`. {link}"
    return f"{work.kind}: done. {link}"


def _files(package: records.PackageDetail) -> None:
    st.markdown(f"##### Files ({len(package.files):,})")
    if not package.files:
        st.caption("None yet.")
        return
    tables.grid(
        "files",
        {
            "File": [one.path for one in package.files],
            "Rows": [one.rows for one in package.files],
            "In the store then": [one.expected for one in package.files],
            "Agree": [
                None if one.expected is None else "✓ yes" if one.rows == one.expected else "✕ no"
                for one in package.files
            ],
            "Bytes": [one.bytes for one in package.files],
            "SHA-256": [one.sha256 for one in package.files],
            "Version": [one.version for one in package.files],
        },
        f"{package.id}-files",
        alt="Files of the package with counts and digests",
        column_config={
            "Rows": st.column_config.NumberColumn(format="localized"),
            "In the store then": st.column_config.NumberColumn(format="localized"),
            "Bytes": st.column_config.NumberColumn(format="localized"),
        },
    )


def _facts(package: records.PackageDetail) -> None:
    zone = parts.reader_zone()
    st.markdown("##### What proves it")
    parts.facts(
        [
            ("Manifest", package.manifest_sha256),
            ("Signed by", package.fingerprint),
            ("Where", f"{package.target}/{package.prefix}".rstrip("/")),
            ("As received by", words.moment(package.cutoff, zone) if package.cutoff else ""),
            ("Committed", words.moment(package.committed_at, zone) if package.committed_at else ""),
            ("Asked for by", package.requested_by),
            ("Restored as", package.restored),
            ("Destroyed", words.moment(package.disposed_at, zone) if package.disposed_at else ""),
            *[("Held by", f"{one.number}: {one.reason}") for one in package.holds if one.released_at is None],
        ],
        mono=frozenset({"Manifest", "Signed by", "Where"}),
    )
    st.caption("Without us: its `VERIFY.md` does it with sha256sum, openssl and zstd.")
    st.markdown(acting.audit_link("package", package.id))
