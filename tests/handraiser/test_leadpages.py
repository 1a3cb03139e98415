"""A salesperson with nothing but the message: its links show the lead and answer it."""

import html
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from detector.shapes import LeadDetail
from handraiser.leadpages.page import lead_page
from notifier.core.links import DAYS, LinkError, Links
from notifier.vault import Vault, new_master_key
from runtime.clock import wall_clock
from tests.journey.product import Product
from tests.journey.receiver import Receiver
from tests.journey.test_journey import RULEBOOK, contacts

DAY_MS = 86_400_000


class Shop:
    """A running product, and the links that it makes for a lead."""

    def __init__(self, product: Product) -> None:
        self.product = product
        self.key = product.create_project("shop")
        product.apply(RULEBOOK)
        self.receiver = Receiver()
        self.receiver.secret = product.add_endpoint("shop", self.receiver.url)
        self.master_key = (product.data / "master-key").read_text().strip()
        self.http = httpx.Client(base_url=product.url("ingest"), timeout=20)

    def lead(self, account: str) -> str:
        """The id of a new one."""
        self.product.send(self.key, contacts(account, 487))
        self.product.settle(20)
        (found,) = [each for each in self.product.leads("shop") if each["account"]["external_id"] == account]
        return str(found["lead_id"])

    def links(self, lead: str, status: str = "open") -> dict[str, Any]:
        return Links((self.master_key,), self.product.url("ingest"), wall_clock).of(lead, status)

    def stands(self, lead: str) -> dict[str, Any]:
        found: dict[str, Any] = self.product.api("detector", "GET", f"/v1/leads/{lead}")
        return found


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    product = Product(tmp_path_factory.mktemp("leadpages") / "data")
    product.start()
    shop = Shop(product)
    yield shop
    shop.http.close()
    product.close()
    shop.receiver.close()


def text(answer: httpx.Response) -> str:
    return html.unescape(re.sub(r"<[^>]+>|\s+", " ", answer.text.partition("<body>")[2]))


def test_a_message_has_the_links_of_its_lead(shop: Shop) -> None:
    lead = shop.lead("told-of")
    assert shop.receiver.wait(lambda r: any(each["data"]["lead_id"] == lead for each in r.messages), 20)
    (links,) = [each["data"]["links"] for each in shop.receiver.messages if each["data"]["lead_id"] == lead]
    assert shop.http.post(links["accept"]).status_code == 200
    assert shop.stands(lead)["status"] == "accepted"
    assert shop.receiver.wait(lambda r: r.messages[-1]["type"] == "lead.accepted", 20)
    assert [name for name, link in shop.receiver.messages[-1]["data"]["links"].items() if link] == ["lead", "reject", "snooze"]


def test_looking_changes_nothing_however_often_and_whoever_looks(shop: Shop) -> None:
    lead = shop.lead("looked-at")
    for link in shop.links(lead).values():
        page = shop.http.get(link)
        assert page.status_code == 200
        assert "487 of 500 contacts" in text(page)
        assert "ada@acme.io" in text(page)
    assert (shop.stands(lead)["status"], shop.stands(lead)["revision"]) == ("open", 1)


def test_a_page_loads_nothing_runs_nothing_and_stays_out_of_caches_frames_and_indexes(shop: Shop) -> None:
    page = shop.http.get(shop.links(shop.lead("careful"))["lead"])
    policy = page.headers["content-security-policy"]
    assert all(part in policy for part in ("default-src 'none'", "form-action 'self'", "frame-ancestors 'none'"))
    assert (page.headers["cache-control"], page.headers["referrer-policy"]) == ("no-store", "no-referrer")
    assert "<script" not in page.text
    assert "http" not in page.text.partition("<body>")[2].lower(), "every address is our own"


def test_whoever_takes_a_lead_owns_it_and_the_click_before_the_page_does_nothing(shop: Shop) -> None:
    lead = shop.lead("taken")
    accept = shop.links(lead)["accept"]
    assert shop.http.get(accept).status_code == 200
    assert shop.stands(lead)["status"] == "open"
    done = shop.http.post(accept, data={"email": "jo@shop.example"})
    assert done.status_code == 200
    assert "It is yours" in text(done)
    stands = shop.stands(lead)
    assert (stands["status"], stands["owner"]["email"]) == ("accepted", "jo@shop.example")
    revision = stands["revision"]
    again = shop.http.post(accept, data={"email": "jo@shop.example"})
    assert (again.status_code, shop.stands(lead)["revision"]) == (200, revision), "a second click changes nothing"


