// Run with CloudEvents' SDK of JavaScript: HOST KEY WHAT. It makes requests and does not send them: this does, as its docs say.
import { createRequire } from 'node:module'
const [host, key] = process.argv.slice(2)
const { CloudEvent, HTTP } = createRequire(process.cwd() + '/')('cloudevents')
const errors = []
const event = (id) => new CloudEvent({
  id, type: 'Campaign Sent', source: '/mail', subject: 'bolt', userid: 'ada', time: '2026-01-31T14:05:00.000Z', data: { recipients: 120 },
})
for (const { headers, body } of [HTTP.structured(event('structured')), HTTP.binary(event('binary'))]) {
  const answer = await fetch(`${host}/api/v1/events`, { method: 'POST', headers: { ...headers, authorization: `Bearer ${key}` }, body })
  if (answer.status !== 204) errors.push(await answer.text())
}
console.log(JSON.stringify({ errors }))
