"""AWS: who the agent is (IAM users and roles), and what wakes it (EventBridge, Lambda's event sources).

Keys are set inactive, and a deny-all policy is put on user or role. It has no condition on `aws:TokenIssueTime`: IAM
asks policies at every request, so an unconditional one ends running sessions as well as new ones, and needs no clock.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any, Final

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from botocore.parsers import ResponseParserError

from inventory.db.models import Json
from lifecycle.conditions import Facts
from lifecycle.connectors.base import ConnectorError, Observed, Stage, Step, Verified

POLICY: Final = "muster-disabled"
_DENY: Final = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [{"Sid": "MusterDisabled", "Effect": "Deny", "Action": "*", "Resource": "*"}],
    }
)
FAILURES: Final = (ClientError, BotoCoreError, ResponseParserError)
_CONFIG: Final = Config(connect_timeout=5, read_timeout=15, retries={"max_attempts": 3, "mode": "standard"})


class AwsIam:
    """IAM users and roles."""

    name = "aws_iam"

    def __init__(self, session: boto3.Session | None = None, endpoint: str | None = None) -> None:
        self._iam: Any = (session or boto3.Session()).client("iam", config=_CONFIG, endpoint_url=endpoint)

    def __repr__(self) -> str:
        return "AwsIam()"

    def describe(self) -> str:
        return "IAM users and roles"

    def plan(self, org: str, agent: Facts, stage: Stage) -> Sequence[Step]:
        steps: list[Step] = []
        for kind, ref in _bindings(agent, "iam-user", "iam-role"):
            name = _last(ref)
            word = "user" if kind == "iam-user" else "role"
            if stage == "disable":
                steps += self._key_steps(kind, name, stage)
                plan = {"do": "deny", "kind": kind, "name": name}
                steps.append(Step(self.name, ref, f"deny everything to IAM {word} {name}", plan))
            elif stage == "revoke":
                steps += self._key_steps(kind, name, stage)
        return steps

    def _key_steps(self, kind: str, name: str, stage: Stage) -> list[Step]:
        if kind != "iam-user":
            return []
        keys = _asked(lambda: self._iam.list_access_keys(UserName=name))["AccessKeyMetadata"]
        steps: list[Step] = []
        for key in sorted(keys, key=lambda key: str(key["AccessKeyId"])):
            name_of_key = key["AccessKeyId"]
            plan = {"do": "key", "name": name, "key": name_of_key, "stage": stage}
            if stage == "revoke":
                what = f"delete access key {name_of_key} of IAM user {name}"
                steps.append(Step(self.name, name_of_key, what, plan, reversible=False))
            elif key["Status"] == "Active":
                steps.append(
                    Step(self.name, name_of_key, f"deactivate access key {name_of_key} of IAM user {name}", plan)
                )
        return steps

    def recipe(self, org: str, step: Step) -> Json | None:
        if not step.reversible:
            return None
        if step.plan["do"] == "key":
            return {"status": self._status(step)}
        return {"policy": self._policy(step)}

    def apply(self, org: str, step: Step, key: str) -> Json:
        plan = step.plan
        if plan["do"] == "deny":
            self._put(plan, _DENY)
        elif plan["stage"] == "revoke":
            if self._status(step) is not None:
                _asked(lambda: self._iam.delete_access_key(UserName=plan["name"], AccessKeyId=plan["key"]))
        else:
            self._set(step, "Inactive")
        return {"target": step.target}

    def undo(self, org: str, step: Step, recipe: Json, key: str) -> Json:
        if step.plan["do"] == "key":
            if recipe["status"] is not None:
                self._set(step, recipe["status"])
        elif recipe["policy"] is not None:
            self._put(step.plan, recipe["policy"])
        elif self._policy(step) is not None:
            plan = step.plan
            if plan["kind"] == "iam-user":
                _asked(lambda: self._iam.delete_user_policy(UserName=plan["name"], PolicyName=POLICY))
            else:
                _asked(lambda: self._iam.delete_role_policy(RoleName=plan["name"], PolicyName=POLICY))
        return {"target": step.target}

    def verify(self, org: str, step: Step) -> Verified:
        """Of keys IAM is asked again: nobody has their secret to try them with. A user or role is simulated."""
        if step.plan["do"] == "key":
            return Verified(self._status(step) in (None, "Inactive"), "IAM was asked again for the key's status")
        return self._tried(step)

    def _tried(self, step: Step) -> Verified:
        """Not every endpoint has a simulator, nor everybody the right to it: then IAM is asked again."""
        try:
            found = self._iam.simulate_principal_policy(
                PolicySourceArn=self._arn(step.plan), ActionNames=["sts:GetCallerIdentity", "s3:ListAllMyBuckets"]
            )
        except FAILURES:
            off = self.observe("", step) == "applied"
            return Verified(off, "IAM was asked again for the policy; its simulator could not be")
        decisions = {one["EvalDecision"] for one in found["EvaluationResults"]}
        return Verified(decisions == {"explicitDeny"}, "IAM's simulator tried two actions, and both were denied")

    def observe(self, org: str, step: Step) -> Observed:
        if step.plan["do"] == "key":
            status = self._status(step)
            off = status is None if step.plan["stage"] == "revoke" else status in (None, "Inactive")
            return "applied" if off else "not-applied"
        policy = self._policy(step)
        return "applied" if policy is not None and json.loads(policy) == json.loads(_DENY) else "not-applied"

    def _arn(self, plan: Json) -> str:
        if plan["kind"] == "iam-user":
            return str(self._iam.get_user(UserName=plan["name"])["User"]["Arn"])
        return str(self._iam.get_role(RoleName=plan["name"])["Role"]["Arn"])

    def _status(self, step: Step) -> str | None:
        """Active or Inactive; None: there is no such key any more."""
        found = _asked(lambda: self._iam.list_access_keys(UserName=step.plan["name"]))["AccessKeyMetadata"]
        return next((str(one["Status"]) for one in found if one["AccessKeyId"] == step.plan["key"]), None)

    def _set(self, step: Step, status: str) -> None:
        plan = step.plan
        _asked(lambda: self._iam.update_access_key(UserName=plan["name"], AccessKeyId=plan["key"], Status=status))

    def _policy(self, step: Step) -> str | None:
        """The document that stands under our name; None: none does."""
        plan = step.plan
        try:
            if plan["kind"] == "iam-user":
                found = self._iam.get_user_policy(UserName=plan["name"], PolicyName=POLICY)["PolicyDocument"]
            else:
                found = self._iam.get_role_policy(RoleName=plan["name"], PolicyName=POLICY)["PolicyDocument"]
        except ClientError as error:
            if error.response["Error"]["Code"] == "NoSuchEntity" and "policy" in str(error).lower():
                return None
            raise ConnectorError(_words(error)) from None
        except FAILURES as error:
            raise ConnectorError(_words(error)) from None
        return found if isinstance(found, str) else json.dumps(found)

    def _put(self, plan: Json, document: str) -> None:
        if plan["kind"] == "iam-user":
            _asked(lambda: self._iam.put_user_policy(UserName=plan["name"], PolicyName=POLICY, PolicyDocument=document))
        else:
            _asked(lambda: self._iam.put_role_policy(RoleName=plan["name"], PolicyName=POLICY, PolicyDocument=document))


class AwsTriggers:
    """EventBridge rules, EventBridge Scheduler's schedules, Lambda's event source mappings."""

    name = "aws_triggers"

    def __init__(self, session: boto3.Session | None = None, endpoint: str | None = None) -> None:
        opened = session or boto3.Session()
        self._events: Any = opened.client("events", config=_CONFIG, endpoint_url=endpoint)
        self._scheduler: Any = opened.client("scheduler", config=_CONFIG, endpoint_url=endpoint)
        self._lambda: Any = opened.client("lambda", config=_CONFIG, endpoint_url=endpoint)

    def __repr__(self) -> str:
        return "AwsTriggers()"

    def describe(self) -> str:
        return "EventBridge rules and schedules, Lambda's event sources"

    def plan(self, org: str, agent: Facts, stage: Stage) -> Sequence[Step]:
        if stage not in ("disable", "remove"):
            return []
        word = "disable" if stage == "disable" else "delete"
        return [
            Step(
                self.name,
                ref,
                f"{word} {kind.replace('-', ' ')} {_last(ref)}",
                {"kind": kind, "ref": ref, "stage": stage},
            )
            for kind, ref in _bindings(agent, "rule", "schedule", "event-source")
            if stage == "disable" or self._found(kind, ref) is not None
        ]

    def recipe(self, org: str, step: Step) -> Json | None:
        found = self._found(step.plan["kind"], step.target)
        if found is None:
            raise ConnectorError(f"{step.plan['kind']} {step.target} is gone: mend the agent's binding")
        return found

    def apply(self, org: str, step: Step, key: str) -> Json:
        kind, ref = step.plan["kind"], step.target
        found = self._found(kind, ref)
        if step.plan["stage"] == "remove":
            if found is not None:
                self._delete(kind, ref, found)
            return {"deleted": ref}
        if found is None:
            raise ConnectorError(f"{kind} {ref} is gone: mend the agent's binding")
        self._switch(kind, ref, found, on=False)
        return {"disabled": ref}

    def undo(self, org: str, step: Step, recipe: Json, key: str) -> Json:
        kind, ref = step.plan["kind"], step.target
        found = self._found(kind, ref)
        if found is None:
            self._create(kind, recipe)
        elif recipe["on"] != found["on"]:
            self._switch(kind, ref, found, on=recipe["on"])
        return {"restored": ref}

    def verify(self, org: str, step: Step) -> Verified:
        return Verified(self.observe(org, step) == "applied", "AWS was asked again, and says that it is off")

    def observe(self, org: str, step: Step) -> Observed:
        found = self._found(step.plan["kind"], step.target)
        off = found is None if step.plan["stage"] == "remove" else found is None or not found["on"]
        return "applied" if off else "not-applied"

    def _found(self, kind: str, ref: str) -> Json | None:
        """Whether it is on, and all that it takes to make it again; None: it isn't there."""
        try:
            if kind == "rule":
                bus, name = _rule(ref)
                rule = self._events.describe_rule(Name=name, EventBusName=bus)
                targets = self._events.list_targets_by_rule(Rule=name, EventBusName=bus)["Targets"]
                made = _without(rule, "Arn", "ResponseMetadata", "CreatedBy")
                return {"on": rule["State"] != "DISABLED", "made": made, "targets": targets, "bus": bus}
            if kind == "schedule":
                group, name = _schedule(ref)
                found = self._scheduler.get_schedule(GroupName=group, Name=name)
                made = _without(found, "Arn", "ResponseMetadata", "CreationDate", "LastModificationDate")
                return {"on": found["State"] != "DISABLED", "made": _plain(made)}
            found = self._lambda.get_event_source_mapping(UUID=_last(ref))
            kept = ("EventSourceArn", "FunctionArn", "BatchSize", "StartingPosition", "MaximumBatchingWindowInSeconds")
            made = {name: found[name] for name in kept if found.get(name) is not None}
            return {"on": found["State"] not in ("Disabled", "Disabling"), "made": made}
        except ClientError as error:
            if error.response["Error"]["Code"] in ("ResourceNotFoundException", "NotFoundException"):
                return None
            raise ConnectorError(_words(error)) from None
        except FAILURES as error:
            raise ConnectorError(_words(error)) from None

    def _switch(self, kind: str, ref: str, found: Json, *, on: bool) -> None:
        if kind == "rule":
            bus, name = _rule(ref)
            act = self._events.enable_rule if on else self._events.disable_rule
            _asked(lambda: act(Name=name, EventBusName=bus))
        elif kind == "schedule":
            state = "ENABLED" if on else "DISABLED"
            _asked(lambda: self._scheduler.update_schedule(**{**found["made"], "State": state}))
        else:
            _asked(lambda: self._lambda.update_event_source_mapping(UUID=_last(ref), Enabled=on))

    def _delete(self, kind: str, ref: str, found: Json) -> None:
        if kind == "rule":
            bus, name = _rule(ref)
            if found["targets"]:
                ids = [target["Id"] for target in found["targets"]]
                _asked(lambda: self._events.remove_targets(Rule=name, EventBusName=bus, Ids=ids))
            _asked(lambda: self._events.delete_rule(Name=name, EventBusName=bus))
        elif kind == "schedule":
            group, name = _schedule(ref)
            _asked(lambda: self._scheduler.delete_schedule(GroupName=group, Name=name))
        else:
            _asked(lambda: self._lambda.delete_event_source_mapping(UUID=_last(ref)))

    def _create(self, kind: str, recipe: Json) -> None:
        made = recipe["made"]
        if kind == "rule":
            _asked(lambda: self._events.put_rule(**made))
            if recipe["targets"]:
                _asked(
                    lambda: self._events.put_targets(
                        Rule=made["Name"], EventBusName=recipe["bus"], Targets=recipe["targets"]
                    )
                )
        elif kind == "schedule":
            _asked(lambda: self._scheduler.create_schedule(**made))
        else:
            given = {**_without(made, "FunctionArn"), "FunctionName": made["FunctionArn"], "Enabled": recipe["on"]}
            _asked(lambda: self._lambda.create_event_source_mapping(**given))