def test_whoever_is_second_to_take_a_lead_is_told_and_does_not_get_it(shop: Shop) -> None:
    lead = shop.lead("wanted")
    accept = shop.links(lead)["accept"]
    assert shop.http.post(accept, data={"email": "jo@shop.example"}).status_code == 200
    late = shop.http.post(accept, data={"email": "al@shop.example"})
    assert (late.status_code, shop.stands(lead)["owner"]["email"]) == (409, "jo@shop.example")
    assert "Somebody was quicker" in text(late)
    assert "owned by jo@shop.example" in text(late)
    assert shop.http.post(accept).status_code == 409, "nor whoever does not say who they are"


def test_the_full_story_says_what_the_message_says_and_who_did_what_in_its_life(shop: Shop) -> None:
    lead = shop.lead("storied")
    links = shop.links(lead)
    story = text(shop.http.get(links["lead"]))
    assert re.search(r"Offer\s+standard, 20 ", story), story
    assert re.search(r"Care\s+first lead of this account", story), story
    shop.http.post(links["accept"], data={"email": "jo@shop.example"})
    shop.http.post(links["reject"], data={"reason": "no_budget"})
    life = text(shop.http.get(links["lead"])).partition("Its life")[2]
    assert re.search(r"accepted: by jo@.* updated: owner jo@.* rejected: No budget", life), life


def test_a_rejection_says_why_and_then_there_is_nothing_to_answer(shop: Shop) -> None:
    lead = shop.lead("rejected")
    links = shop.links(lead)
    assert shop.http.post(links["reject"], data={"reason": "no_budget"}).status_code == 200
    stands = shop.stands(lead)
    assert stands["status"] == "rejected"
    assert {"field": "reason", "rule": None, "old": None, "new": "no_budget"} in stands["events"][-1]["changes"]
    late = shop.http.post(links["accept"])
    assert late.status_code == 409
    assert "finished" in text(late)
    assert "<form" not in shop.http.get(links["lead"]).text


def test_a_snooze_is_for_as_many_days_as_was_chosen(shop: Shop) -> None:
    lead = shop.lead("snoozed")
    assert shop.http.post(shop.links(lead)["snooze"], data={"days": "7"}).status_code == 200
    assert shop.stands(lead)["snoozed_until"] is not None
    assert "snoozed until" in text(shop.http.get(shop.links(lead)["lead"]))


@pytest.mark.parametrize(
    ("action", "form"),
    [
        ("accept", {"email": "jo"}),
        ("reject", {"reason": "because"}),
        ("reject", {}),
        ("snooze", {"days": "9999"}),
        ("snooze", {"days": "x" * 5000}),
    ],
)
def test_what_no_form_of_ours_sends_is_refused_on_the_page(shop: Shop, action: str, form: dict[str, str]) -> None:
    lead = shop.lead(f"odd-{action}-{len(str(form))}")
    assert shop.http.post(shop.links(lead)[action], data=form).status_code == 422
    assert shop.stands(lead)["revision"] == 1


def test_what_people_are_called_cannot_become_part_of_the_page(shop: Shop) -> None:
    evil = "<script>alert(1)</script>"
    lead = shop.lead("evil")
    who = {"userId": "ada@evil", "context": {"groupId": "evil"}}
    shop.product.send(
        shop.key,
        [
            {"type": "identify", **who, "traits": {"name": evil, "title": evil}},
            {"type": "group", "userId": "ada@evil", "groupId": "evil", "traits": {"name": evil}},
            {"type": "track", **who, "event": "Contact Count Changed", "properties": {"total": 500}},
        ],
    )
    shop.product.settle(20)
    assert shop.stands(lead)["account"]["name"] == evil
    page = shop.http.get(shop.links(lead)["lead"])
    assert evil not in page.text
    assert html.escape("<script>") in page.text


