// usage: node oauth/checks.mjs URL
import { group, summary } from '../runner.mjs'
import { browserChecks } from './browser.mjs'
import { clientChecks } from './clients.mjs'
import { hostedChecks } from './hosted.mjs'

const [url] = process.argv.slice(2)
await group('hosted', () => hostedChecks(url))
await group('clients', () => clientChecks(url))
await group('browser', () => browserChecks(url))
summary()
