// What the dashboard's tests drive a browser with, and count.
import {createRequire} from 'node:module';
import {existsSync, mkdirSync} from 'node:fs';
import {dirname, join} from 'node:path';
import {fileURLToPath} from 'node:url';

export const [base, folder] = process.argv.slice(2);
if (!base || !folder) {
  console.error('usage: dashboard_test.mjs BASE_URL SCREENSHOT_FOLDER');
  process.exit(2);
}
const checkout = join(dirname(fileURLToPath(import.meta.url)), '../../..');
const home = [join(checkout, 'build/clients'), '/usr/share/nodejs'].find((path) => existsSync(join(path, 'node_modules/playwright-core')) || existsSync(join(path, 'playwright-core')));
if (!home) throw new Error('there is no playwright-core: install node-playwright, or put it under build/clients/node_modules');
const {chromium} = createRequire(join(home, 'x.js'))('playwright-core');
mkdirSync(folder, {recursive: true});

export const PATIENCE = 60_000;  // for a load on a small machine
export const key = process.env.PLIMSOLL_KEY ?? '';
export const counts = {passed: 0, failed: 0};
export const formatBytes = (bytes) => {  // written again, so that the page is held against something
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'];
  let unit = 0;
  for (; bytes >= (unit ? 1023.5 : 1024); ++unit) bytes /= 1024;
  return `${unit === 0 ? bytes : bytes.toFixed(bytes < 9.995 ? 2 : bytes < 99.95 ? 1 : 0)} ${units[unit]}`;
};

export function check(what, isTrue, seen = '') {
  if (isTrue) { ++counts.passed; console.log(`  ok    ${what}`); return; }
  ++counts.failed;
  console.log(`  FAILED ${what}${seen === '' ? '' : `\n         saw: ${typeof seen === 'string' ? seen : JSON.stringify(seen)}`}`);
}

export async function step(name, work) {
  console.log(name);
  try { await work(); } catch (error) { check(`${name}: went through`, false, String(error.message ?? error)); }
}

// No waitForFunction() anywhere: it evaluates text as script, which the page's policy forbids.
// A page whose console errors, page errors and requests are written down, and every status it was given.
export async function open(browser, options = {}) {
  const context = await browser.newContext({viewport: {width: 1280, height: 900}, colorScheme: 'light', ...options});
  const page = await context.newPage();
  const seen = {errors: [], requests: [], statuses: new Map()};
  page.on('console', (message) => { if (message.type() === 'error' || message.type() === 'warning') seen.errors.push(message.text()); });
  page.on('pageerror', (error) => seen.errors.push(String(error)));
  page.on('request', (request) => seen.requests.push(request.url()));
  page.on('response', async (response) => {
    if (!response.url().endsWith('/plimsoll/v1/status') || response.status() !== 200) return;
    const status = await response.json().catch(() => null);
    if (status) seen.statuses.set(status.at, status);
  });
  if (key) await context.addInitScript((value) => sessionStorage.setItem('plimsoll.key', value), key);
  return {context, page, seen};
}

export const start = (page) => page.goto(base).then(() => page.waitForSelector('[data-device]'));
export const card = (page, model) => page.locator('[data-model]').filter({has: page.getByRole('heading', {name: model, exact: true})});
export const stateOf = (page, model) => card(page, model).locator('.badge').textContent();
export async function waitForState(page, model, states) {
  const wanted = new RegExp(`^(${states.join('|')})$`);
  await card(page, model).locator('.badge').filter({hasText: wanted}).waitFor({timeout: PATIENCE});
}
export async function press(page, model, action) {
  const button = card(page, model).locator(`button[data-action=${action}]`);
  await button.focus();
  check(`${action}: the button has the focus`, await button.evaluate((node) => node === document.activeElement));
  await page.keyboard.press('Enter');
}
export const overflow = (page) => page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);

export const launch = () => chromium.launch({executablePath: process.env.PLIMSOLL_CHROMIUM || undefined, args: ['--no-sandbox']});
