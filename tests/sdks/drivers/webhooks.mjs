// Run with a library that verifies webhooks: its PACKAGE. Cases come in as JSON; for each, whether it was good, goes out.
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
const { Webhook, WebhookVerificationError } = createRequire(process.cwd() + '/')(process.argv[2])
const isGood = ({ secret, headers, body }) => {
  try {
    new Webhook(secret).verify(body, headers)
    return true
  } catch (error) {
    if (!(error instanceof WebhookVerificationError)) throw error
    return false
  }
}
console.log(JSON.stringify(JSON.parse(readFileSync(0, 'utf8')).map(isGood)))
