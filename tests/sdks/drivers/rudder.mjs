// Run with @rudderstack/rudder-sdk-node: HOST KEY WHAT. Prints the errors of its callbacks, as JSON.
import { createRequire } from 'node:module'
import { send } from './segment_calls.mjs'
const [host, key, what] = process.argv.slice(2)
const loaded = createRequire(process.cwd() + '/')('@rudderstack/rudder-sdk-node')
const errors = []
const sdk = new (loaded.default ?? loaded)(key, { dataPlaneUrl: host, flushInterval: 50, errorHandler: (error) => errors.push(String(error)) })
send(sdk, what)
await new Promise((done) => sdk.flush((error) => { if (error) errors.push(String(error)); done() }))
console.log(JSON.stringify({ errors }))
process.exit(0)
