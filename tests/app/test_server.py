"""The whole server in a process of its own: Streamlit's routes behind the gate, attacked from outside."""

import secrets
import socket
from collections.abc import Iterator
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import httpx
import pytest
import websockets
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.sync.client import ClientConnection, connect

from registry.access.accounts import Accounts
from registry.access.actor import local_actor
from registry.access.sessions import Sessions
from registry.records import Database, Role, User, open_database
from registry.testing.platform import PASSWORD, Running


@dataclass
class Browser:
    """A browser as the server sees one."""

    base: str
    cookie: str = ""
    client: httpx.Client = field(init=False)

    def __post_init__(self) -> None:
        cookies = {"nexusai_session": self.cookie} if self.cookie else {}
        self.client = httpx.Client(base_url=self.base, cookies=cookies, timeout=20)
        self.client.get("/_stcore/health")  # Streamlit's XSRF cookie

    @property
    def xsrf(self) -> str:
        return self.client.cookies.get("_streamlit_xsrf", "")

    def open(self, resume: str = "") -> ClientConnection:
        jar = "; ".join(f"{name}={value}" for name, value in self.client.cookies.items())
        protocols = [websockets.Subprotocol(each) for each in ("streamlit", self.xsrf, resume) if each]
        url = f"ws://{urlsplit(self.base).netloc}/_stcore/stream"
        return connect(
            url,
            additional_headers={"Cookie": jar, "Origin": self.base},
            subprotocols=protocols,
            proxy=None,
            max_size=None,
            compression=None,
        )

    def upload(self, session_id: str, method: str = "PUT") -> int:
        return self.client.request(
            method,
            f"/_stcore/upload_file/{session_id}/f1",
            files={"file": ("a.txt", b"hello")},
            headers={"X-Xsrftoken": self.xsrf},
        ).status_code


def run_page(websocket: ClientConnection) -> tuple[str, str]:
    """Run the page once; returns Streamlit's session id and every text that was sent."""
    start = BackMsg()
    start.rerun_script.query_string = ""
    websocket.send(start.SerializeToString())
    session_id, shown = "", ""
    while True:
        data = websocket.recv(timeout=30)
        message = ForwardMsg()
        message.ParseFromString(bytes(data))  # type: ignore[arg-type]
        shown += str(message)
        if message.WhichOneof("type") == "new_session":
            session_id = message.new_session.initialize.session_id
        if message.WhichOneof("type") == "script_finished":
            return session_id, shown


@pytest.fixture(scope="module")
def records(platform: Running) -> Iterator[Database]:
    database = open_database(platform.settings.records_url)
    yield database
    database.close()


def sign_in(records: Database, platform: Running, role: Role = Role.USER) -> tuple[User, Browser, Sessions]:
    accounts, sessions = Accounts(records, platform.settings), Sessions(records, platform.settings)
    user = accounts.create(local_actor(), f"u-{secrets.token_hex(4)}", PASSWORD, role)
    return user, Browser(platform.url, sessions.exchange(accounts.code_for(user))), sessions


def test_a_page_knows_who_looks_at_it(platform: Running, records: Database) -> None:
    user, browser, _ = sign_in(records, platform)
    with browser.open() as websocket:
        _, shown = run_page(websocket)
    assert "Dashboard" in shown
    assert user.username.replace("-", "\\\\-") in shown


def test_nobody_sees_the_sign_in_form_and_nothing_else(platform: Running) -> None:
    browser = Browser(platform.url)
    browser.client.headers["x-nexusai-user"] = "forged"
    with browser.open() as websocket:
        _, shown = run_page(websocket)
    assert "Sign in" in shown
    assert "Predictions since start" not in shown


def test_a_forged_identity_header_is_worth_nothing(platform: Running, records: Database) -> None:
    user, _, _ = sign_in(records, platform, Role.ADMIN)
    headers = {"X-NexusAI-User": user.id, "x-nexusai-session": "0" * 32}
    url = f"ws://{urlsplit(platform.url).netloc}/_stcore/stream"
    with connect(url, additional_headers=headers, proxy=None, max_size=None) as websocket:
        assert "Sign in" in run_page(websocket)[1]


def test_only_the_browser_that_opened_a_live_session_may_resume_it(platform: Running, records: Database) -> None:
    _, ada, _ = sign_in(records, platform)
    _, bob, _ = sign_in(records, platform)
    with ada.open() as websocket:
        session_id, _ = run_page(websocket)
        for thief in (Browser(platform.url), bob):
            with thief.open(resume=session_id) as stolen:
                assert run_page(stolen)[0] != session_id
        with ada.open(resume=session_id) as again:
            assert run_page(again)[0] == session_id