def _bindings(agent: Facts, *kinds: str) -> list[tuple[str, str]]:
    return [(one["kind"], one["ref"]) for one in agent.document.get("bindings", ()) if one["kind"] in kinds]


def _asked(ask: Callable[[], Any]) -> Any:
    try:
        return ask()
    except FAILURES as error:
        raise ConnectorError(_words(error)) from None


def _words(error: Exception) -> str:
    """AWS's own, which name the resource and never a secret."""
    return str(error)[:500]


def _last(ref: str) -> str:
    """The name at the end of an ARN; a name is itself."""
    return ref.rpartition(":")[2].rpartition("/")[2] if ref.startswith("arn:") else ref


def _rule(ref: str) -> tuple[str, str]:
    """Event bus and name, of an ARN `…:rule/[bus/]name` or `[bus/]name`."""
    path = ref.partition(":rule/")[2] if ref.startswith("arn:") else ref
    bus, _, name = path.rpartition("/")
    return bus or "default", name


def _schedule(ref: str) -> tuple[str, str]:
    """Group and name, of an ARN `…:schedule/group/name` or `[group/]name`."""
    path = ref.partition(":schedule/")[2] if ref.startswith("arn:") else ref
    group, _, name = path.rpartition("/")
    return group or "default", name


def _without(found: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in found.items() if name not in names}


def _plain(value: Any) -> Any:
    """As JSON keeps it: moments as texts."""
    return json.loads(json.dumps(value, default=lambda moment: moment.isoformat()))
