"""The rulebook of the simulated product: things that only time tells in it, and waits of every kind that end within the story."""

RULEBOOK = """\
project: mail
use: b2b-saas@1
account: [group]
currency: EUR
events:
  signed_up: Signed Up
  sent: Campaign Sent
  upgrade_requested: Upgrade Clicked
limits:
  contacts: {last: properties.total, of: Contact Count Changed, refused: Contact Import Refused}
features:
  automations: {used: Automation Opened}
plans:
  free:     {stage: free,   price: 0,  allows: {contacts: 500},   has: []}
  tryout:   {stage: trial,  like: standard, days: 2, then: free}
  standard: {stage: paying, price: 20, allows: {contacts: 10000}, has: [automations]}
no_plan: free
onboarding: {steps: [signed_up, sent], within: 3d, by: account}
lead_types:
  pql: {expires: 60h}
  xql: {expires: 30h}
noise: {quiet_after: {lost: 5h, recycled: 10h, expired: 3h}}
measures:
  stuck: {absent: sent, after: signed_up, within: 30h}
  campaigns: {count: sent, window: 6h}
rules:
  limit: {cooldown: 30h}
  onboarded: {when: [onboarding.done], cooldown: 3d}
  premium: {when: [premium_days >= 1], cooldown: 30h}
  trial-ends: {when: [trial.left <= 12h], cooldown: 3d}
  upgrade-request: {cooldown: 26h}
  stuck: {family: onboarding_milestone, when: [stuck], cooldown: 3d, say: "{account} is stuck"}
  busy: {family: usage_growth, when: [campaigns >= 2], cooldown: 26h, say: "{account} sent {campaigns} campaigns"}
"""

ANOTHER = (
    RULEBOOK.replace("trial.left <= 12h", "trial.left <= 20h")
    .replace(
        "contacts: {last: properties.total, of: Contact Count Changed,",
        "contacts: {last: properties.total, of: Contact Count Changed, at: [50%, 80%],",
    )
    .replace(
        "  stuck: {absent: sent, after: signed_up, within: 30h}\n",
        "  stuck: {absent: automation, after: signed_up, within: 20h}\n",
    )
    .replace("  signed_up: Signed Up\n", "  signed_up: Signed Up\n  automation: Automation Opened\n")
    .replace(
        "busy: {family: usage_growth, when: [campaigns >= 2],",
        "busy: {family: usage_growth, when: [campaigns >= 1], on_enable: {backfill: 2d},",
    )
    .replace("measures:\n", "measures:\n  lately: {count: automation, window: 9h}\n  ever: {distinct: day, of: active}\n")
    + """\
  still: {family: usage_growth, when: [lately < 1, plan == free], cooldown: 26h, say: "{account} has opened {lately}"}
  days: {family: usage_growth, when: [ever >= 1], on_enable: fire_all, cooldown: 26h, say: "{account} was there on {ever} days"}
  eager: {family: usage_growth, when: [campaigns >= 1, onboarding.done], on_enable: fire_all, cooldown: 26h, say: "Keen"}
"""
)
"""Other steps, another threshold, another question under the same name, new rules of every way to begin, and other facts."""
