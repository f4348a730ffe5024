"""What of a camera's path and query is shown."""

import random
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.streams.hiding import hide_secrets

HEX, SMALL, ALL = "0123456789abcdef", string.ascii_lowercase + string.digits, string.ascii_letters + string.digits


@pytest.mark.parametrize(
    "secret",
    [
        *("/videostream.cgi?loginuse=hunter2&loginpas=hunter2", "/x?usr=hunter2&pw=hunter2", "/x?psw=hunter2"),
        *("/x?channel=1&hunter2", "/x?hunter2", "/x?channel=1;pin=hunter2", "/x?%70assword=hunter2"),
        *("/x?channel=1_password=hunter2", "/x?channel=1/pw=hunter2", "/x?channel=1?pw=hunter2"),
        *("/x?channel=%68hunter2", "/x?channel%3D1%26pw%3Dhunter2", "/user%3Dbob%26pw%3Dhunter2"),
        "/user=bob_password=hunter2_channel=1_stream=0.sdp?real_stream",
        "/user=bob&password=hunter2&channel=1&stream=0.sdp?",
    ],
)
def test_a_value_whose_name_is_not_known_to_be_harmless_is_hidden(secret: str) -> None:
    assert "hunter2" not in hide_secrets(secret)


@pytest.mark.parametrize(
    "target",
    [
        *("/Streaming/Channels/101", "/cam/realmonitor?channel=1&subtype=0", "/h264Preview_01_main", "/live/ch00_0"),
        *("/axis-cgi/mjpg/video.cgi?resolution=640x480&compression=30&fps=5", "/defaultPrimary0?streamType=u"),
        *("/onvif-media/media.amp?profile=profile_1_h264&sessiontimeout=60&streamtype=unicast", "/unicaststream"),
        *("/nphMotionJpeg?Resolution=640x480&Quality=Standard", "/avstream/channel=1/stream=0.sdp", "/trackID=1", "/"),
        *("/ISAPI/Streaming/channels/102/httpPreview", "/Src/MediaInput/h264/stream_1", "/videosubstream?"),
    ],
)
def test_the_usual_addresses_of_streams_are_shown(target: str) -> None:
    assert hide_secrets(target) == target


@pytest.mark.parametrize(("letters", "length"), [(HEX, 32), (SMALL, 24), (ALL, 16)])
def test_a_path_made_by_chance_is_hidden(letters: str, length: int) -> None:
    chance = random.Random(7)
    made = ["".join(chance.choices(letters, k=length)) for _ in range(1_000)]
    assert sum(hide_secrets(f"/{each}?enableSrtp") != "/***?enableSrtp" for each in made) <= 10
    assert sum(hide_secrets(f"/x?stream={each}") != "/x?stream=***" for each in made) <= 10
    assert hide_secrets("/live/550e8400-e29b-41d4-a716-446655440000/main") == "/live/***/main"


@given(st.text(string.ascii_letters + string.digits + "/?&;=%*._-", max_size=80))
def test_what_is_hidden_stays_as_it_is(target: str) -> None:
    assert hide_secrets(hide_secrets(target)) == hide_secrets(target)
