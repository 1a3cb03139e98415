"""What is sealed can be opened with the same master key, and with no other."""

import pytest

from notifier.core.addresses import policy_for
from notifier.core.matching import Filters
from notifier.core.urls import parse_url
from notifier.store import NotifierStore
from notifier.vault import MasterKeyError, Vault, new_master_key


def test_sealed_text_comes_back_and_is_not_readable_meanwhile() -> None:
    vault = Vault(new_master_key())
    assert vault.open(vault.seal("whsec_abc")) == "whsec_abc"
    assert b"whsec_abc" not in vault.seal("whsec_abc")


def test_the_first_of_several_master_keys_seals_and_all_open() -> None:
    old, new = new_master_key(), new_master_key()
    sealed = Vault(old).seal("whsec_abc")
    both = Vault(f"{new}, {old}")
    assert both.keys == (new, old)
    assert both.open(sealed) == "whsec_abc"
    assert (both.is_newest(sealed), both.is_newest(both.seal("x"))) == (False, True)
    assert Vault(new).open(both.reseal(sealed)) == Vault(new).open(both.seal("whsec_abc")) == "whsec_abc"


@pytest.mark.parametrize(
    ("key", "says"),
    [(None, "no master key"), ("", "no master key"), ("short", "44 characters"), ("A" * 43 + "=,", "44 characters")],
)
def test_a_missing_or_malformed_master_key_says_what_to_do(key: str | None, says: str) -> None:
    with pytest.raises(MasterKeyError, match=f"{says}|HANDRAISER_MASTER_KEY.*{says}"):
        Vault(key)


def test_another_master_key_is_noticed_at_the_start(store: NotifierStore) -> None:
    target = parse_url("https://hooks.example.com/x", policy_for(production=True))
    other = NotifierStore(store._engine, Vault(new_master_key()))
    other.secrets.check_master_key()
    store.add_endpoint("acme-mail", "crm", target, Filters(), 0)
    store.secrets.check_master_key()
    with pytest.raises(MasterKeyError, match="another master key"):
        other.secrets.check_master_key()
