"""`nexusai up`, and each of its processes alone."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from app import processes
from app.cli.say import line
from app.ports import require_free
from app.supervisor import HomeLock, Spec, Supervisor
from flows.prefect_server import api_url
from registry.errors import MissingExtra
from registry.models.process import free_port
from registry.models.server import PortNote, announce, withdraw
from registry.settings import PROJECT_ROOT, Settings, child_environment, load_settings

Host = Annotated[str | None, typer.Option(help="address to listen on; 0.0.0.0 for every interface")]
Port = Annotated[int | None, typer.Option(help="port of the app")]

_READY_S = 120.0


def up(
    demo: Annotated[bool, typer.Option("--demo", help="also register the starter models")] = False,
    host: Host = None,
    port: Port = None,
) -> None:
    """Start the whole platform; Ctrl-C stops all of it."""
    settings = load_settings(host=host, port=port)
    settings.prepare_home()
    lock = HomeLock(settings).take(processes.app_url(settings))
    try:
        _run(settings, demo=demo)
    finally:
        lock.release()


def app(host: Host = None, port: Port = None) -> None:
    """Start the web app and its API alone."""
    settings = load_settings(host=host, port=port)
    settings.prepare_home()
    require_free(settings.host, settings.port)
    from app.listen import serve

    serve(settings)


def mlflow(port: Annotated[int | None, typer.Option(help="loopback port; 0 picks a free one")] = None) -> None:
    """Start the MLflow server alone."""
    settings = load_settings(mlflow_port=port)
    settings.prepare_home()
    chosen = settings.mlflow_port or free_port()
    require_free("127.0.0.1", chosen)
    spec = processes.mlflow(settings, chosen)
    line(f"MLflow: {announce(settings, chosen)}")
    _become(spec)


def prefect(port: Annotated[int | None, typer.Option(help="loopback port; 0 picks a free one")] = None) -> None:
    """Start the Prefect server alone."""
    settings = load_settings(prefect_port=port)
    settings.prepare_home()
    chosen = settings.prefect_port or free_port()
    require_free("127.0.0.1", chosen)
    spec = processes.prefect(settings, chosen)
    PortNote.of(settings, "prefect").write(chosen)
    line(f"Prefect: {api_url(settings)}")
    _become(spec)


def runner() -> None:
    """Start what hands jobs over to Prefect and runs them, alone."""
    settings = load_settings()
    settings.prepare_home()
    _become(processes.runner(settings))


def job_worker(
    limit: Annotated[int | None, typer.Option(min=1, help="how many jobs at once on this host; all by default")] = None,
) -> None:
    """Start what runs jobs of the work pool on this host; several hosts share one pool."""
    settings = load_settings()
    settings.prepare_home()
    _become(processes.job_worker(settings, limit))


def worker() -> None:
    """Start a camera worker alone; several share the cameras of one database."""
    settings = load_settings()
    settings.prepare_home()
    _become(processes.worker(settings))


def notebook() -> None:
    """Open JupyterLab on the notebooks, connected to the platform of this home."""
    from importlib.util import find_spec

    if find_spec("jupyterlab") is None:
        raise MissingExtra("JupyterLab is not installed", hint='Install it with: pip install "nexusai[notebook]"')
    settings = load_settings()
    command = [sys.executable, "-m", "jupyterlab", "--notebook-dir", str(PROJECT_ROOT / "notebooks")]
    raise typer.Exit(subprocess.call(command, env=_notebook_environment(settings)))  # noqa: S603


def _become(spec: Spec) -> NoReturn:
    """Go on as another process under the same id, so that whoever started this one ends that one."""
    os.execve(spec.command[0], list(spec.command), spec.environment)  # noqa: S606 - our own interpreter


def _notebook_environment(settings: Settings) -> dict[str, str]:
    return child_environment(settings, NEXUSAI_HOME=str(settings.home))


def _run(settings: Settings, *, demo: bool) -> None:
    require_free(settings.host, settings.port)
    own_mlflow = not settings.mlflow_tracking_uri
    specs = [processes.app(settings)]
    if own_mlflow:
        port = settings.mlflow_port or free_port()
        require_free("127.0.0.1", port)
        announce(settings, port)
        specs.insert(0, processes.mlflow(settings, port))
    supervisor = Supervisor(specs, settings.logs, line)
    demonstrating: subprocess.Popen[bytes] | None = None
    try:
        supervisor.start()
        _introduce(settings, supervisor, demo=demo, own_mlflow=own_mlflow)
        if settings.cameras_here and not supervisor.stopping:
            supervisor.add(processes.worker(settings))
            demonstrating = _add_demo_camera(settings) if demo else None
        if settings.jobs_here and not supervisor.stopping:
            supervisor.add(*_for_jobs(settings))
        supervisor.watch()
    finally:
        supervisor.stop()
        if demonstrating is not None:
            demonstrating.kill()
            demonstrating.wait()
        if own_mlflow:
            withdraw(settings)
        if settings.jobs_here and not settings.prefect_api_url:
            PortNote.of(settings, "prefect").remove()
    line("Stopped.")


def _for_jobs(settings: Settings) -> list[Spec]:
    """What runs jobs; started last, since nobody waits for it to open the first page."""
    specs = [processes.runner(settings)]
    if not settings.prefect_api_url:
        port = settings.prefect_port or free_port()
        require_free("127.0.0.1", port)
        PortNote.of(settings, "prefect").write(port)
        specs.insert(0, processes.prefect(settings, port))
    return specs


def _introduce(settings: Settings, supervisor: Supervisor, *, demo: bool, own_mlflow: bool) -> None:
    line(f"Starting NexusAI in {settings.home} …")
    well = supervisor.wait_ready("app", _READY_S)
    if own_mlflow:
        well = supervisor.wait_ready("mlflow", _READY_S) and well
    if supervisor.stopping:
        return
    if demo and well:
        _register_starters(settings)
    address = processes.app_url(settings)
    line("")
    line(f"  NexusAI   {address}" if well else f"  NexusAI   {address}  (not ready yet: see {settings.logs})")
    token = settings.secrets_dir / "setup-token"
    if token.is_file():
        line(f"  Sign in   {address}/?setup={token.read_bytes().hex()[:32]}")
        line("            makes the first administrator; the link works once")
    else:
        line("  Sign in   with your user name and password")
    line(f"  Logs      {settings.logs}")
    line("  Stop      Ctrl-C")
    line("")


def _add_demo_camera(settings: Settings) -> "subprocess.Popen[bytes]":
    """Beside everything else: the film takes seconds to draw, and nobody waits for it."""
    with Path(settings.logs / "demo.log").open("ab") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "app.demo"],
            env=child_environment(settings, PYTHONPATH=str(PROJECT_ROOT)),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )


def _register_starters(settings: Settings) -> None:
    """In a process of its own: the supervisor stays small, and a failure there stops nothing."""
    command = [sys.executable, "-m", "app.cli.main", "models", "starters"]
    with Path(settings.logs / "starters.log").open("ab") as log:
        done = subprocess.run(  # noqa: S603
            command, env=child_environment(settings), stdout=subprocess.PIPE, stderr=log, text=True, check=False
        )
    if done.returncode:
        line(f"  The starter models could not be registered: see {settings.logs / 'starters.log'}")
    elif done.stdout.strip():
        line(done.stdout.rstrip())
