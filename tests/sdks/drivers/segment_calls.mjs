// What is sent with any SDK that has Segment's calls.
export function send(sdk, what) {
  if (what === 'all') {
    sdk.identify({ userId: 'ada', traits: { email: 'ada@bolt.example' } })
    sdk.group({ userId: 'ada', groupId: 'bolt', traits: { plan: 'free' } })
    sdk.track({
      userId: 'ada', event: 'Campaign Sent', properties: { recipients: 120 },
      timestamp: new Date('2026-01-31T14:05:00Z'), context: { groupId: 'bolt' },
    })
    sdk.page({ userId: 'ada', category: 'Docs', name: 'Pricing', properties: { url: '/pricing' } })
    sdk.screen({ userId: 'ada', category: 'App', name: 'Home' })
    sdk.alias({ previousId: 'anon-1', userId: 'ada' })
  } else {
    sdk.track({ userId: 'ada', event: 'Campaign Sent', properties: { recipients: 120 } })
  }
}
