// usage: node checks.mjs PROGRAM PATTERN SERVERS   (SCREENSHOTS=FOLDER keeps pictures)
import { chromium } from 'playwright-core'
import { eventually, group, summary } from './runner.mjs'
import { commandChecks } from './commands.mjs'
import { liveChecks } from './live.mjs'
import { lookChecks } from './look.mjs'
import { HOSTILE, Site } from './site.mjs'

const [program, , servers] = process.argv.slice(2)

function household() {
  const site = new Site(program)
  site.hello('notes', servers, `echo 'ready to take notes' >&2; echo '${HOSTILE}' >&2`, 'start = "always"\n')
  site.hello('calendar', servers)
  site.hello('lights', servers, '', 'start = "always"\n')
  site.add('weather', "echo 'WEATHER_API_KEY is not set' >&2; exit 3")
  return site.start()
}

const executablePath = process.env.CHROMIUM ?? '/usr/bin/chromium'
const browser = await chromium.launch({ executablePath, args: ['--no-sandbox'] })
const site = await household()
const empty = await new Site(program).start()
try {
  const settled = all => all.filter(it => it.state === 'ready').length >= 2 && all.some(it => it.last_error)
  await eventually(async () => settled(await site.servers()), () => site.log, 60)
  await Promise.all([site.call('notes', 40), site.call('calendar', 12), site.call('calendar', 5)])
  await group('look', () => lookChecks(browser, site, empty))
  await group('commands', () => commandChecks(browser, site))
  await group('live', () => liveChecks(browser, site))
} finally {
  await Promise.all([site.end(), empty.end(), browser.close()])
}
summary()