@pytest.mark.parametrize("other", ["", "x{token}", "%00", "a.b.c", "{token}."])
def test_a_link_that_is_not_whole_leads_nowhere(shop: Shop, other: str) -> None:
    base, _, token = shop.links("ld_1")["lead"].rpartition("/")
    link = f"{base}/{other.format(token=token) or token[:-1]}"
    for answer in (shop.http.get(link), shop.http.post(f"{link}/accept")):
        assert answer.status_code in {404, 422}


def test_a_link_of_another_installation_leads_nowhere(shop: Shop) -> None:
    other = Links(("k" * 43 + "=",), shop.product.url("ingest"), wall_clock).of(shop.lead("ours"), "open")
    assert shop.http.get(other["lead"] or "").status_code == 404


def test_an_old_link_says_so_and_does_nothing(shop: Shop) -> None:
    lead = shop.lead("old")
    long_ago = wall_clock() - (DAYS + 1) * DAY_MS
    old = Links((shop.master_key,), shop.product.url("ingest"), lambda: long_ago).of(lead, "open")
    answer = shop.http.post(old["accept"] or "")
    assert answer.status_code == 410
    assert "expired" in text(answer)
    assert shop.stands(lead)["status"] == "open"


def test_links_are_those_that_a_lead_of_that_status_can_have() -> None:
    links = Links(("secret",), "https://leads.example.com/", lambda: 1_790_000_000_000)
    made = {status: [name for name, link in links.of("ld_1", status).items() if link] for status in ("open", "accepted", "won")}
    assert made == {"open": ["lead", "accept", "reject", "snooze"], "accepted": ["lead", "reject", "snooze"], "won": ["lead"]}
    link = links.of("ld_1", "open")["lead"] or ""
    assert link.startswith("https://leads.example.com/leads/")
    assert links.lead_id(link.rpartition("/")[2]) == "ld_1"
    with pytest.raises(LinkError):
        links.lead_id(link.rpartition("/")[2].replace("ld_1", "ld_2"))


def test_a_link_from_before_the_master_key_was_changed_is_good_while_the_old_key_is_there() -> None:
    def links(keys: str) -> Links:
        return Links(Vault(keys).keys, "https://leads.example.com", lambda: 1_790_000_000_000)

    def token(by: Links) -> str:
        return (by.of("ld_1", "open")["lead"] or "").rpartition("/")[2]

    old, new = new_master_key(), new_master_key()
    both = links(f"{new}, {old}")
    assert both.lead_id(token(links(old))) == "ld_1"
    assert token(both) == token(links(new))
    with pytest.raises(LinkError):
        links(new).lead_id(token(links(old)))


def test_single_services_make_and_read_links_where_they_are_told_where_people_reach_them(tmp_path: Path) -> None:
    product = Product(tmp_path / "data", {"HANDRAISER_PUBLIC_URL": "https://leads.example.com"}, services=True)
    receiver = Receiver()
    try:
        product.start()
        key = product.create_project("shop")
        product.apply(RULEBOOK)
        receiver.secret = product.add_endpoint("shop", receiver.url)
        product.send(key, contacts("acme", 487))
        assert receiver.wait(lambda r: len(r.messages) == 1, 20), product.printed()
        base, _, path = receiver.messages[0]["data"]["links"]["accept"].partition("/leads/")
        assert base == "https://leads.example.com"
        assert httpx.get(f"{product.url('detector')}/leads/{path}", timeout=20).status_code == 200
    finally:
        product.close()
        receiver.close()


def test_the_page_says_what_somebody_told_us_and_where_they_came_from(shop: Shop) -> None:
    stands = shop.stands(shop.product.leads("shop")[0]["lead_id"])
    assert "What they told us" not in lead_page(LeadDetail(**stands), "t")
    told = LeadDetail(
        **stands | {"told_us": {"goal": "<b>leave</b> spreadsheets"}, "source": {"utm_source": "google", "paid": True}}
    )
    page = lead_page(told, "t")
    assert "&lt;b&gt;leave&lt;/b&gt; spreadsheets" in page
    assert re.findall(r'<td class="dim">(\w+)</td>', page) == ["goal", "utm_source", "paid"]
