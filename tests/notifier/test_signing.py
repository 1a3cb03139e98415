"""Our signatures as the standardwebhooks package sees them."""

import base64
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks import Webhook
from standardwebhooks.webhooks import WebhookVerificationError

from notifier.core.signing import KEY_BYTES, key_of, secret_of, signed_headers


def now_s() -> int:
    return int(datetime.now(UTC).timestamp())


@given(key=st.binary(min_size=KEY_BYTES, max_size=KEY_BYTES), text=st.text(max_size=200))
def test_a_receiver_verifies_what_we_sign(key: bytes, text: str) -> None:
    body = text.encode()
    headers = signed_headers([secret_of(key)], "le_1", now_s(), body)
    Webhook(secret_of(key)).verify(body, headers, json_parse=False)


def test_during_rotation_the_holder_of_either_secret_verifies() -> None:
    new, old, other = secret_of(b"n" * 32), secret_of(b"o" * 32), secret_of(b"x" * 32)
    headers = signed_headers([new, old], "le_1", now_s(), b"{}")
    assert len(headers["webhook-signature"].split(" ")) == 2
    for secret in (new, old):
        Webhook(secret).verify(b"{}", headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(other).verify(b"{}", headers)


@pytest.mark.parametrize("changed", ["webhook-id", "webhook-timestamp", "body"])
def test_a_changed_id_time_or_body_does_not_verify(changed: str) -> None:
    secret = secret_of(b"k" * 32)
    headers, body = signed_headers([secret], "le_1", now_s(), b"{}"), b"{}"
    if changed == "body":
        body = b"{ }"
    else:
        headers[changed] = "le_2" if changed == "webhook-id" else str(now_s() - 1)
    with pytest.raises(WebhookVerificationError):
        Webhook(secret).verify(body, headers)


def test_the_secret_is_whsec_and_the_padded_base64_of_32_bytes() -> None:
    secret = secret_of(bytes(range(32)))
    assert secret == "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
    assert key_of(secret) == base64.b64decode(secret[6:]) == bytes(range(32))


@pytest.mark.parametrize("secret", ["AAECAw==", "whsec_not base64!", "whsec-AAECAw=="])
def test_what_is_no_secret_is_refused(secret: str) -> None:
    with pytest.raises(ValueError, match="whsec_"):
        key_of(secret)


def test_a_key_of_another_length_makes_no_secret() -> None:
    with pytest.raises(ValueError, match="32"):
        secret_of(b"short")


def test_the_timestamp_is_whole_seconds() -> None:
    assert signed_headers([secret_of(b"k" * 32)], "le_1", 1_700_000_000, b"")["webhook-timestamp"] == "1700000000"
