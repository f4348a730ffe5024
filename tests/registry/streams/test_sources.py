"""What a camera's URL may be, and where it may lead."""

import ipaddress
import os
import socket
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.errors import AddressRefused, InvalidSource, RegistryError
from registry.streams.addresses import AllowedNetworks, resolve
from registry.streams.dial import dial
from registry.streams.loss import Reason, SourceLost
from registry.streams.sources import Credentials, SourceKind, SourcePolicy, parse_source

POLICY = SourcePolicy()


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("", "nothing"),
        ("rtsp", "no colon"),
        ("gopher://10.0.0.1/", "another scheme"),
        ("concat:/etc/passwd|/etc/shadow", "FFmpeg's own"),
        ("subfile,,start,0,end,100,,:/etc/passwd", "FFmpeg's own"),
        ("tcp://10.0.0.1:80", "FFmpeg's own"),
        ("data:video/mp4;base64,AAAA", "FFmpeg's own"),
        ("rtsp:10.0.0.1/x", "no authority"),
        ("rtsp:///x", "no host"),
        ("rtsp:/\\10.0.0.1/x", "readers of URLs differ about backslashes"),
        ("rtsp://10.0.0.1\\@evil/x", "readers of URLs differ about backslashes"),
        ("rtsp://a@b@10.0.0.1/x", "two at signs"),
        ("rtsp://bob:12/ss@10.0.0.1", "the rest of a password would be a path, and shown"),
        ("rtsp://bob:12/s/s@10.0.0.1/x", "the same with two slashes"),
        ("rtsp://bob:12?ss@10.0.0.1/x", "the same with a question mark"),
        ("rtsp://bob:p@10.0.0.2/ss@10.0.0.1/x", "the same with an at sign"),
        ("rtsp://10.0.0.1/x\r\nTEARDOWN rtsp://y", "a second request"),
        ("rtsp://10.0.0.1/x%0d%0aTEARDOWN", "a second request, hidden"),
        ("rtsp://bob:a%0d%0ab@10.0.0.1/x", "a second header, hidden in the password"),
        ("rtsp://10.0.0.1/x y", "a space"),
        ("rtsp://10.0.0.1/\x00", "a null"),
        ("rtsp://kamera\u3002lan/", "a full stop that is none"),
        ("rtsp://2130706433/", "decimal"),
        ("rtsp://0x7f000001/", "hexadecimal"),
        ("rtsp://0x7f.0.0.1/", "hexadecimal in parts"),
        ("rtsp://0177.0.0.1/", "octal"),
        ("rtsp://127.1/", "short"),
        ("rtsp://10.0.0.01/", "octal at the end"),
        ("rtsp://10.0.0.256/", "no address"),
        ("rtsp://[fe80::1%25eth0]/", "a scope"),
        ("rtsp://%31%30.0.0.1/", "percent in the host"),
        ("rtsp://10.0.0.1:0/", "port 0"),
        ("rtsp://10.0.0.1:99999/", "no port"),
        ("rtsp://10.0.0.1:5x4/", "no port"),
        ("rtsp://10.0.0.1/#x", "a fragment"),
        ("http://10.0.0.1/a/../../b", "upwards"),
        ("http://10.0.0.1/a/%2e%2e/b", "upwards, hidden"),
        ("file:etc/passwd", "relative"),
        ("file://host/etc/passwd", "of another host"),
        ("device:/dev/sda", "no camera"),
        ("device:/dev/video0/../sda", "no camera"),
        ("rtsp://10.0.0.1/" + "x" * 2_000, "too long"),
    ],
)
def test_what_is_no_camera_is_refused(url: str, why: str) -> None:
    with pytest.raises(RegistryError) as refused:
        parse_source(url, POLICY)
    assert isinstance(refused.value, InvalidSource | AddressRefused), why


@pytest.mark.parametrize(
    ("address", "why"),
    [
        ("127.0.0.1", "loopback"),
        ("::1", "loopback"),
        ("0.0.0.0", "this machine, on many systems"),
        ("169.254.169.254", "metadata"),
        ("fd00:ec2::254", "metadata, inside an allowed range"),
        ("fd20:ce::254", "metadata of another cloud, inside an allowed range"),
        ("fe80::1", "link-local"),
        ("224.0.0.1", "multicast"),
        ("ff02::1", "multicast"),
        ("255.255.255.255", "broadcast"),
        ("::ffff:10.0.0.1", "IPv4 in IPv6"),
        ("::ffff:127.0.0.1", "IPv4 in IPv6"),
        ("64:ff9b::7f00:1", "IPv4 in IPv6, translated"),
        ("2002:7f00:1::", "IPv4 in IPv6, tunnelled"),
        ("8.8.8.8", "not a camera's network"),
    ],
)
def test_no_camera_is_there(address: str, why: str) -> None:
    everything = AllowedNetworks.parse(["10.0.0.0/8", "fc00::/7", "::/0"]) if ":" in address else AllowedNetworks()
    with pytest.raises(AddressRefused):
        resolve("camera.lan", 554, everything, lambda host, port: [address])
    with pytest.raises(AddressRefused):
        resolve(address, 554, everything)


