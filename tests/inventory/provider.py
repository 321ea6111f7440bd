"""A real identity provider on loopback, in a process of its own: discovery, keys, and tokens of any content.

It is told what to do over HTTP, as no provider of the world is: to rotate its key, and what to put into a token.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import httpx
import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

from tests.server import free_port

AUDIENCE = "muster"


class Provider:
    """The process, asked over HTTP."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.issuer = f"http://127.0.0.1:{port}"
        self.http = httpx.Client(base_url=self.issuer, trust_env=False)
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        root = Path(__file__).parents[2]
        self.process = subprocess.Popen([sys.executable, "-m", "tests.inventory.provider", str(self.port)], cwd=root)
        deadline = time.monotonic() + 20
        while True:
            try:
                self.http.get("/asked")
            except httpx.TransportError:
                assert time.monotonic() < deadline
                time.sleep(0.02)
            else:
                return

    def stop(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def token(self, algorithm: Any = "RS256", *, header: Any = None, **claims: Any) -> str:
        """Signed with the newest key of the algorithm's kind; claims that are None are left out."""
        now = int(time.time())
        given = {"iss": self.issuer, "aud": AUDIENCE, "sub": "s-1", "email": "alice@example.org", "iat": now,
                 "exp": now + 300, **claims}  # fmt: skip
        kept = {name: value for name, value in given.items() if value is not None}
        answer = self.http.post("/mint", json={"algorithm": algorithm, "claims": kept, "header": header or {}})
        return answer.raise_for_status().text

    def rotate(self) -> None:
        self.http.post("/rotate").raise_for_status()

    def asked(self) -> int:
        """How often its keys were asked for."""
        return int(self.http.get("/asked").text)


@contextmanager
def running() -> Iterator[Provider]:
    provider = Provider(free_port())
    provider.start()
    try:
        yield provider
    finally:
        provider.stop()


class _Keys:
    def __init__(self) -> None:
        self.number = 0
        self.asked = 0
        self.rotate()

    def rotate(self) -> None:
        self.number += 1
        self.rsa = rsa.generate_private_key(65537, 2048)
        self.ec = ec.generate_private_key(ec.SECP256R1())
        self.okp = ed25519.Ed25519PrivateKey.generate()

    def public(self) -> dict[str, Any]:
        self.asked += 1
        written = {
            "rsa": RSAAlgorithm.to_jwk(self.rsa.public_key(), as_dict=True),
            "ec": ECAlgorithm.to_jwk(self.ec.public_key(), as_dict=True),
            "okp": OKPAlgorithm.to_jwk(self.okp.public_key(), as_dict=True),
        }
        return {"keys": [{**key, "kid": f"{name}-{self.number}", "use": "sig"} for name, key in written.items()]}

    def mint(self, algorithm: str, claims: dict[str, Any], header: dict[str, Any]) -> str:
        name = {"R": "rsa", "P": "rsa", "ES": "ec", "Ed": "okp"}.get(algorithm[:2]) or (
            "ec" if algorithm.startswith("ES") else "okp" if algorithm == "EdDSA" else "rsa"
        )
        key: Any = {"rsa": self.rsa, "ec": self.ec, "okp": self.okp}[name]
        return jwt.encode(claims, key, algorithm, {"kid": f"{name}-{self.number}", **header})


def main(port: int) -> None:
    keys = _Keys()
    nonces: dict[str, str] = {}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            issuer = f"http://127.0.0.1:{port}"
            if self.path == "/.well-known/openid-configuration":
                self._answer(json.dumps({
                    "issuer": issuer, "jwks_uri": f"{issuer}/jwks", "token_endpoint": f"{issuer}/token",
                    "authorization_endpoint": f"{issuer}/authorize",
                }))  # fmt: skip
            elif self.path.startswith("/authorize?"):  # Nobody is asked who they are: it is Alice.
                asked = dict(parse_qsl(urlsplit(self.path).query))
                nonces["code"] = asked.get("nonce", "")
                self.send_response(302)
                back = urlencode({"code": "code", "state": asked["state"]})
                self.send_header("location", f"{asked['redirect_uri']}?{back}")
                self.end_headers()
            elif self.path == "/jwks":
                self._answer(json.dumps(keys.public()))
            elif self.path == "/asked":
                self._answer(str(keys.asked))
            else:
                self.send_error(404)

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            if self.path == "/token":
                now = int(time.time())
                claims = {
                    "iss": f"http://127.0.0.1:{port}", "aud": AUDIENCE, "sub": "s-1", "email": "alice@example.org",
                    "iat": now, "exp": now + 300, "nonce": nonces["code"],
                }  # fmt: skip
                token = keys.mint("RS256", claims, {})
                self._answer(json.dumps({"access_token": "a", "token_type": "Bearer", "id_token": token}))
            elif self.path == "/rotate":
                keys.rotate()
                self._answer("")
            else:
                wanted = json.loads(body)
                self._answer(keys.mint(wanted["algorithm"], wanted["claims"], wanted["header"]))

        def _answer(self, text: str) -> None:
            self.send_response(200)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(text.encode())))
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, *said: Any) -> None:
            pass

    ThreadingHTTPServer(("127.0.0.1", port), Handler).serve_forever()


if __name__ == "__main__":
    main(int(sys.argv[1]))
