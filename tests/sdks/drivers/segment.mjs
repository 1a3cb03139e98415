// Run with @segment/analytics-node: HOST KEY WHAT. Prints what its `error` event said, as JSON.
import { createRequire } from 'node:module'
import { send } from './segment_calls.mjs'
const [host, key, what] = process.argv.slice(2)
const { Analytics } = createRequire(process.cwd() + '/')('@segment/analytics-node')
const errors = []
const sdk = new Analytics({ writeKey: key, host, flushInterval: 50 })
sdk.on('error', (error) => errors.push(String(error.reason ?? error.code)))
send(sdk, what)
await sdk.closeAndFlush({ timeout: 60000 })
console.log(JSON.stringify({ errors }))
process.exit(0)
