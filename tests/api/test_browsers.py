"""What browsers, proxies and monitors need: origins, prefixes, HEAD, and pages of our own."""

import re
from typing import TYPE_CHECKING

import pytest

from app.errors import SettingsError
from app.settings import Settings

if TYPE_CHECKING:
    from tests.api.conftest import RunService, Service


@pytest.fixture
def service(unchanged_service: "Service") -> "Service":
    return unchanged_service


def test_head_is_answered_like_get_when_an_address_has_get(service: "Service") -> None:
    for path in (
        "/livez",
        "/readyz",
        "/health",
        "/version",
        "/v1/users",
        "/docs",
        "/openapi.json",
        "/console",
    ):
        got, head = service.client.get(path), service.client.head(path)
        assert (got.status_code, head.status_code) == (200, 200), path
        assert head.content == b""
        assert head.headers["content-length"] == got.headers["content-length"]
    assert service.client.head("/v1/users/nobody").status_code == 404
    assert service.client.head("/v1/identify").status_code == 405


def test_page_asks_nothing_of_other_hosts_when_the_api_is_shown(service: "Service") -> None:
    page = service.client.get("/docs", headers={"Authorization": ""})
    assert page.status_code == 200
    assert "default-src 'self'" in page.headers["content-security-policy"]
    named = re.findall(r'(?:href|src)="([^"]+)"', page.text)
    assert len(named) == 4
    for address in named:
        assert not re.match(r"(https?:)?//", address)
        if not address.startswith("data:"):
            asset = service.client.get(f"/{address}", headers={"Authorization": ""})
            assert asset.status_code == 200
            assert asset.content


def test_console_runs_its_own_scripts_alone_and_is_small_when_it_is_loaded(
    service: "Service",
) -> None:
    keyless = {"Authorization": ""}
    led = service.client.get("/", headers=keyless, follow_redirects=False)
    assert led.headers["location"] == "console"
    page = service.client.get("/console", headers=keyless)
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert page.headers["cache-control"] == "no-cache"
    named = set(re.findall(r'(?:href|src)="(console/[^"]+)"', page.text))
    assert len(named) >= 10
    n_bytes = len(page.content)
    for address in named:
        asset = service.client.get(f"/{address}", headers=keyless)
        assert asset.status_code == 200
        assert "immutable" in asset.headers["cache-control"]
        n_bytes += len(asset.content)
    assert n_bytes < 300_000
    of_another_version = re.sub("/[0-9a-f]{16}/", "/0123456789abcdef/", sorted(named)[0])
    assert service.client.get(f"/{of_another_version}", headers=keyless).status_code == 404


def test_no_script_runs_when_an_answer_is_opened_in_a_browser(service: "Service") -> None:
    answer = service.client.get("/v1/users")
    assert "default-src 'none'" in answer.headers["content-security-policy"]


def test_page_of_another_origin_may_ask_when_the_settings_name_it(
    settings: Settings, run_service: "RunService"
) -> None:
    settings = settings.model_copy(update={"cors_origins": ("https://app.example",)})
    asked = {
        "Origin": "https://app.example",
        "Access-Control-Request-Method": "DELETE",
        "Access-Control-Request-Headers": "authorization, idempotency-key",
    }
    with run_service(settings) as service:
        allowed = service.client.options("/v1/users/anna", headers=asked)
        assert allowed.status_code == 200
        assert allowed.headers["access-control-allow-origin"] == "https://app.example"
        answer = service.client.get("/v1/users", headers={"Origin": "https://app.example"})
        assert answer.headers["access-control-allow-origin"] == "https://app.example"
        assert "Retry-After" in answer.headers["access-control-expose-headers"]
        other = service.client.options(
            "/v1/users/anna", headers={**asked, "Origin": "https://evil.example"}
        )
        assert other.status_code == 400
        assert "access-control-allow-origin" not in other.headers


def test_page_of_another_origin_may_not_ask_when_no_setting_names_it(service: "Service") -> None:
    answer = service.client.get("/v1/users", headers={"Origin": "https://app.example"})
    assert "access-control-allow-origin" not in answer.headers


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("FARSIGHT_CORS_ORIGINS", "https://a.example, nonsense"),
        ("FARSIGHT_CORS_ORIGINS", "https://a.example/path"),
        ("FARSIGHT_ROOT_PATH", "farsight"),
        ("FARSIGHT_ROOT_PATH", "/farsight/"),
    ],
)
def test_start_is_refused_when_an_origin_or_prefix_is_none(
    variable: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(SettingsError, match=variable):
        Settings.read()


def test_values_are_read_when_they_stand_between_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FARSIGHT_CORS_ORIGINS", "https://a.example, http://localhost:5173")
    monkeypatch.setenv("FARSIGHT_TRUSTED_PROXIES", "10.0.0.1")
    settings = Settings.read()
    assert settings.cors_origins == ("https://a.example", "http://localhost:5173")
    assert settings.trusted_proxies == ("10.0.0.1",)


def test_document_names_the_prefix_when_a_proxy_adds_one(
    settings: Settings, run_service: "RunService"
) -> None:
    with run_service(settings.model_copy(update={"root_path": "/farsight"})) as service:
        document = service.client.get("/openapi.json").json()
        assert document["servers"] == [{"url": "/farsight"}]
