"""Settings: order of sources, bounds, what is told about a wrong one."""

from pathlib import Path

import pytest

from registry.errors import HomeNotWritable, InvalidSetting
from registry.settings import PROJECT_ROOT, Settings, child_environment, load_settings


@pytest.fixture(autouse=True)
def _clean(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NEXUSAI_HOME", str(tmp_path / "home"))


def _write(tmp_path: Path, text: str) -> None:
    (tmp_path / "home").mkdir(exist_ok=True)
    (tmp_path / "home" / "settings.yaml").write_text(text, encoding="utf-8")


def test_later_sources_win(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert load_settings().port == 8501
    _write(tmp_path, "port: 9001\n")
    assert load_settings().port == 9001
    (tmp_path / ".env").write_text("NEXUSAI_PORT=9002\n", encoding="utf-8")
    assert load_settings().port == 9002
    monkeypatch.setenv("NEXUSAI_PORT", "9003")
    assert load_settings().port == 9003
    assert load_settings(port=9004).port == 9004


def test_each_value_tells_where_it_comes_from(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    _write(tmp_path, "port: 9001\n")
    monkeypatch.setenv("NEXUSAI_LOG_LEVEL", "debug")
    sources = load_settings().sources()
    assert (sources["port"], sources["log_level"], sources["host"]) == ("file", "environment", "default")


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("NEXUSAI_PORT", "99999", "port"),  # out of bounds
        ("NEXUSAI_PORT", "many", "port"),  # of the wrong type
        ("NEXUSAI_LOG_LEVEL", "loud", "log_level"),  # not one of the words
        ("NEXUSAI_MLFLOW_TRACKING_URI", "file:///etc", "mlflow_tracking_uri"),  # not HTTP
    ],
)
def test_a_wrong_value_is_named(monkeypatch: pytest.MonkeyPatch, name: str, value: str, said: str) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(InvalidSetting, match=said):
        load_settings()


@pytest.mark.parametrize("text", ["prot: 1\n", "- a\n", "a: [\n", "port: 99999\n", "port: !!bool x\n"])
def test_a_wrong_settings_file_is_refused(tmp_path: Path, text: str) -> None:
    _write(tmp_path, text)
    with pytest.raises(InvalidSetting):
        load_settings()


def test_a_home_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(HomeNotWritable, match="file"):
        load_settings(home=tmp_path / "file" / "home").prepare_home()


def test_a_child_process_reads_the_same_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = load_settings(port=9004, allowed_hosts="a.example, b.example")
    for name, value in child_environment(settings).items():
        monkeypatch.setenv(name, value)
    assert load_settings() == settings


def test_secrets_stay_with_their_owner(tmp_path: Path) -> None:
    settings = load_settings()
    settings.prepare_home()
    assert settings.secrets_dir.stat().st_mode & 0o777 == 0o700


def test_a_home_is_nobody_elses_and_one_that_was_made_before_is_left_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "shared").mkdir(mode=0o755)
    for name, mode in (("own", 0o700), ("shared", 0o755)):
        load_settings(home=tmp_path / name).prepare_home()
        assert (tmp_path / name).stat().st_mode & 0o777 == mode


def test_every_setting_says_what_it_is() -> None:
    assert all(field.description for field in Settings.model_fields.values())


def test_the_catalogue_of_the_project_parses(monkeypatch: pytest.MonkeyPatch) -> None:
    names = [entry.name for entry in load_settings().read_mlflow_file().catalogue if entry.starter]
    assert names == ["digit-detector", "digit-classifier", "text-reader"]
    assert load_settings().mlflow_file == PROJECT_ROOT / "mlflow.yaml"


def test_a_wrong_mlflow_file_names_itself(tmp_path: Path) -> None:
    (tmp_path / "bad.yaml").write_text("catalogue: 3\n", encoding="utf-8")
    with pytest.raises(InvalidSetting, match=r"bad\.yaml"):
        load_settings(mlflow_file=tmp_path / "bad.yaml").read_mlflow_file()
