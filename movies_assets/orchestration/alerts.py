"""Alerts when a run fails or days need a person.

MOVIES_ALERTS__... sets the addresses; without any there are no alerts. Dagster knows when a run
fails, `catching_up` which days need a person.
"""

import json
import smtplib
import ssl
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import EmailMessage
from http.client import HTTPException
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import dagster as dg
import stamina

from movies_assets.core.table import Table
from movies_assets.ingest.run_days import keys_of
from movies_assets.orchestration import schedules
from movies_assets.settings import AlertsSettings, Settings
from movies_assets.warehouse.database import Warehouse, WarehouseError

RUN_FAILURES, STUCK_PARTITIONS = "run_failure_alerts", "stuck_partition_alerts"
# A tick has 60 s.
TRIES, SECONDS_TO_ANSWER = 3, 5
SECONDS_BETWEEN_LOOKS = 600
SHOWN_LINES, SHOWN_CHARACTERS = 6, 500
SERVER_ERROR, TOO_MANY_REQUESTS = 500, 429
TLS_PORT = 465
NO_STEP_FAILED = "No step failed: the run's process ended, or it never started."
WHAT_TO_DO = (
    "What to do: fix what is named above, then re-execute the run from failure in Dagster's UI, or "
    "leave its days to the schedule, which requests them again."
)


class AlertError(Exception):
    """An alert could not be sent. The message gives the address and the reason, without secrets.

    Attributes:
        reached_others: whether another address took it.
    """

    def __init__(self, message: str, *, reached_others: bool = False) -> None:
        super().__init__(message)
        self.reached_others = reached_others


class _PassingError(AlertError):
    """Trying again may help."""


@dataclass(frozen=True)
class Alert:
    """A message to send.

    Attributes:
        subject: what happened, in one line.
        lines: the details, and what to do.
        link: where the UI shows it; empty without MOVIES_ALERTS__DAGSTER_URL.
        facts: the same for programs.
    """

    subject: str
    lines: Sequence[str]
    link: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict)

    @property
    def text(self) -> str:
        """Return all of it as text."""
        return "\n".join([self.subject, *self.lines, *filter(None, [self.link])])


def sensors(
    settings: Settings, tables: Mapping[str, Table], warehouse: Warehouse
) -> list[dg.SensorDefinition]:
    """Build the sensors that send alerts; none where no address is set.

    Args:
        settings: where to.
        tables: all tables, by name.
        warehouse: where they are stored.
    """
    if not (settings.alerts.webhook_url or settings.alerts.email_to):
        return []
    return [_run_failures(settings.alerts), _stuck_partitions(settings, tables, warehouse)]


def _run_failures(settings: AlertsSettings) -> dg.SensorDefinition:
    @dg.run_failure_sensor(
        name=RUN_FAILURES,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Sends an alert for each run that failed: its job, its partitions, the first "
        "lines of its errors, and what to do.",
    )
    def run_failures(context: dg.RunFailureSensorContext) -> None:
        send(settings, of_run(settings, context.instance, context.dagster_run))

    return run_failures


