"""What the command line prints where no person looks."""

import pytest

from app.cli.say import table


def test_a_row_that_a_script_reads_is_one_line_with_whole_cells(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    cells = ["ada", "nxk_d4a4f057", "rtsp://camera.example:554/" + "path/" * 40]
    table(["name", "prefix", "url"], [cells])
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2
    assert lines[1].split() == cells
