"""A refresh of Power BI's dataset, against a stand-in for the service over HTTP."""

import logging
from dataclasses import dataclass, field
from urllib.parse import parse_qs

import dagster as dg
import pytest
from dagster_powerbi import resource
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from movies_assets.definitions import TABLES
from movies_assets.orchestration.publishing.powerbi import powerbi_assets
from movies_assets.sample.serving import serve
from movies_assets.serving.powerbi_refresh import NEEDED, PowerbiError, missing, refresh
from movies_assets.settings import PowerbiSettings, load

SECRET = "s3cr3t+&=%~"  # noqa: S105
TOKEN = "t0k3n"  # noqa: S105
UNDER_WAY = {
    "error": {
        "code": "InvalidRequest",
        "message": "Invalid dataset refresh request. Another refresh request is already executing",
    }
}


@dataclass
class Service:
    """What the service answers to a login, to requests for a refresh one by one, and to looks."""

    login: Response | None = None
    answers: list[Response] = field(default_factory=lambda: [Response(status_code=202)])
    states: list[dict[str, str]] = field(default_factory=lambda: [{"status": "Completed"}])
    asked: list[str] = field(default_factory=list)

    async def give_token(self, request: Request) -> Response:
        form = parse_qs((await request.body()).decode(), strict_parsing=True)
        self.asked.append("login")
        if form["client_secret"] != [SECRET]:
            return JSONResponse({"error": "invalid_client"}, status_code=401)
        return self.login or JSONResponse({"access_token": TOKEN})

    async def refreshes(self, request: Request) -> Response:
        assert request.headers["authorization"] == f"Bearer {TOKEN}"
        self.asked.append(request.method)
        if request.method == "POST":
            return self.answers.pop(0)
        state = self.states.pop(0) if len(self.states) > 1 else self.states[0]
        return JSONResponse({"value": [state]})


@pytest.fixture
def service(monkeypatch):
    """A service whose address takes the place of the one that the library has built in."""
    service = Service()
    routes = [
        Route("/login/tenant", service.give_token, methods=["POST"]),
        Route(
            "/api/groups/workspace/datasets/dataset/refreshes",
            service.refreshes,
            methods=["GET", "POST"],
        ),
    ]
    with serve(Starlette(routes=routes)) as url:
        monkeypatch.setattr(resource, "BASE_API_URL", f"{url}/api")
        monkeypatch.setattr(resource, "MICROSOFT_LOGIN_URL", f"{url}/login/{{tenant_id}}")
        yield service


def powerbi(**changes):
    names = {name: name.removesuffix("_id") for name in NEEDED}
    given = {**names, "client_secret": SECRET, "poll_seconds": 0, "timeout_seconds": 5, **changes}
    return PowerbiSettings(**given)


def test_a_refresh_is_asked_for_and_waited_for(service):
    service.states = [{"status": "Unknown"}, {"status": "Unknown"}, {"status": "Completed"}]
    refresh(powerbi(), pytest.fail)
    assert service.asked == ["login", "POST", "GET", "GET", "GET"]


def test_after_a_refresh_that_was_under_way_another_one_is_asked_for(service):
    service.answers = [JSONResponse(UNDER_WAY, status_code=400), Response(status_code=202)]
    said = []
    refresh(powerbi(), said.append)
    assert service.asked == ["login", "POST", "GET", "POST", "GET"]
    assert "Another refresh is running" in said[0]


def test_refreshes_that_are_always_under_way_fail_at_the_second_time(service):
    service.answers = [JSONResponse(UNDER_WAY, status_code=400)] * 2
    with pytest.raises(PowerbiError, match=r"400: InvalidRequest: .*already executing"):
        refresh(powerbi(), lambda _: None)


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (
            JSONResponse({"error": {"code": "PowerBINotAuthorizedException"}}, status_code=403),
            "answered HTTP 403: PowerBINotAuthorizedException",
        ),
        (
            JSONResponse({"error": {"code": "DatasetNotFound", "message": "x"}}, status_code=404),
            "answered HTTP 404: DatasetNotFound: x",
        ),
        (PlainTextResponse("<html>", status_code=500), "answered HTTP 500: Internal Server Error"),
        (JSONResponse(["odd"], status_code=503), "answered HTTP 503: Service Unavailable"),
        (Response(status_code=200), "did not refresh the dataset: Refresh failed to start"),
    ],
)
def test_a_refusal_is_an_error_with_the_message_of_the_service(service, answer, said):
    service.answers = [answer]
    with pytest.raises(PowerbiError, match=said) as caught:
        refresh(powerbi(), pytest.fail)
    assert not any(secret in str(caught.value) for secret in (SECRET, TOKEN))


def test_a_refresh_that_fails_is_an_error(service):
    service.states = [{"status": "Failed", "serviceExceptionJson": '{"errorCode":"Gateway"}'}]
    with pytest.raises(PowerbiError, match=r"Refresh failed: .*Gateway"):
        refresh(powerbi(), pytest.fail)


def test_a_refresh_that_does_not_end_is_an_error(service):
    service.states = [{"status": "Unknown"}]
    with pytest.raises(PowerbiError, match="timed out after 1 seconds"):
        refresh(powerbi(timeout_seconds=1), pytest.fail)


def test_a_wrong_secret_is_an_error_that_does_not_show_it(service):
    with pytest.raises(PowerbiError, match="answered HTTP 401: invalid_client") as caught:
        refresh(powerbi(client_secret="another-secret"), pytest.fail)  # noqa: S106
    assert "another-secret" not in str(caught.value)
    assert service.asked == ["login"]


def test_an_unavailable_service_is_an_error(service, monkeypatch):
    monkeypatch.setattr(resource, "BASE_API_URL", "http://127.0.0.1:1/api")
    with pytest.raises(PowerbiError, match=r"cannot be reached \(ConnectionError\)"):
        refresh(powerbi(), pytest.fail)
    assert service.asked == ["login"]


def materialize(settings):
    with dg.DagsterInstance.ephemeral() as instance:
        return dg.materialize(
            powerbi_assets(settings, TABLES), instance=instance, raise_on_error=False
        )


def test_the_asset_reports_the_dataset_and_no_secret(service, caplog, capfd):
    settings = load(powerbi=powerbi().model_dump())
    with caplog.at_level(logging.DEBUG):
        result = materialize(settings)
    (told,) = result.get_asset_materialization_events()
    assert told.materialization.metadata["dataset"].value == "dataset"
    everything = caplog.text + repr(result.all_events) + "".join(capfd.readouterr())
    assert not any(secret in everything + repr(settings) for secret in (SECRET, TOKEN))
    assert service.asked


def test_without_settings_the_run_is_green_and_says_which_are_missing(capfd):
    result = materialize(load(powerbi=powerbi(dataset_id=None).model_dump()))
    assert result.success
    assert not result.get_asset_materialization_events()
    assert "MOVIES_POWERBI__DATASET_ID not set" in capfd.readouterr().err
    assert len(missing(PowerbiSettings())) == len(NEEDED)
