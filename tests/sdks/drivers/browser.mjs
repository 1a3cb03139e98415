// Drives Chromium through a page of another origin: CHROMIUM PAGE SDK HOST KEY. Prints errors of the page and of the console, as JSON.
import { createRequire } from 'node:module'
const [chromium, page, sdk, host, key] = process.argv.slice(2)
const { chromium: browser } = createRequire(process.cwd() + '/')('playwright-core')
const errors = []
const running = await browser.launch({
  executablePath: chromium,
  args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--disable-background-networking', '--disable-component-update', '--disable-sync'],
})
const context = await running.newContext()
await context.addInitScript((told) => { window.told = told }, { host, key }) // not in the address, which SDKs tell
const tab = await context.newPage()
tab.on('pageerror', (error) => errors.push(`page: ${error.message}`))
tab.on('console', (message) => { if (message.type() === 'error') errors.push(`console: ${message.text()}`) })
await tab.goto(`${page}/${sdk}.html`)
await tab.waitForFunction('window.done === true', null, { timeout: 20000 })
await tab.goto('about:blank') // what still waits is sent as the page is left
await tab.waitForTimeout(1500)
await running.close()
console.log(JSON.stringify({ errors }))
