"""What the environment may say, where no other test has it."""

import pytest

from runtime.settings import SettingsError, read_settings


@pytest.mark.parametrize(
    ("said", "url"),
    [("https://leads.example.com/", "https://leads.example.com"), ("", None), ("http://x:8080/a", "http://x:8080/a")],
)
def test_the_public_address_is_one_that_paths_can_be_put_to(said: str, url: str | None) -> None:
    assert read_settings({"HANDRAISER_PUBLIC_URL": said}).public_url == url


@pytest.mark.parametrize("said", ["leads.example.com", "ftp://x", "https://", "https://me@x", "https://x/?a=1", "https://x/#a"])
def test_what_nobody_could_open_is_refused(said: str) -> None:
    with pytest.raises(SettingsError, match="HANDRAISER_PUBLIC_URL"):
        read_settings({"HANDRAISER_PUBLIC_URL": said})
