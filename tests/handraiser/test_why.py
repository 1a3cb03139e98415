"""`handraiser why` and `near-misses` against a real `up --try`: what a newcomer reads of the pretend customer that is no lead."""

import pytest

from tests.handraiser.conftest import Running, until


@pytest.fixture(scope="module")
def played(trial: Running) -> Running:
    until("the end of the story", lambda: "Ask why: " in trial.printed(), 60)
    return trial


def test_the_trial_ends_with_the_command_that_asks_why(played: Running) -> None:
    (line,) = [line for line in played.printed().splitlines() if "Ask why: " in line]
    words = line.partition("Ask why: ")[2].split()
    assert words[:2] == ["handraiser", "why"]
    asked = played.handraiser(*words[1:3])
    assert asked.stdout.startswith(f"Bolt Bikes ({words[2]}) · free plan")


def test_why_bolt_says_what_bolt_bikes_lacks(played: Running) -> None:
    done = played.handraiser("why", "bolt")
    assert done.returncode == 0, done.stderr
    head, _, *lines = done.stdout.splitlines()
    assert head.startswith("Bolt Bikes (bolt-bikes-")
    assert head.endswith(" · free plan · no open lead")
    said = {line.split()[1]: " ".join(line.split()[2:]) for line in lines if line[:2] == "· "}
    assert said["limit/contacts"].startswith("212 of 500 contacts (42.4 %): 188 more to the 80 % step, about ")
    assert said["limit/contacts"].endswith(" at this pace")
    assert said["onboarded"].startswith("onboarding 2 of 3, missing: Campaign Sent")
    assert "  limit/emails asleep: `Email Sent` has never arrived, nor `Send Refused`. Renamed?" in lines
    assert any(line.startswith("score 15, cold = fit 15 + behaviour 0") for line in lines)


def test_a_rule_is_shown_line_by_line(played: Running) -> None:
    shown = played.handraiser("why", "bolt", "--rule", "onboarded").stdout
    assert "no      onboarding.done" in shown
    assert "active_days >= 3  is " in shown
    found = played.json("why", "bolt", "--rule", "onboarded")
    assert [rule["rule"] for rule in found["rules"]] == ["onboarded"]


def test_an_account_that_signalled_says_so_and_an_id_that_is_not_clear_is_asked_back(played: Running) -> None:
    assert "holds, signalled " in played.handraiser("why", "nova").stdout
    nobody = played.handraiser("why", "nobody-at-all")
    assert (nobody.returncode, "Nothing is known of account nobody-at-all" in nobody.stderr) == (1, True)
    batch = [{"type": "track", "event": "Opened", "userId": "u", "context": {"groupId": f"twin-{n}"}} for n in (1, 2)]
    assert played.http.post("/v1/batch", json={"batch": batch}, auth=(played.read("trial-key"), "")).json()["accepted"] == 2
    until(
        "both accounts", lambda: len(played.api.get("/v1/accounts?project=acme-mail&starting_with=twin").json()["data"]) == 2, 20
    )
    unclear = played.handraiser("why", "twin")
    assert unclear.returncode == 1
    assert "Several accounts begin with twin: twin-1, twin-2." in unclear.stderr


def test_near_misses_are_listed_by_rule(played: Running) -> None:
    table = played.handraiser("near-misses", "--rule", "limit/contacts").stdout.splitlines()
    assert table[0].split() == ["RULE", "ACCOUNT", "PLAN", "WHAT", "IS", "MISSING"]
    assert table[1].startswith("limit/contacts  bolt-bikes-")
    found = played.json("near-misses", "--limit", "1")
    assert {each["rule"]: len(each["accounts"]) for each in found["data"]}["limit/contacts"] == 1
    assert found["cut"] is False


def test_nobody_is_near_to_coming_back_who_never_left(played: Running) -> None:
    assert "stage is free, not churned" in played.handraiser("why", "bolt", "--rule", "came-back").stdout
    assert played.handraiser("near-misses", "--rule", "came-back").stdout == "No account of acme-mail is near.\n"
    assert "not churned" not in played.handraiser("near-misses").stdout
