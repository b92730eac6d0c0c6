"""Alerts: a failed run and a stuck day reach a real webhook and a real mail server, once."""

import json
import logging
import socketserver
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any, ClassVar

import dagster as dg
import pytest

from movies_assets.definitions import build_defs
from movies_assets.orchestration import alerts
from movies_assets.orchestration.alerts import RUN_FAILURES, STUCK_PARTITIONS, AlertError
from movies_assets.settings import SettingsError, load
from movies_assets_tests.conftest import Platform, movie

DAY, SECRET, UI = "2025-10-30", "T0123/B0456/hunter2", "http://dagster.invalid:3000"


@dataclass
class Webhook:
    """A server of webhooks: what it was sent, and what it answers."""

    url: str
    statuses: list[int] = field(default_factory=list)
    received: list[dict[str, Any]] = field(default_factory=list)


@pytest.fixture
def webhook() -> Iterator[Webhook]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            hook.received.append(json.loads(body))
            self.send_response(hook.statuses.pop(0) if hook.statuses else 200)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        hook = Webhook(f"http://127.0.0.1:{server.server_port}/{SECRET}")
        Thread(target=server.serve_forever, daemon=True).start()
        yield hook
        server.shutdown()


class Mailbox(socketserver.StreamRequestHandler):
    """A mail server: every address but nobody@mail.invalid exists; it knows no encryption."""

    received: ClassVar[list[str]] = []

    def handle(self) -> None:
        self.say("220 mail.invalid")
        while line := self.rfile.readline().decode().strip():
            command = line.split(":")[0].upper()
            if command == "DATA":
                self.say("354 go on")
                lines = iter(lambda: self.rfile.readline().decode().rstrip("\r\n"), ".")
                self.received.append("\n".join(lines))
            if command == "QUIT":
                self.say("221 bye")
                return
            self.say("550 no such user" if "nobody@" in line else "250 ok")

    def say(self, text: str) -> None:
        self.wfile.write(f"{text}\r\n".encode())


@pytest.fixture
def mail_server() -> Iterator[int]:
    Mailbox.received.clear()
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Mailbox) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_address[1]
        server.shutdown()


def mail(port: int, **changes: Any) -> dict[str, Any]:
    return {
        "email_to": ["ops@mail.invalid", "me@mail.invalid"],
        "email_from": "movies@mail.invalid",
        "smtp_host": "127.0.0.1",
        "smtp_port": port,
        "smtp_starttls": False,
        **changes,
    }


class Sensor:
    """A sensor whose ticks follow each other."""

    def __init__(self, platform: Platform, name: str) -> None:
        self.repository = platform.defs.get_repository_def()
        self.name, self.instance, self.cursor = name, platform.instance, None

    def tick(self) -> Any:
        context = dg.build_sensor_context(
            instance=self.instance, cursor=self.cursor, repository_def=self.repository
        )
        found = self.repository.get_sensor_def(self.name).evaluate_tick(context)
        self.cursor = found.cursor
        return found


@pytest.fixture
def alerting(tmp_path, instance, yts):
    """Return a function that makes a platform that sends its alerts to a test's address."""

    def build(**where: Any) -> Platform:
        settings = load(data_dir=tmp_path, yts={"first_day": "2025-10-01"}, alerts=where)
        return Platform(settings, instance, lambda: yts)

    return build


def test_without_an_address_there_are_no_alerts(settings):
    names = {sensor.name for sensor in build_defs(settings).get_repository_def().sensor_defs}
    assert not names & {RUN_FAILURES, STUCK_PARTITIONS}


def fail(platform: Platform, yts: Any) -> str:
    yts.movies_listed, yts.fail_after = [movie(1, f"{DAY}T12:00:00")], 0
    return platform.run(DAY, raise_on_error=False).run_id


