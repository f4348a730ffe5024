"""There and back: what ties the provider's answer to the browser that asked."""

import time
from typing import TYPE_CHECKING

import pytest
from cryptography.fernet import Fernet

from registry.access.single_sign_on import Refusal, SingleSignOn
from registry.errors import SingleSignOnFailed, Unavailable
from registry.testing.oidc_provider import OidcProvider

if TYPE_CHECKING:
    from tests.registry.access.single_sign_on.conftest import Make, Visitor


def test_the_browser_is_sent_with_state_nonce_and_challenge(
    visitor: "Visitor", quick: SingleSignOn, provider: OidcProvider
) -> None:
    first, second = visitor.departs(quick), visitor.departs(quick)
    sent, other = visitor.query(first), visitor.query(second)
    assert first.address.startswith(f"{provider.url}/authorize?")
    assert sent["redirect_uri"] == "http://127.0.0.1:8501/auth/oidc/callback"
    assert sent["scope"] == "openid profile email groups"  # the provider has a scope named like the role claim
    assert sent["code_challenge_method"] == "S256"
    assert all(len(sent[name]) >= 43 and sent[name] != other[name] for name in ("state", "nonce", "code_challenge"))
    assert not any(secret in first.sealed for secret in (sent["state"], sent["nonce"]))
    assert provider.asked.count("/.well-known/openid-configuration") == 1


def test_the_wanted_page_comes_back(visitor: "Visitor", quick: SingleSignOn) -> None:
    departure = visitor.departs(quick, "/models")
    assert quick.finish(departure.sealed, visitor.answer(departure)).wanted == "/models"


@pytest.mark.parametrize("method", ["client_secret_basic", "client_secret_post"])
def test_the_client_proves_itself_the_way_the_provider_wants(
    visitor: "Visitor", make_light: "Make", provider: OidcProvider, method: str
) -> None:
    provider.client_auth = method
    assert visitor.signs_in(make_light()).username == "wei"


def test_the_wrong_client_secret_is_the_platforms_fault(
    visitor: "Visitor", make_light: "Make", provider: OidcProvider
) -> None:
    with pytest.raises(Unavailable):
        visitor.signs_in(make_light(oidc_client_secret="another"))


def test_the_answer_to_another_browser_is_refused(visitor: "Visitor", quick: SingleSignOn) -> None:
    mine, theirs = visitor.departs(quick), visitor.departs(quick)
    with pytest.raises(SingleSignOnFailed) as raised:
        quick.finish(mine.sealed, visitor.answer(theirs))
    assert raised.value.details["refusal"] == Refusal.EXPIRED


FOREIGN = Fernet(Fernet.generate_key()).encrypt(b"{}").decode()


@pytest.mark.parametrize("sealed", ["", "x", "gAAAAA", "ü" * 100, FOREIGN], ids=["empty", "x", "cut", "ü", "foreign"])
def test_what_the_platform_did_not_seal_is_refused(visitor: "Visitor", quick: SingleSignOn, sealed: str) -> None:
    with pytest.raises(SingleSignOnFailed) as raised:
        quick.finish(sealed, visitor.answer(visitor.departs(quick)))
    assert raised.value.details["refusal"] == Refusal.EXPIRED


def test_an_attempt_ends_after_ten_minutes(
    visitor: "Visitor", quick: SingleSignOn, monkeypatch: pytest.MonkeyPatch
) -> None:
    departure = visitor.departs(quick)
    answer, later = visitor.answer(departure), time.time() + 601
    monkeypatch.setattr(time, "time", lambda: later)
    with pytest.raises(SingleSignOnFailed) as raised:
        quick.finish(departure.sealed, answer)
    assert raised.value.details["refusal"] == Refusal.EXPIRED


def test_a_code_works_once(visitor: "Visitor", quick: SingleSignOn) -> None:
    departure = visitor.departs(quick)
    answer = visitor.answer(departure)
    quick.finish(departure.sealed, answer)
    with pytest.raises(SingleSignOnFailed):
        quick.finish(departure.sealed, answer)


def test_a_code_is_worthless_without_the_verifier_of_its_attempt(visitor: "Visitor", quick: SingleSignOn) -> None:
    mine, theirs = visitor.departs(quick), visitor.departs(quick)
    stolen = visitor.answer(theirs)["code"]
    with pytest.raises(SingleSignOnFailed):
        quick.finish(mine.sealed, {"code": stolen, "state": visitor.query(mine)["state"]})


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ({"error": "access_denied"}, Refusal.CANCELLED),
        ({"error": "<script>", "code": "good"}, Refusal.UNPROVEN),
        ({}, Refusal.UNPROVEN),
        ({"code": ""}, Refusal.UNPROVEN),
        ({"code": "x" * 10_000}, Refusal.UNPROVEN),
        ({"code": "never-issued\0"}, Refusal.UNPROVEN),
        ({"code": "x", "iss": "https://elsewhere.example"}, Refusal.UNPROVEN),  # mixed up with another provider
        ({"code": "x", "state": "not-ours-ü"}, Refusal.EXPIRED),
    ],
)
def test_an_answer_without_a_good_code_is_refused(
    visitor: "Visitor", quick: SingleSignOn, answer: dict[str, str], expected: Refusal
) -> None:
    departure = visitor.departs(quick)
    with pytest.raises(SingleSignOnFailed) as raised:
        quick.finish(departure.sealed, {"state": visitor.query(departure)["state"]} | answer)
    assert raised.value.details["refusal"] == expected
