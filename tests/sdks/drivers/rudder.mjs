// Run with @rudderstack/rudder-sdk-node: HOST KEY WHAT. Prints the errors of its callbacks, as JSON.
import { createRequire } from 'node:module'
const [host, key, what] = process.argv.slice(2)
const loaded = createRequire(process.cwd() + '/')('@rudderstack/rudder-sdk-node')
const errors = []
const sdk = new (loaded.default ?? loaded)(key, { dataPlaneUrl: host, flushInterval: 50, errorHandler: (error) => errors.push(String(error)) })
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
await new Promise((done) => sdk.flush((error) => { if (error) errors.push(String(error)); done() }))
console.log(JSON.stringify({ errors }))
process.exit(0)
