"""Keys: rotated, never printed; and time stamps of an authority."""

from __future__ import annotations

import http.server
import subprocess
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from exporters import bag
from exporters.signing import KeyFile, fingerprint, good
from exporters.stamping import Authority
from exporters.targets.base import TargetError
from exporters.verifying import verify
from tests.exporters.world import World


def test_a_key_is_made_once_and_its_owners_alone(tmp_path: Path) -> None:
    path = tmp_path / "keys" / "records.pem"
    key = KeyFile(path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert KeyFile(path).pem == key.pem
    signature = key.sign(b"content")
    assert good(key.pem, signature, b"content")
    assert not good(key.pem, signature, b"contents")
    assert not good("no key", signature, b"content")
    private = path.read_text().splitlines()[1]
    assert private not in repr(key) + str(key.__dict__.get("_pem"))


def test_another_process_signs_with_the_key_that_was_rotated_to(tmp_path: Path) -> None:
    one, other = KeyFile(tmp_path / "records.pem"), KeyFile(tmp_path / "records.pem")
    before = other.pem
    one.rotate(datetime(2026, 11, 1, tzinfo=UTC))
    assert other.pem == one.pem != before
    assert good(other.pem, other.sign(b"x"), b"x")
    kept = [path for path in tmp_path.iterdir() if path.name != "records.pem"]
    assert [path.name for path in kept] == [f"records-20261101T000000-{fingerprint(before)[:8]}.pem"]
    assert KeyFile(kept[0]).pem == before
    assert kept[0].stat().st_mode & 0o777 == 0o600


def test_what_is_no_p256_key_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "records.pem"
    subprocess.run(["openssl", "genpkey", "-algorithm", "ED25519", "-out", str(path)], check=True)
    with pytest.raises(ValueError, match="holds no P-256 key"):
        KeyFile(path)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """A time stamping authority: openssl answers over HTTP."""
    home = tmp_path_factory.mktemp("tsa")
    (home / "tsa.cnf").write_text(
        "[tsa]\ndefault_tsa = one\n[one]\nserial = serial\nsigner_digest = sha256\ndefault_policy = 1.2.3.4\n"
        "digests = sha256\naccuracy = secs:1\nordering = no\ntsa_name = no\ness_cert_id_chain = no\n"
    )
    (home / "serial").write_text("01\n")
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "key.pem", "-out", "cert.pem", "-days",
         "30", "-subj", "/CN=A time stamping authority", "-addext", "extendedKeyUsage=critical,timeStamping"],
        cwd=home, check=True, capture_output=True,
    )  # fmt: skip

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            (home / "query").write_bytes(self.rfile.read(int(self.headers["Content-Length"])))
            subprocess.run(
                ["openssl", "ts", "-reply", "-config", "tsa.cnf", "-queryfile", "query", "-inkey", "key.pem", "-signer",
                 "cert.pem", "-out", "reply"],
                cwd=home, check=True, capture_output=True,
            )  # fmt: skip
            content = (home / "reply").read_bytes()
            self.send_response(200)
            self.send_header("Content-Type", "application/timestamp-reply")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *told: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", home
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_package_is_stamped_and_openssl_agrees(world: World, authority: tuple[str, Path]) -> None:
    url, home = authority
    world.settings = world.settings.model_copy(update={"tsa_url": url})
    world.restart()
    world.agent("drafter")
    world.month("drafter", traces=1, days=[2])
    package = world.export("drafter")
    place = world.place(package)
    asked = ["openssl", "ts", "-verify", "-data", bag.TAG_MANIFEST, "-in", bag.TIMESTAMP]
    said = subprocess.run(
        [*asked, "-CAfile", str(home / "cert.pem")], cwd=place, capture_output=True, text=True, check=False
    )
    assert said.returncode == 0, said.stderr
    assert verify(world.target, package.prefix).findings == []
    other = Authority(url).stamp(b"something else")
    (place / bag.TIMESTAMP).chmod(0o600)
    (place / bag.TIMESTAMP).write_bytes(other)
    found = {finding.path: finding.what for finding in verify(world.target, package.prefix).findings}
    assert "isn't a time stamp of this" in found[bag.TIMESTAMP]


def test_an_authority_that_is_gone_is_waited_for(world: World) -> None:
    with pytest.raises(TargetError, match="MUSTER_RECORDS_TSA_URL") as failed:
        Authority("http://127.0.0.1:1", timeout=1).stamp(b"x")
    assert failed.value.passing
