"""Names that nobody confuses: no two cameras have names that read alike, and no two groups."""

from sqlmodel import Session

from registry.errors import NameTaken
from registry.records import CameraGroup, CameraRecord, camera_list


def check_name(session: Session, named: CameraRecord | CameraGroup) -> None:
    """Raises NameTaken where another one has the name. The caller sees to it that nobody names one meanwhile."""
    with session.no_autoflush:
        taken = camera_list.alike(session, type(named), named.name, named.id)
    if taken:
        what = "camera" if isinstance(named, CameraRecord) else "group"
        raise NameTaken(
            f"there is a {what} {taken!r} already" + (", which reads alike" if taken != named.name else ""),
            hint="Upper and lower case, and ways to write the same letter, make no other name. Choose another one.",
            details={"field": "name"},
        )
