// Run with posthog-node: HOST KEY WHAT. Prints what its `error` event said, as JSON.
import { createRequire } from 'node:module'
const [host, key, what] = process.argv.slice(2)
const { PostHog } = createRequire(process.cwd() + '/')('posthog-node')
const errors = []
const sdk = new PostHog(key, { host, flushInterval: 50, disableGeoip: true })
sdk.on?.('error', (error) => errors.push(String(error)))
if (what === 'all') {
  sdk.identify({ distinctId: 'ada', properties: { email: 'ada@bolt.example' } })
  sdk.groupIdentify({ groupType: 'company', groupKey: 'bolt', properties: { plan: 'free' } })
  sdk.capture({
    distinctId: 'ada', event: 'Campaign Sent', properties: { recipients: 120 }, groups: { company: 'bolt' },
    timestamp: new Date('2026-01-31T14:05:00Z'),
  })
  sdk.capture({ distinctId: 'ada', event: '$pageview', properties: { $pathname: '/pricing' } })
  sdk.alias({ distinctId: 'ada', alias: 'anon-1' })
} else {
  sdk.capture({ distinctId: 'ada', event: 'Campaign Sent', properties: { recipients: 120 } })
}
await (sdk.shutdownAsync ?? sdk.shutdown).call(sdk, 60000)
console.log(JSON.stringify({ errors }))
process.exit(0)