def _stuck_partitions(
    settings: Settings, tables: Mapping[str, Table], warehouse: Warehouse
) -> dg.SensorDefinition:
    @dg.sensor(
        name=STUCK_PARTITIONS,
        minimum_interval_seconds=SECONDS_BETWEEN_LOOKS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Sends one alert for days that need a person: their run failed or their "
        "blocking checks are red after all tries of the schedule, or it does not request them.",
    )
    def stuck_partitions(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        known = set(json.loads(context.cursor or "[]"))
        try:
            found = schedules.unfinished(settings, tables, context.instance, warehouse)
        except WarehouseError as error:
            return dg.SensorResult(skip_reason=str(error), cursor=context.cursor)
        stuck = {f"{days.job} {days.first} {days.last}": days for days in found if days.is_stuck}
        if news := [str(days) for name, days in stuck.items() if name not in known]:
            try:
                send(settings.alerts, of_stuck(news))
            except AlertError as error:
                if not error.reached_others:
                    raise
                context.log.error(str(error))  # noqa: TRY400 (the reason is in the message)
        return dg.SensorResult(
            skip_reason=f"Ranges of partitions that need a person: {len(stuck)}, {len(news)} of "
            "them new.",
            cursor=json.dumps(sorted(stuck)),
        )

    return stuck_partitions


def of_run(settings: AlertsSettings, instance: dg.DagsterInstance, run: dg.DagsterRun) -> Alert:
    """Return the alert for a run that failed.

    Args:
        settings: where the UI is.
        instance: where runs are recorded.
        run: the run.
    """
    from movies_assets.orchestration import summary  # noqa: PLC0415 (it imports the definitions)

    keys = keys_of(run.tags) or ()
    partitions = f" for {' to '.join(dict.fromkeys(keys))}" if keys else ""
    errors = [_shortened(line) for line in summary.failures_of(instance, run.run_id)][:SHOWN_LINES]
    base = (settings.dagster_url or "").rstrip("/")
    link = f"{base}/runs/{run.run_id}" if base else ""
    return Alert(
        f"{run.job_name}{partitions} failed (run {run.run_id[:8]})",
        [*(errors or [NO_STEP_FAILED]), WHAT_TO_DO],
        link,
        {
            "event": "run_failed",
            "job": run.job_name,
            "run_id": run.run_id,
            "partitions": list(keys),
            "errors": errors,
            "link": link,
        },
    )


def of_stuck(sentences: Sequence[str]) -> Alert:
    """Return the alert for days that need a person; each has a sentence on what to do."""
    return Alert(
        "Partitions need a person",
        sentences,
        facts={"event": "partitions_stuck", "partitions": list(sentences)},
    )


def send(settings: AlertsSettings, alert: Alert) -> None:
    """Send an alert to each address that is set; one that fails does not keep it from the other.

    Raises:
        AlertError: an address did not take it, three times where that may pass.
    """
    failed = []
    ways: list[Callable[[AlertsSettings, Alert], None]] = [
        *([_post] if settings.webhook_url else []),
        *([_mail] if settings.email_to else []),
    ]
    for way in ways:
        try:
            stamina.retry(on=_PassingError, attempts=TRIES, wait_max=2)(way)(settings, alert)
        except AlertError as error:
            failed.append(str(error))
    if failed:
        raise AlertError(" ".join(failed), reached_others=len(failed) < len(ways))


def _post(settings: AlertsSettings, alert: Alert) -> None:
    """Post an alert to the webhook."""
    url = settings.webhook_url.get_secret_value() if settings.webhook_url else ""
    body = _card(alert) if settings.webhook_body == "adaptive_card" else _plain(alert)
    request = Request(  # noqa: S310 (the setting takes no other scheme than https)
        url, json.dumps(body).encode(), {"Content-Type": "application/json"}, method="POST"
    )
    # Not httpx: it logs each URL, and the address of a webhook is its password.
    with _plain_errors("MOVIES_ALERTS__WEBHOOK_URL"):
        urlopen(request, timeout=SECONDS_TO_ANSWER).close()  # noqa: S310


def _plain(alert: Alert) -> dict[str, Any]:
    """Return the body that Slack, Mattermost and programs take."""
    return {"text": alert.text, **alert.facts}


def _card(alert: Alert) -> dict[str, Any]:
    """Return the body that a workflow of Teams takes."""
    blocks = [{"type": "TextBlock", "text": alert.subject, "weight": "Bolder", "wrap": True}]
    blocks += [{"type": "TextBlock", "text": line, "wrap": True} for line in alert.lines]
    card = {
        "type": "AdaptiveCard",
        "version": "1.4",
        "body": blocks,
        "actions": [{"type": "Action.OpenUrl", "title": "Open the run", "url": alert.link}]
        if alert.link
        else [],
    }
    content = {"contentType": "application/vnd.microsoft.card.adaptive", "content": card}
    return {"type": "message", "attachments": [content]}


def _mail(settings: AlertsSettings, alert: Alert) -> None:
    """Send an alert by e-mail."""
    message = EmailMessage()
    message["Subject"] = f"movies_assets: {alert.subject}"
    message["From"], message["To"] = settings.email_from, ", ".join(settings.email_to)
    message.set_content(alert.text)
    server = f"{settings.smtp_host}:{settings.smtp_port}"
    with _plain_errors(f"the mail server {server}"), _connected(settings) as connection:
        if settings.smtp_user and settings.smtp_password:
            connection.login(settings.smtp_user, settings.smtp_password.get_secret_value())
        connection.send_message(message)


@contextmanager
def _connected(settings: AlertsSettings) -> Iterator[smtplib.SMTP]:
    host, port = settings.smtp_host or "", settings.smtp_port
    if port == TLS_PORT:
        tls = ssl.create_default_context()
        with smtplib.SMTP_SSL(host, port, timeout=SECONDS_TO_ANSWER, context=tls) as connection:
            yield connection
        return
    with smtplib.SMTP(host, port, timeout=SECONDS_TO_ANSWER) as connection:
        if settings.smtp_starttls:
            connection.starttls(context=ssl.create_default_context())
        yield connection


@contextmanager
def _plain_errors(place: str) -> Iterator[None]:
    """Explain which address refused an alert, and why; the server's answer is not shown."""
    try:
        yield
    except HTTPError as error:
        passes = error.code >= SERVER_ERROR or error.code == TOO_MANY_REQUESTS
        raise (_PassingError if passes else AlertError)(
            f"The alert was not sent: {place} answered HTTP {error.code}. Check that address."
        ) from None
    except smtplib.SMTPResponseException as error:
        passes = error.smtp_code < SERVER_ERROR  # 4xx of SMTP
        raise (_PassingError if passes else AlertError)(
            f"The alert was not sent: {place} answered {error.smtp_code}. Check the settings "
            "MOVIES_ALERTS__SMTP_... and the addresses."
        ) from None
    except smtplib.SMTPException as error:
        raise AlertError(
            f"The alert was not sent: {place} refused it ({type(error).__name__}). Check the "
            "settings MOVIES_ALERTS__SMTP_... and the addresses."
        ) from None
    except HTTPException as error:
        # Its text may show the address.
        raise AlertError(
            f"The alert was not sent: {place} cannot be used ({type(error).__name__}). Check that "
            "address."
        ) from None
    except OSError as error:
        reason = getattr(error, "reason", error)
        raise _PassingError(
            f"The alert was not sent: {place} cannot be reached ({type(reason).__name__}). Check "
            "the address and the network."
        ) from None


def _shortened(line: str) -> str:
    return line if len(line) <= SHOWN_CHARACTERS else f"{line[: SHOWN_CHARACTERS - 3]}..."