def test_a_failed_run_is_reported_once(alerting, yts, webhook, caplog):
    platform = alerting(webhook_url=webhook.url, dagster_url=f"{UI}/")
    sensor = Sensor(platform, RUN_FAILURES)
    caplog.set_level(logging.DEBUG)
    assert "Initiating" in sensor.tick().skip_message
    run_id = fail(platform, yts)
    (reaction,) = sensor.tick().dagster_run_reactions
    assert reaction.error is None
    sensor.tick()
    (told,) = webhook.received
    assert told["text"].startswith(f"yts_daily for {DAY} failed (run {run_id[:8]})\n")
    for part in ("the source went away", "What to do: ", f"{UI}/runs/{run_id}"):
        assert part in told["text"]
    assert told["event"] == "run_failed"
    assert told["job"] == "yts_daily"
    assert told["partitions"] == [DAY, DAY]
    assert told["errors"] == ["bronze.yts_movies: ConnectionError: the source went away"]
    assert told["link"] == f"{UI}/runs/{run_id}"
    assert SECRET not in caplog.text


@pytest.mark.slow
def test_a_run_that_succeeds_is_not_reported(alerting, yts, webhook):
    platform = alerting(webhook_url=webhook.url)
    sensor = Sensor(platform, RUN_FAILURES)
    sensor.tick()
    yts.movies_listed = [movie(1, f"{DAY}T12:00:00")]
    assert platform.run(DAY).success
    sensor.tick()
    assert webhook.received == []


@pytest.mark.slow
@pytest.mark.parametrize(("statuses", "requests"), [([404], 1), ([503, 429, 500], 3)])
def test_a_failed_webhook_is_in_the_tick_and_the_next_run_is_sent(
    alerting, yts, webhook, caplog, statuses, requests
):
    platform = alerting(webhook_url=webhook.url)
    sensor = Sensor(platform, RUN_FAILURES)
    caplog.set_level(logging.DEBUG)
    sensor.tick()
    fail(platform, yts)
    webhook.statuses += statuses
    (reaction,) = sensor.tick().dagster_run_reactions
    said = str(reaction.error)
    assert f"MOVIES_ALERTS__WEBHOOK_URL answered HTTP {statuses[-1]}" in said
    assert "hunter2" not in said + caplog.text
    assert len(webhook.received) == requests
    fail(platform, yts)
    (reaction,) = sensor.tick().dagster_run_reactions
    assert reaction.error is None
    assert len(webhook.received) == requests + 1


def test_a_webhook_that_is_away_for_a_moment_gets_the_alert(webhook):
    webhook.statuses += [503]
    settings = load(alerts={"webhook_url": webhook.url}).alerts
    alerts.send(settings, alerts.Alert("It failed", []))
    assert [body["text"] for body in webhook.received] == ["It failed", "It failed"]


def test_a_workflow_of_teams_gets_a_card(webhook):
    settings = load(alerts={"webhook_url": webhook.url, "webhook_body": "adaptive_card"}).alerts
    alerts.send(settings, alerts.Alert("It failed", ["why", "what to do"], link=UI))
    ((attachment,),) = (body["attachments"] for body in webhook.received)
    card = attachment["content"]
    assert [block["text"] for block in card["body"]] == ["It failed", "why", "what to do"]
    assert [action["url"] for action in card["actions"]] == [UI]


def test_a_failed_run_is_mailed(alerting, yts, mail_server):
    platform = alerting(**mail(mail_server), dagster_url=UI)
    sensor = Sensor(platform, RUN_FAILURES)
    sensor.tick()
    run_id = fail(platform, yts)
    sensor.tick()
    (text,) = Mailbox.received
    assert f"Subject: movies_assets: yts_daily for {DAY} failed" in text
    assert "To: ops@mail.invalid, me@mail.invalid" in text
    assert "the source went away" in text
    assert f"{UI}/runs/{run_id}" in text


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"email_to": ["nobody@mail.invalid"]}, "refused it"),
        ({"smtp_starttls": True}, "refused it .SMTPNotSupportedError"),
        ({"smtp_user": "me", "smtp_password": "hunter2"}, "refused it .SMTPNotSupportedError"),
        ({"smtp_port": 1}, r"127.0.0.1:1 cannot be reached .ConnectionRefusedError"),
    ],
)
def test_a_refused_mail_is_an_error_with_the_reason(mail_server, changes, message):
    settings = load(alerts={**mail(mail_server), **changes}).alerts
    with pytest.raises(AlertError, match=message) as error:
        alerts.send(settings, alerts.Alert("It failed", []))
    assert "hunter2" not in str(error.value)
    assert Mailbox.received == []


