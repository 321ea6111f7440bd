"""A line into a chat channel, by an incoming webhook that takes Slack's format (Teams Workflows take it too)."""

from __future__ import annotations

import logging

import httpx
from pydantic import SecretStr

log = logging.getLogger(__name__)


class Chat:
    """Copies for a channel. They count as nobody's notice: a channel is nobody's inbox."""

    def __init__(self, url: SecretStr, timeout: float = 10.0) -> None:
        self._url = url
        self._timeout = timeout

    def __repr__(self) -> str:
        return "Chat()"

    def post(self, text: str) -> bool:
        """Whether it was taken; why not is logged, without the URL."""
        blocks = [{"type": "section", "text": {"type": "plain_text", "text": text}}]
        try:
            answered = httpx.post(
                self._url.get_secret_value(), json={"text": text, "blocks": blocks}, timeout=self._timeout
            )
        except httpx.HTTPError as error:
            log.warning("can't post to the chat: %s", type(error).__name__)
            return False
        if answered.status_code // 100 != 2:
            log.warning("the chat refused a post with status %d", answered.status_code)
            return False
        return True