def test_nobody_resumes_the_session_of_another_nobody(platform: Running) -> None:
    with Browser(platform.url).open() as websocket:
        session_id, _ = run_page(websocket)
        with Browser(platform.url).open(resume=session_id) as stolen:
            assert run_page(stolen)[0] != session_id


def test_files_reach_only_a_page_of_ones_own(platform: Running, records: Database) -> None:
    _, ada, _ = sign_in(records, platform)
    _, bob, _ = sign_in(records, platform)
    nobody = Browser(platform.url)
    with ada.open() as websocket, nobody.open() as unknown:
        session_id, _ = run_page(websocket)
        assert ada.upload(session_id) == 204
        assert bob.upload(session_id) == 403
        assert bob.upload(session_id, "DELETE") == 403
        assert nobody.upload(session_id) == 401
        assert nobody.upload(run_page(unknown)[0]) == 401


def test_a_page_closes_when_its_session_is_ended_elsewhere(platform: Running, records: Database) -> None:
    user, browser, sessions = sign_in(records, platform)
    with browser.open() as websocket:
        run_page(websocket)
        sessions.end_all(user.id)
        with pytest.raises(websockets.ConnectionClosed):
            while True:
                websocket.recv(timeout=5)
    with browser.open() as websocket:
        assert "Sign in" in run_page(websocket)[1]


def test_metrics_of_the_pages_are_for_administrators(platform: Running, records: Database) -> None:
    browsers = [Browser(platform.url), *(sign_in(records, platform, role)[1] for role in (Role.USER, Role.ADMIN))]
    statuses = [browser.client.get("/_stcore/metrics").status_code for browser in browsers]
    assert statuses == [401, 403, 200]


def test_the_shell_and_its_scripts_load_without_signing_in(platform: Running) -> None:
    client = Browser(platform.url).client
    page = client.get("/models")
    script = page.text.split('src="./static/js/')[1].split('"')[0]
    assert page.status_code == 200
    assert client.get(f"/static/js/{script}").status_code == 200
    assert client.get("/favicon.png").headers["content-type"] == "image/png"


@pytest.mark.parametrize(
    "target",
    [
        "/static/../_stcore/metrics",
        "/static/%2e%2e/_stcore/metrics",
        "//_stcore/metrics",
        "/./_stcore/metrics",
        "/_stcore//metrics",
        "/_STCORE/metrics",
        "/static/..%2f_stcore/metrics",
        "/_stcore/health/../metrics",
        "/models/../_stcore/metrics",
        "http://localhost/_stcore/metrics",
    ],
)
def test_no_spelling_of_a_path_gets_round_the_gate(platform: Running, target: str) -> None:
    parts = urlsplit(platform.url)
    with socket.create_connection((parts.hostname or "", parts.port or 0), timeout=10) as raw:
        raw.sendall(f"GET {target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
        answer = b"".join(iter(lambda: raw.recv(65_536), b""))
    assert answer.split(b" ", 2)[1] in {b"400", b"401", b"403", b"404"}
    assert b"# TYPE" not in answer


def test_health_tells_and_readiness_explains(platform: Running) -> None:
    client = Browser(platform.url).client
    assert client.get("/health").json() == {"status": "ok"}
    ready = client.get("/health/ready")
    assert ready.status_code == 200
    assert set(ready.json()["checks"].values()) == {"ok"}


def test_mlflow_is_there_for_builders(platform: Running, records: Database) -> None:
    _, eve, _ = sign_in(records, platform, Role.ENGINEER)
    assert "MLflow" in eve.client.get("/mlflow/").text
    assert eve.client.get("/mlflow").headers["location"] == "/mlflow/"
    assert sign_in(records, platform)[1].client.get("/mlflow/").status_code == 403


def test_the_log_names_no_session(platform: Running, records: Database) -> None:
    _, ada, _ = sign_in(records, platform)
    with ada.open() as websocket:
        session_id, _ = run_page(websocket)
        ada.upload(session_id)
    log = (platform.settings.logs / "app.log").read_text(encoding="utf-8")
    assert session_id not in log
    assert ada.cookie not in log


@pytest.mark.parametrize(
    ("method", "path", "status"), [("POST", "/health", 405), ("PUT", "/", 405), ("GET", "/media/x", 404)]
)
def test_what_http_itself_refuses_has_the_one_shape(
    platform: Running, records: Database, method: str, path: str, status: int
) -> None:
    _, ada, _ = sign_in(records, platform)
    answer = ada.client.request(method, path)
    assert answer.status_code == status
    assert answer.json()["error"]["request_id"] == answer.headers["x-request-id"]
