"""Where settings come from, which are refused, and that secrets stay secret."""

import os
import sys
from datetime import date
from pathlib import Path
from types import SimpleNamespace

import pytest
from azure import identity
from azure.core.exceptions import ResourceNotFoundError
from azure.keyvault import secrets as key_vault_secrets

from movies_assets.definitions import build_defs
from movies_assets.settings import PROJECT_ROOT, SettingsError, load
from movies_assets.warehouse.database import Warehouse

SECRET = "https://ada:hunter2@movies.invalid/api/v2"  # noqa: S105


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    """Work in an empty folder, without any setting of the machine's."""
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("MOVIES_")]:
        monkeypatch.delenv(name)


@pytest.fixture
def secrets_dir(tmp_path, monkeypatch) -> Path:
    folder = tmp_path / "secrets"
    folder.mkdir()
    monkeypatch.setenv("MOVIES_SECRETS_DIR", str(folder))
    return folder


def test_defaults_need_no_environment():
    settings = load()
    assert settings.profile == "sample"
    assert settings.database == PROJECT_ROOT / "data" / "warehouse" / "movies.duckdb"


def test_the_environment_sets_single_values_and_leaves_the_rest_of_a_section(monkeypatch):
    monkeypatch.setenv("MOVIES_YTS__CONCURRENCY", "4")
    monkeypatch.setenv("MOVIES_SAMPLE__LAST_DAY", "2025-01-31")
    settings = load()
    assert settings.yts.concurrency == 4
    assert settings.yts.page_size == 50
    assert settings.sample.last_day == date(2025, 1, 31)


def test_the_warehouse_can_be_anywhere(monkeypatch):
    monkeypatch.setenv("MOVIES_DATA_DIR", "/data")
    assert load().database == Path("/data/warehouse/movies.duckdb")
    monkeypatch.setenv("MOVIES_WAREHOUSE__PATH", "/fast/w.duckdb")
    assert load().database == Path("/fast/w.duckdb")


def test_a_dotenv_file_is_read_and_may_serve_other_programs(tmp_path):
    (tmp_path / ".env").write_text("POSTGRES_USER=me\nMOVIES_YTS__CONCURRENCY=3\n")
    assert load().yts.concurrency == 3


def test_arguments_win_over_the_environment_and_that_over_a_file(tmp_path, monkeypatch):
    (tmp_path / ".env").write_text("MOVIES_CATCH_UP_DAYS=1\nMOVIES_SAMPLE__SEED=1\n")
    monkeypatch.setenv("MOVIES_CATCH_UP_DAYS", "2")
    assert load().catch_up_days == 2
    assert load(catch_up_days=3).catch_up_days == 3


@pytest.mark.parametrize("where", ["environment", "dotenv"])
@pytest.mark.parametrize(
    "name", ["MOVIES_PROFLE", "MOVIES_YTS__CONCURENCY", "MOVIES_YTS_PAGE_SIZE"]
)
def test_an_unknown_setting_is_refused_by_name(tmp_path, monkeypatch, where, name):
    if where == "dotenv":
        (tmp_path / ".env").write_text(f"{name}=1\n")
    else:
        monkeypatch.setenv(name, "1")
    with pytest.raises(SettingsError, match=name):
        load()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("MOVIES_PROFILE", "production"),
        ("MOVIES_CATCH_UP_DAYS", "many"),
        ("MOVIES_YTS__CONCURRENCY", "0"),
        ("MOVIES_YTS__FIRST_DAY", "yesterday"),
        ("MOVIES_WAREHOUSE__LOCK_WAIT_SECONDS", "-1"),
    ],
)
def test_a_malformed_setting_is_refused_by_name(monkeypatch, name, value):
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError, match=name):
        load()


@pytest.mark.parametrize(
    "name",
    ["WAREHOUSE__MEMORY_LIMIT", "WAREHOUSE__SPILL_LIMIT", "DASHBOARD__MEMORY_LIMIT"],
)
@pytest.mark.parametrize("size", ["lots", "", "192", "80%", "1PB", "99999999999TB", "nanMB"])
def test_a_size_that_duckdb_does_not_take_is_refused_with_an_example(monkeypatch, name, size):
    monkeypatch.setenv(f"MOVIES_{name}", size)
    with pytest.raises(SettingsError, match=rf"MOVIES_{name}: .*is no size: .* such as 512MB"):
        load()


@pytest.mark.parametrize("size", ["0MB", "31.9MB", "31999 kb"])
def test_too_little_memory_is_refused_with_the_least(monkeypatch, size):
    monkeypatch.setenv("MOVIES_WAREHOUSE__MEMORY_LIMIT", size)
    with pytest.raises(SettingsError, match="at least 32MB"):
        load()


@pytest.mark.parametrize("size", ["192MB", " 1.5 GiB", "64mib", "32MB"])
def test_a_size_is_taken_as_duckdb_takes_it(monkeypatch, tmp_path, size):
    monkeypatch.setenv("MOVIES_WAREHOUSE__MEMORY_LIMIT", size)
    limit = load().warehouse.memory_limit
    with Warehouse(tmp_path / "w.duckdb", memory_limit=limit).session() as session:
        assert session.execute("SELECT 1").fetchall() == [(1,)]


def test_a_section_that_is_no_json_is_refused_by_name(monkeypatch):
    monkeypatch.setenv("MOVIES_YTS", "{not json")
    with pytest.raises(SettingsError, match=r'cannot be read .* field "yts"'):
        load()


