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
