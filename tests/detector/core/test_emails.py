"""Whose an e-mail address is, and what is none."""

import pytest

from detector.core.emails import domain_of, kind_of


@pytest.mark.parametrize(
    ("address", "domain", "kind"),
    [
        ("ada@acme.example", "acme.example", "business"),
        (" Ada.Lovelace+news@Mail.Acme.EXAMPLE ", "mail.acme.example", "business"),
        ("info@acme.example", "acme.example", "role"),
        ("Sales+eu@acme.example", "acme.example", "role"),
        ("infographics@acme.example", "acme.example", "business"),
        ("ada@gmail.com", "gmail.com", "free_mail"),
        ("info@GMX.de", "gmx.de", "free_mail"),
        ("ada@hey.com", "hey.com", "free_mail"),
        ("ada@notgmail.com", "notgmail.com", "business"),
        ("ädä@bücher.example", "bücher.example", "business"),
        ("a" * 241 + "@acme.example", "acme.example", "business"),
    ],
)
def test_an_address_has_a_domain_and_is_of_a_kind(address: str, domain: str, kind: str) -> None:
    assert (domain_of(address), kind_of(address)) == (domain, kind)


@pytest.mark.parametrize(
    "other",
    [
        *("", "ada", "ada@", "@acme.example", "ada@acme", "a@b@acme.example", "ada lo@acme.example", "ada@acme..example"),
        *("a" * 242 + "@acme.example", "ada@.acme.example", "ada@acme.example.", None, 7, True),
    ],
)
def test_what_is_no_address_has_neither(other: object) -> None:
    assert (domain_of(other), kind_of(other)) == (None, None)
