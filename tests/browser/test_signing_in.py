"""Signing in with an identity provider; and pages of an API that is down."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect

from collector.store.connection import Store
from inventory.auth.authenticator import Authenticator
from inventory.auth.oidc import OidcVerifier
from inventory.auth.oidc_settings import OidcSettings
from inventory.auth.roles import Role
from inventory.contract.people import PersonSpec, RoleGiven, Roles
from inventory.registry import people
from tests.browser import scene
from tests.browser.conftest import Open
from tests.browser.looking import free_port, on_first_screen
from tests.browser.test_incident import EVERY
from tests.inventory.access import inventory
from tests.inventory.provider import AUDIENCE, running
from tests.inventory.registry.asking import asking
from tests.inventory.serving import served
from tests.inventory.whole import whole_app

pytestmark = pytest.mark.browser
SECRETS = """
[auth]
redirect_uri = "http://localhost:{port}/oauth2callback"
cookie_secret = "a secret of at least thirty-two characters"
client_id = "{client}"
client_secret = "nobody's"
server_metadata_url = "{issuer}/.well-known/openid-configuration"
expose_tokens = ["id"]
"""


@pytest.fixture(scope="module")
def with_provider(store: Store, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("oidc")
    port = free_port()
    with running() as provider:
        verifier = OidcVerifier(OidcSettings(issuer=provider.issuer, audience=AUDIENCE))
        services = inventory(folder, store=store)
        with services.registry.changing(asking()) as change:
            people.put_person(change, "alice@example.org", PersonSpec(name="Alice"))
        with services.registry.changing(asking(if_match=1)) as change:
            people.put_roles(change, "alice@example.org", Roles(roles=[RoleGiven(role=Role.SRE)]))
        known = Authenticator(services.registry.database, provider=verifier)
        app = whole_app(store, inventory(folder, known, services.registry.database, store=store))
        secrets = SECRETS.format(port=port, client=AUDIENCE, issuer=provider.issuer)
        with served(app) as api, scene.pages_alone(folder, api, port, secrets) as pages:
            yield pages
        verifier.close()


def test_the_address_that_was_opened_is_come_back_to(with_provider: str, opening: Open) -> None:
    page = opening(with_provider)
    page.goto("/traces?agent=support-drafter&window=24h")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_text("alice@example.org")).to_be_visible()
    expect(page.get_by_role("heading", name="Traces")).to_be_visible()
    expect(page).to_have_url(re.compile(r"/traces\?.*agent=support-drafter"))
    page.goto("/agents")  # Known in every tab, and not sent anywhere a second time.
    expect(page.get_by_role("heading", name="Agents")).to_be_visible()
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("button", name="Sign in")).to_be_visible()


@pytest.fixture(scope="module")
def without_api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder: Path = tmp_path_factory.mktemp("alone")
    with scene.pages_alone(folder, f"http://127.0.0.1:{free_port()}", free_port()) as pages:
        yield pages


@pytest.mark.parametrize("address", [*EVERY, "/trace?trace_id=" + "ab" * 16, "/package?package=pkg_0123456789abcdef"])
def test_an_api_that_is_down_is_said_in_words_on_each_page(without_api: str, opening: Open, address: str) -> None:
    page = opening(without_api)
    page.goto(address)
    on_first_screen(page, "Nothing answers at http://127.0.0.1:")
    on_first_screen(page, "Start Muster with make up")
    expect(page.get_by_test_id("stException")).to_have_count(0)
    expect(page.get_by_role("link", name="Traces").first).to_be_visible()