def test_a_webhook_that_fails_does_not_keep_the_mail(webhook, mail_server):
    webhook.statuses += [404]
    settings = load(alerts={**mail(mail_server), "webhook_url": webhook.url}).alerts
    with pytest.raises(AlertError, match="HTTP 404"):
        alerts.send(settings, alerts.Alert("It failed", []))
    assert len(Mailbox.received) == 1


@pytest.mark.parametrize(
    ("where", "message"),
    [
        ({"webhook_url": f"http://hooks.invalid/{SECRET}"}, "https://host/path"),
        ({"email_to": ["me@mail.invalid"]}, "smtp_host and email_from"),
    ],
)
def test_an_address_that_cannot_work_is_refused(where, message):
    with pytest.raises(SettingsError, match=message) as error:
        load(alerts=where)
    assert "hunter2" not in str(error.value)


@pytest.mark.slow
def test_a_stuck_day_is_reported_once_and_forgotten_when_it_is_done(alerting, yts, webhook):
    platform = alerting(webhook_url=webhook.url)
    sensor = Sensor(platform, STUCK_PARTITIONS)
    sensor.tick()
    assert webhook.received == []
    let_be_stuck(platform, yts)
    assert "1 of them new" in sensor.tick().skip_message
    assert "0 of them new" in sensor.tick().skip_message
    (told,) = webhook.received
    assert told["event"] == "partitions_stuck"
    assert f"yts_daily {DAY}: the run failed after 3 failed runs of the schedule" in told["text"]
    yts.fail_after = None
    platform.run(DAY)
    assert "Ranges of partitions that need a person: 0" in sensor.tick().skip_message
    assert sensor.cursor == "[]"


@pytest.mark.slow
def test_a_stuck_day_is_reported_once_although_another_address_fails(
    alerting, yts, webhook, mail_server
):
    platform = alerting(
        webhook_url=webhook.url, **mail(mail_server, email_to=["nobody@mail.invalid"])
    )
    sensor = Sensor(platform, STUCK_PARTITIONS)
    let_be_stuck(platform, yts)
    assert "1 of them new" in sensor.tick().skip_message
    assert "0 of them new" in sensor.tick().skip_message
    assert len(webhook.received) == 1


def test_an_address_that_no_request_can_name_is_not_shown(webhook):
    settings = load(alerts={"webhook_url": f"{webhook.url} with a blank"}).alerts
    with pytest.raises(AlertError, match="WEBHOOK_URL cannot be used") as error:
        alerts.send(settings, alerts.Alert("It failed", []))
    assert SECRET not in str(error.value)


def let_be_stuck(platform: Platform, yts: Any) -> None:
    """Let a day fail as often as its schedule tries."""
    for _ in range(platform.settings.catch_up_tries):
        run_id = fail(platform, yts)
        platform.instance.add_run_tags(run_id, {"dagster/schedule_name": "yts_daily_schedule"})


def test_while_the_warehouse_is_in_use_the_tick_is_skipped(alerting, webhook, monkeypatch):
    platform = alerting(webhook_url=webhook.url)
    sensor = Sensor(platform, STUCK_PARTITIONS)
    sensor.cursor = '["known"]'

    def in_use(*_: Any) -> None:
        raise alerts.WarehouseError("the warehouse is in use")

    monkeypatch.setattr(alerts.schedules, "unfinished", in_use)
    assert "in use" in sensor.tick().skip_message
    assert sensor.cursor == '["known"]'
