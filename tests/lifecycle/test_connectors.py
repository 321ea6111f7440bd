"""Connectors against real servers: what they switch off is off, is seen to be, and comes back as it was."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import boto3
import pytest
from pydantic import SecretStr

from lifecycle.chat import Chat
from lifecycle.conditions import Facts
from lifecycle.connectors.aws import POLICY, AwsIam, AwsTriggers
from lifecycle.connectors.base import Connector, ConnectorError, Step
from lifecycle.connectors.scim import Scim
from lifecycle.connectors.webhook import Webhooks, signature
from tests.lifecycle import outside

AT = datetime(2026, 1, 1, tzinfo=UTC)


def bound(*bindings: tuple[str, str]) -> Facts:
    document = {"bindings": [{"kind": kind, "ref": ref, "note": ""} for kind, ref in bindings]}
    return Facts("drafter", "Drafter", "active", None, None, None, "internal", False, AT, AT, document)


@pytest.fixture(scope="module")
def aws() -> Iterator[tuple[boto3.Session, str]]:
    session = boto3.Session(aws_access_key_id="test", aws_secret_access_key="test", region_name="eu-central-1")
    with outside.aws() as url:
        yield session, url


def switched(connector: Connector, agent: Facts) -> list[tuple[Step, Any]]:
    """Everything that it plans to disable, done as the engine of steps does it, and seen to be off."""
    done = []
    for step in connector.plan("default", agent, "disable"):
        recipe = json.loads(json.dumps(connector.recipe("default", step)))  # as the database keeps it
        assert connector.observe("default", step) in ("not-applied", "unknown")
        connector.apply("default", step, "key-1")
        connector.apply("default", step, "key-1")
        assert connector.verify("default", step).off
        assert connector.observe("default", step) in ("applied", "unknown")
        done.append((step, recipe))
    assert done
    return done


def given_back(connector: Connector, done: list[tuple[Step, Any]]) -> None:
    for step, recipe in reversed(done):
        for _ in range(2):
            connector.undo("default", step, recipe, "key-1-undo")
        assert json.loads(json.dumps(connector.recipe("default", step))) == recipe


def test_an_iam_user_loses_its_keys_and_every_right_and_gets_back_what_it_had(aws: tuple[boto3.Session, str]) -> None:
    session, url = aws
    iam = session.client("iam", endpoint_url=url)
    iam.create_user(UserName="drafter")
    keys = [iam.create_access_key(UserName="drafter")["AccessKey"]["AccessKeyId"] for _ in range(2)]
    iam.update_access_key(UserName="drafter", AccessKeyId=keys[1], Status="Inactive")
    connector = AwsIam(session, url)
    agent = bound(("iam-user", "arn:aws:iam::123456789012:user/drafter"))
    steps = connector.plan("default", agent, "disable")
    assert [step.what for step in steps] == [
        f"deactivate access key {keys[0]} of IAM user drafter", "deny everything to IAM user drafter",
    ]  # fmt: skip
    done = switched(connector, agent)
    found = {one["AccessKeyId"]: one["Status"] for one in iam.list_access_keys(UserName="drafter")["AccessKeyMetadata"]}
    assert set(found.values()) == {"Inactive"}
    document: Any = iam.get_user_policy(UserName="drafter", PolicyName=POLICY)["PolicyDocument"]
    assert document["Statement"][0]["Effect"] == "Deny"
    given_back(connector, done)
    found = {one["AccessKeyId"]: one["Status"] for one in iam.list_access_keys(UserName="drafter")["AccessKeyMetadata"]}
    assert found == {keys[0]: "Active", keys[1]: "Inactive"}, "what was off before stays off"
    assert iam.list_user_policies(UserName="drafter")["PolicyNames"] == []
    for step in connector.plan("default", agent, "revoke"):
        assert not step.reversible
        assert connector.recipe("default", step) is None
        for _ in range(2):
            connector.apply("default", step, "key-2")
        assert connector.verify("default", step).off
    assert iam.list_access_keys(UserName="drafter")["AccessKeyMetadata"] == []


def test_a_role_is_denied_everything_and_a_policy_that_stood_there_comes_back(aws: tuple[boto3.Session, str]) -> None:
    session, url = aws
    iam = session.client("iam", endpoint_url=url)
    iam.create_role(RoleName="drafter", AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": []}))
    mine = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}]}
    iam.put_role_policy(RoleName="drafter", PolicyName=POLICY, PolicyDocument=json.dumps(mine))
    connector = AwsIam(session, url)
    done = switched(connector, bound(("iam-role", "drafter")))
    given_back(connector, done)
    assert iam.get_role_policy(RoleName="drafter", PolicyName=POLICY)["PolicyDocument"] == mine


def test_rules_and_schedules_are_switched_off_deleted_and_made_again(aws: tuple[boto3.Session, str]) -> None:
    session, url = aws
    events, scheduler = session.client("events", endpoint_url=url), session.client("scheduler", endpoint_url=url)
    events.put_rule(Name="nightly", ScheduleExpression="rate(1 day)", Description="every night")
    events.put_targets(
        Rule="nightly", Targets=[{"Id": "1", "Arn": "arn:aws:lambda:eu-central-1:123456789012:function:f"}]
    )
    scheduler.create_schedule(
        Name="weekly", ScheduleExpression="rate(7 days)", FlexibleTimeWindow={"Mode": "OFF"}, Description="every week",
        Target={
            "Arn": "arn:aws:lambda:eu-central-1:123456789012:function:f",
            "RoleArn": "arn:aws:iam::123456789012:role/x", "Input": "{}",
        },
    )  # fmt: skip
    connector = AwsTriggers(session, url)
    agent = bound(("rule", "arn:aws:events:eu-central-1:123456789012:rule/nightly"), ("schedule", "default/weekly"))
    done = switched(connector, agent)
    assert events.describe_rule(Name="nightly")["State"] == "DISABLED"
    assert scheduler.get_schedule(Name="weekly")["State"] == "DISABLED"
    given_back(connector, done)
    assert events.describe_rule(Name="nightly")["State"] == "ENABLED"
    removed = [(step, connector.recipe("default", step)) for step in connector.plan("default", agent, "remove")]
    for step, _ in removed:
        for _ in range(2):
            connector.apply("default", step, "key-3")
        assert connector.verify("default", step).off
    assert events.list_rules()["Rules"] == []
    given_back(connector, [(step, json.loads(json.dumps(recipe))) for step, recipe in removed])
    assert events.list_targets_by_rule(Rule="nightly")["Targets"][0]["Id"] == "1"
    assert scheduler.get_schedule(Name="weekly")["Description"] == "every week"


def test_what_is_gone_at_aws_is_said_and_not_taken_for_off(aws: tuple[boto3.Session, str]) -> None:
    session, url = aws
    with pytest.raises(ConnectorError, match="nobody cannot be found"):
        AwsIam(session, url).plan("default", bound(("iam-user", "nobody")), "disable")
    triggers = AwsTriggers(session, url)
    (step,) = triggers.plan("default", bound(("rule", "nothing")), "disable")
    with pytest.raises(ConnectorError, match="is gone"):
        triggers.recipe("default", step)
    with pytest.raises(ConnectorError):
        AwsTriggers(session, "http://127.0.0.1:1").recipe("default", step)


def test_a_user_at_the_identity_provider_is_inactive_and_active_again() -> None:
    with outside.scim() as url:
        user = outside.scim_user(url, "drafter@example.org")
        connector = Scim(url, SecretStr(outside.TOKEN))
        agent = bound(("scim", user))
        (step,) = connector.plan("default", agent, "disable")
        assert step.what == "set drafter@example.org inactive at the identity provider"
        done = switched(connector, agent)
        assert not outside.scim_active(url, user)
        given_back(connector, done)
        assert outside.scim_active(url, user)
        with pytest.raises(ConnectorError, match="knows no user nobody: mend"):
            connector.observe("default", replace(step, target="nobody"))
        wrong = Scim(url, SecretStr("another"))
        with pytest.raises(ConnectorError, match="answered 401"):
            wrong.observe("default", step)
        assert "another" not in repr(wrong)
    with pytest.raises(ConnectorError, match="can't be reached"):
        connector.observe("default", step)


class _Hook(BaseHTTPRequestHandler):
    """Answers with what is next, and keeps what came."""

    answers: list[int] = []  # noqa: RUF012
    came: list[tuple[dict[str, str], str]] = []  # noqa: RUF012

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"])).decode()
        self.came.append(({name.lower(): value for name, value in self.headers.items()}, body))
        self.send_response(self.answers.pop(0) if self.answers else 200)
        self.end_headers()

    def log_message(self, *arguments: Any) -> None:
        """Nothing."""


def test_a_chat_gets_a_line_in_slacks_format_and_its_address_is_in_no_log(caplog: pytest.LogCaptureFixture) -> None:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Hook)
    Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_address[1]}/services/T0/B0/very-secret"
    chat = Chat(SecretStr(url))
    try:
        _Hook.answers[:] = [200, 404]
        assert chat.post("Drafter is disabled 2026-04-01 unless somebody answers for it")
        said = json.loads(_Hook.came[-1][1])
        assert said["text"] == said["blocks"][0]["text"]["text"]
        assert not chat.post("again")
    finally:
        server.shutdown()
        server.server_close()
    assert not chat.post("nobody listens any more")
    assert "the chat refused a post with status 404" in caplog.text
    assert "very-secret" not in caplog.text + repr(chat)


def test_a_webhook_is_signed_tried_again_and_known_by_its_id() -> None:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Hook)
    Thread(target=server.serve_forever, daemon=True).start()
    waits: list[float] = []
    secret = SecretStr("shared-secret")
    connector = Webhooks(secret, wait=waits.append)
    url = f"http://127.0.0.1:{server.server_address[1]}/hooks/very-secret-path"
    (step,) = connector.plan("default", bound(("webhook", url)), "disable")
    _Hook.came.clear()
    try:
        _Hook.answers[:] = [503, 429, 200]
        connector.apply("default", step, "case_1-4")
        assert waits == [1.0, 2.0]
        assert len({body for _, body in _Hook.came}) == 1
        headers, body = _Hook.came[-1]
        event = json.loads(body)
        assert (event["specversion"], event["id"], event["type"]) == ("1.0", "case_1-4", "dev.muster.agent.disabled")
        expected = signature(secret, "case_1-4", headers["webhook-timestamp"], body)
        assert headers["webhook-signature"] == f"v1,{expected}"
        assert headers["content-type"] == "application/cloudevents+json"
        connector.undo("default", step, {"type": "enabled"}, "case_1-4-undo")
        assert json.loads(_Hook.came[-1][1])["type"] == "dev.muster.agent.enabled"
        _Hook.answers[:] = [410]
        before = len(_Hook.came)
        with pytest.raises(ConnectorError, match=r"127\.0\.0\.1 answered 410") as refused:
            connector.apply("default", step, "case_1-5")
        assert len(_Hook.came) == before + 1, "what is refused for good isn't tried again"
        assert "very-secret-path" not in str(refused.value)
    finally:
        server.shutdown()
        server.server_close()
