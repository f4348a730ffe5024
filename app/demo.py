"""The demo camera: a film of moving digits, watched by the starter detector. `python -m app.demo`"""

from pathlib import Path

from app.cli.say import line
from app.platform import Platform
from registry.access.actor import local_actor
from registry.cameras.asked import NewCamera
from registry.cameras.configuration import AnalysisSettings, LineSettings, RuleSettings, ZoneSettings
from registry.errors import NameTaken
from registry.libraries import prepare_libraries
from registry.settings import load_settings

NAME = "Moving digits"
MODEL = "digit-detector"
_SECONDS = 40.0


def main() -> None:
    """Draw the film and add its camera, once in a home: whoever deletes the camera keeps it deleted."""
    prepare_libraries()
    settings = load_settings()
    film = settings.films_dir / "moving-digits.mp4"
    if film.exists():
        return
    if not _draw(film):
        line("The demo camera needs scikit-learn, whose digits it shows: make setup installs it.")
        return
    try:
        Platform.open(settings).cameras.create(local_actor(), demo_camera(film))
    except NameTaken:
        return


def demo_camera(film: Path) -> NewCamera:
    """A camera that plays the film, with a zone, a counting line and a rule."""
    right = [[0.62, 0.04], [0.97, 0.04], [0.97, 0.97], [0.62, 0.97]]
    analysis = AnalysisSettings(
        zones=[ZoneSettings(name="right side", points=right)],
        lines=[LineSettings(name="middle", start=[0.5, 0.98], end=[0.5, 0.02])],
        rules=[RuleSettings(name="came to the right", zones=["right side"], min_duration_s=0.5, cool_down_s=20)],
    )
    return NewCamera(name=NAME, url=film.as_uri(), model=MODEL, analysis=analysis)


def _draw(film: Path) -> bool:
    try:
        from registry.testing.video import Clip, write_digit_clip
        from registry.training.digits import load_digits

        digits = load_digits()
    except ImportError:
        return False
    film.parent.mkdir(parents=True, exist_ok=True)
    draft = film.with_suffix(".draft.mp4")
    write_digit_clip(draft, digits, Clip(seconds=_SECONDS, size_wh=(640, 360)))
    draft.replace(film)
    return True


if __name__ == "__main__":
    main()
