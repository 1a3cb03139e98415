// Run with @segment/analytics-node: HOST KEY WHAT. Prints what its `error` event said, as JSON.
import { createRequire } from 'node:module'
const [host, key, what] = process.argv.slice(2)
const { Analytics } = createRequire(process.cwd() + '/')('@segment/analytics-node')
const errors = []
const sdk = new Analytics({ writeKey: key, host, flushInterval: 50 })
sdk.on('error', (error) => errors.push(String(error.reason ?? error.code)))
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
await sdk.closeAndFlush({ timeout: 60000 })
console.log(JSON.stringify({ errors }))
process.exit(0)