def test_all_malformed_settings_are_named_at_once(monkeypatch):
    monkeypatch.setenv("MOVIES_PROFILE", "production")
    monkeypatch.setenv("MOVIES_YTS__CONCURRENCY", "0")
    with pytest.raises(SettingsError, match=r"MOVIES_PROFILE.*MOVIES_YTS__CONCURRENCY"):
        load()


class TestSecrets:
    @pytest.fixture(params=["environment", "dotenv", "directory", "kubernetes"])
    def provided(self, request, tmp_path, monkeypatch):
        """Provide the secret in each of the ways that need no network."""
        if request.param == "environment":
            monkeypatch.setenv("MOVIES_YTS__BASE_URL", SECRET)
        elif request.param == "dotenv":
            (tmp_path / ".env").write_text(f"MOVIES_YTS__BASE_URL={SECRET}\n")
        else:
            folder = request.getfixturevalue("secrets_dir")
            (folder / "unrelated").write_text("another program's")
            file = folder / "yts__base_url"
            if request.param == "kubernetes":  # it mounts links into a folder of a version
                version = folder / "..2025_01_01"
                version.mkdir()
                (folder / "..data").symlink_to(version.name)
                (version / file.name).write_text(SECRET)
                file.symlink_to(Path("..data", file.name))
            else:
                file.write_text(f"{SECRET}\n")

    @pytest.mark.usefixtures("provided")
    def test_it_is_found_and_never_shown(self):
        settings = load()
        assert settings.secret("yts", "base_url") == SECRET
        for shown in (repr(settings), str(settings), settings.model_dump_json()):
            assert "hunter2" not in shown

    def test_the_directory_can_be_named_in_a_dotenv_file(self, tmp_path, secrets_dir, monkeypatch):
        monkeypatch.delenv("MOVIES_SECRETS_DIR")
        (secrets_dir / "yts__base_url").write_text(SECRET)
        (tmp_path / ".env").write_text(f"MOVIES_SECRETS_DIR={secrets_dir}\n")
        assert load().secret("yts", "base_url") == SECRET

    def test_a_missing_directory_is_a_clear_error(self, monkeypatch):
        monkeypatch.setenv("MOVIES_SECRETS_DIR", "/run/nowhere")
        with pytest.raises(SettingsError, match="/run/nowhere"):
            load()

    def test_the_environment_wins_over_the_directory(self, secrets_dir, monkeypatch):
        (secrets_dir / "yts__base_url").write_text("https://old.invalid")
        monkeypatch.setenv("MOVIES_YTS__BASE_URL", SECRET)
        assert load().secret("yts", "base_url") == SECRET

    @pytest.mark.parametrize("value", [None, ""])
    def test_a_missing_one_says_how_to_provide_it_when_it_is_used(self, monkeypatch, value):
        monkeypatch.setenv("MOVIES_PROFILE", "live")
        if value is not None:
            monkeypatch.setenv("MOVIES_YTS__BASE_URL", value)
        settings = load()
        with pytest.raises(SettingsError, match="MOVIES_YTS__BASE_URL is not set") as error:
            settings.secret("yts", "base_url")
        for way in ("MOVIES_SECRETS_DIR", "yts__base_url", "MOVIES_KEY_VAULT_URL", "yts--base-url"):
            assert way in str(error.value)

    def test_a_missing_one_does_not_keep_the_definitions_from_loading(self, monkeypatch):
        monkeypatch.setenv("MOVIES_PROFILE", "live")
        assert build_defs(load()).resolve_job_def("yts_daily")

    @pytest.mark.parametrize(
        "variable", ["MOVIES_YTS", "MOVIES_YTS__BASE_URL__X", "MOVIES_PROFILE"]
    )
    def test_a_misplaced_one_is_not_in_the_message(self, monkeypatch, variable):
        monkeypatch.setenv(variable, SECRET)
        with pytest.raises(SettingsError) as error:
            load()
        assert "hunter2" not in str(error.value)
        assert error.value.__suppress_context__, "a traceback would show it"


class TestKeyVault:
    @pytest.fixture(autouse=True)
    def vault(self, monkeypatch):
        """Replace Azure: a vault with one secret, and no network."""
        kept = {"yts--base-url": SECRET}

        class Client:
            def __init__(self, vault_url, credential):
                assert vault_url == "https://vault.invalid"
                assert credential == "credential"

            def list_properties_of_secrets(self):
                return [SimpleNamespace(name=name, enabled=True) for name in kept]

            def get_secret(self, name):
                if name not in kept:
                    raise ResourceNotFoundError
                return SimpleNamespace(value=kept[name])

        monkeypatch.setattr(identity, "DefaultAzureCredential", lambda: "credential")
        monkeypatch.setattr(key_vault_secrets, "SecretClient", Client)
        monkeypatch.setattr(
            "pydantic_settings.sources.providers.azure.SecretClient", Client, raising=False
        )
        monkeypatch.setenv("MOVIES_KEY_VAULT_URL", "https://vault.invalid")

    def test_a_secret_is_read_from_it(self):
        assert load().secret("yts", "base_url") == SECRET

    def test_the_environment_wins_over_it(self, monkeypatch):
        monkeypatch.setenv("MOVIES_YTS__BASE_URL", "https://other.invalid")
        assert load().secret("yts", "base_url") == "https://other.invalid"

    def test_without_azures_libraries_it_says_what_to_install(self, monkeypatch):
        monkeypatch.setitem(sys.modules, "azure.identity", None)
        with pytest.raises(SettingsError, match=r"movies_assets\[azure\]"):
            load()