def test_a_name_is_used_by_the_address_that_was_checked() -> None:
    answers = iter([["10.0.0.7"], ["127.0.0.1"]])
    asked: list[str] = []

    def rebinding(host: str, port: int) -> list[str]:
        asked.append(host)
        return next(answers)

    assert resolve("camera.lan", 554, AllowedNetworks(), rebinding) == "10.0.0.7"
    source = parse_source("rtsp://camera.lan/x", POLICY)
    with pytest.raises(SourceLost) as lost:
        dial(source, AllowedNetworks(), 1.0, rebinding)
    assert lost.value.reason is Reason.ADDRESS_REFUSED
    assert asked == ["camera.lan"] * 2, "each connection looks up once and connects to what that look-up said"


def test_our_own_ports_are_no_cameras_even_where_loopback_is_allowed() -> None:
    with socket.create_server(("127.0.0.1", 0)) as ours:
        port = ours.getsockname()[1]
        allowed = AllowedNetworks(own_ports=frozenset({port}), loopback=True)
        with pytest.raises(AddressRefused):
            resolve("127.0.0.1", port, allowed)
        assert resolve("127.0.0.1", port + 1 if port < 65_535 else 1, allowed) == "127.0.0.1"
        elsewhere = AllowedNetworks(own_ports=frozenset({port}))
        assert resolve("10.255.255.1", port, elsewhere) == "10.255.255.1", "the same port of another machine"


def test_user_info_is_split_off_and_never_shown() -> None:
    source = parse_source("rtsp://bob:p%40ss@Camera.LAN/live?channel=1&password=geheim&x=2", POLICY)
    assert source.credentials == Credentials("bob", "p@ss")
    assert (source.host, source.port, source.kind) == ("camera.lan", 554, SourceKind.RTSP)
    assert source.shown == "rtsp://camera.lan:554/live?channel=1&password=***&x=***"
    assert source.url.endswith("password=geheim&x=2"), "the camera itself gets what it asks for"
    for text in (repr(source), str(source), source.shown, repr(source.credentials)):
        assert "p@ss" not in text
        assert "geheim" not in text


def test_given_credentials_count_before_those_of_the_url() -> None:
    given_ones = Credentials("eve", "x")
    assert parse_source("rtsp://bob:y@10.0.0.1/", POLICY, given_ones).credentials == given_ones


def test_files_only_from_allowed_folders(tmp_path: Path) -> None:
    films, outside = tmp_path / "films", tmp_path / "outside.mp4"
    films.mkdir()
    outside.write_bytes(b"x")
    (films / "a film.mp4").write_bytes(b"x")
    (films / "link.mp4").symlink_to(outside)
    policy = SourcePolicy(folders=(films,))
    assert parse_source(f"file://{films}/a%20film.mp4", policy).path == films / "a film.mp4"
    refused = [f"file://{outside}", f"file://{films}/../outside.mp4", f"file://{films}/link.mp4", "file:///etc/passwd"]
    for url in refused:
        with pytest.raises(AddressRefused):
            parse_source(url, policy)
    for url in (f"file://{films}/none.mp4", f"file://{films}", f"file:///{films}/x%00.mp4"):
        with pytest.raises(InvalidSource):
            parse_source(url, policy)


def test_a_pipe_in_an_allowed_folder_is_no_film(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.mp4")
    with pytest.raises(InvalidSource):
        parse_source(f"file://{tmp_path}/pipe.mp4", SourcePolicy(folders=(tmp_path,)))


@given(st.text(max_size=60))
def test_any_text_is_taken_apart_or_refused(text: str) -> None:
    for url in (text, f"rtsp://{text}", f"http://10.0.0.1/{text}", f"file://{text}"):
        try:
            source = parse_source(url, POLICY)
        except RegistryError:
            continue
        assert source.is_network
        assert not set(source.url) & set("\r\n \0")


@given(st.ip_addresses())
def test_an_address_is_used_only_if_it_is_in_an_allowed_network(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address,
) -> None:
    allowed = AllowedNetworks()
    inside = any(address in network for network in allowed.networks)
    if not allowed.refusal(address, 554):
        assert inside
    assert not (address.is_loopback and not allowed.refusal(address, 554))
