// Drives the dashboard in a browser: against the mock server, or against the real one.
//   node dashboard_test.mjs BASE_URL SCREENSHOT_FOLDER
// PLIMSOLL_CHROMIUM is the browser; PLIMSOLL_KEY the key of a server that asks for one; playwright-core is Debian's
// (node-playwright), or the one that lies under build/clients.
import {createRequire} from 'node:module';
import {existsSync, mkdirSync} from 'node:fs';
import {dirname, join} from 'node:path';
import {fileURLToPath} from 'node:url';

const [base, folder] = process.argv.slice(2);
if (!base || !folder) {
  console.error('usage: dashboard_test.mjs BASE_URL SCREENSHOT_FOLDER');
  process.exit(2);
}
const checkout = join(dirname(fileURLToPath(import.meta.url)), '../../..');
const home = [join(checkout, 'build/clients'), '/usr/share/nodejs'].find((path) => existsSync(join(path, 'node_modules/playwright-core')) || existsSync(join(path, 'playwright-core')));
if (!home) throw new Error('there is no playwright-core: install node-playwright, or put it under build/clients/node_modules');
const {chromium} = createRequire(join(home, 'x.js'))('playwright-core');
mkdirSync(folder, {recursive: true});

const PATIENCE = 60_000;  // for a load on a small machine
const key = process.env.PLIMSOLL_KEY ?? '';
let passed = 0, failed = 0;
const formatBytes = (bytes) => {  // written again, so that the page is held against something
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'];
  let unit = 0;
  for (; bytes >= (unit ? 1023.5 : 1024); ++unit) bytes /= 1024;
  return `${unit === 0 ? bytes : bytes.toFixed(bytes < 9.995 ? 2 : bytes < 99.95 ? 1 : 0)} ${units[unit]}`;
};

function check(what, isTrue, seen = '') {
  if (isTrue) { ++passed; console.log(`  ok    ${what}`); return; }
  ++failed;
  console.log(`  FAILED ${what}${seen === '' ? '' : `\n         saw: ${typeof seen === 'string' ? seen : JSON.stringify(seen)}`}`);
}

async function step(name, work) {
  console.log(name);
  try { await work(); } catch (error) { check(`${name}: went through`, false, String(error.message ?? error)); }
}

// No waitForFunction() anywhere: it evaluates text as script, which the page's policy forbids.
// A page whose console errors, page errors and requests are written down, and every status it was given.
async function open(browser, options = {}) {
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

const start = (page) => page.goto(base).then(() => page.waitForSelector('[data-device]'));
const card = (page, model) => page.locator('[data-model]').filter({has: page.getByRole('heading', {name: model, exact: true})});
const stateOf = (page, model) => card(page, model).locator('.badge').textContent();
async function waitForState(page, model, states) {
  const wanted = new RegExp(`^(${states.join('|')})$`);
  await card(page, model).locator('.badge').filter({hasText: wanted}).waitFor({timeout: PATIENCE});
}
async function press(page, model, action) {
  const button = card(page, model).locator(`button[data-action=${action}]`);
  await button.focus();
  check(`${action}: the button has the focus`, await button.evaluate((node) => node === document.activeElement));
  await page.keyboard.press('Enter');
}
const overflow = (page) => page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);

// The bars as they stand on the page, with the status they were drawn from.
async function readBars(page, seen) {
  for (let tries = 0; tries < 20; ++tries) {
    const read = await page.evaluate(() => ({
      at: document.getElementById('main').dataset.at,
      devices: [...document.querySelectorAll('[data-device]')].map((card) => {
        const bar = card.querySelector('.bar'), width = bar.getBoundingClientRect().width, from = bar.getBoundingClientRect().left;
        const mark = card.querySelector('.mark');
        return {
          device: card.dataset.device,
          headroom: card.querySelector('.headroom strong').textContent,
          mark: mark.hidden ? null : (mark.getBoundingClientRect().left - from) / width,
          segments: [...card.querySelectorAll('.segment')].map((segment) => ({
            kind: segment.dataset.kind, label: segment.getAttribute('aria-label'), bytes: Number(segment.dataset.bytes),
            left: Number.parseFloat(segment.style.left) / 100, width: Number.parseFloat(segment.style.width) / 100,
          })),
        };
      }),
    }));
    const status = seen.statuses.get(read.at);
    if (status) return {status, devices: read.devices};
    await page.waitForTimeout(100);
  }
  throw new Error('no status was seen that the page was drawn from');
}

function checkBar(drawn, device, status) {
  const name = `${device.device}:`;
  const bytesOf = (...kinds) => drawn.segments.filter((s) => kinds.includes(s.kind)).reduce((sum, s) => sum + s.bytes, 0);
  const taken = [...status.models, ...status.others].flatMap((owner) => owner.memory).filter((at) => at.device === device.device).reduce((sum, at) => sum + at.taken, 0);
  check(`${name} the stages add up to what is taken`, bytesOf('taken') === taken, {drawn: bytesOf('taken'), taken});
  check(`${name} the hatched part is what is foreign`, bytesOf('foreign') === (device.foreign ?? 0), {drawn: bytesOf('foreign'), foreign: device.foreign});
  check(`${name} reserved and not taken is committed less taken`, bytesOf('promised') === device.committed - device.taken);
  if (device.total !== null && device.free !== null && bytesOf('free') > 0) {
    const all = drawn.segments.reduce((sum, s) => sum + s.bytes, 0), whole = Math.max(device.total, device.budget ?? 0);
    check(`${name} all parts add up to the whole`, all === whole, {all, whole});
    // Host memory that is taken and not touched yet is not missing from what is free: the bar shows it taken all the same.
    const free = bytesOf('free', 'promised') - (whole - device.total), untouched = Math.max(0, taken - (device.process ?? taken));
    check(`${name} what is drawn as free is what the probe read`, free <= device.free && free >= device.free - untouched, {free, read: device.free});
  }
  if (device.total === null) check(`${name} nothing is called free where the total is unknown`, bytesOf('free') === 0);
  if (device.budget === null) check(`${name} has no budget and no headroom`, drawn.mark === null && drawn.headroom === 'no budget', drawn.headroom);
  else {
    const whole = Math.max(device.total ?? 0, device.budget);
    check(`${name} the budget stands at its share of the whole`, Math.abs(drawn.mark - device.budget / whole) < 0.005, {at: drawn.mark, share: device.budget / whole});
    check(`${name} the headroom is the server's`, drawn.headroom === formatBytes(device.headroom), drawn.headroom);
  }
  const edges = [...drawn.segments].sort((a, b) => a.left - b.left);
  check(`${name} each part begins where the one before ends`, edges.every((s, i) => Math.abs(s.left - (i ? edges[i - 1].left + edges[i - 1].width : 0)) < 1e-4 || s.left === 0 || bytesOf('free', 'unknown') === 0));
}

const browser = await chromium.launch({executablePath: process.env.PLIMSOLL_CHROMIUM || undefined, args: ['--no-sandbox']});
const {context, page, seen} = await open(browser);
let model = '';

await step('The page opens', async () => {
  await start(page);
  const headers = {Authorization: `Bearer ${key}`};
  model = (await (await context.request.get(new URL('/v1/models', base).href, {headers})).json()).data[0].id;
  await page.locator('#chat-model option').first().waitFor({state: 'attached'});
  check('it says it is live', await page.locator('#connection').textContent() === 'live');
  const status = await (await context.request.get(new URL('/plimsoll/v1/status', base).href, {headers})).json();
  check('every device is shown', await page.locator('[data-device]').count() === status.devices.length);
  check('every model is shown by its own name', JSON.stringify(await page.locator('[data-model] h3').allTextContents()) === JSON.stringify(status.models.map((m) => m.name)));
  check('an answer of the policy is sent', (await page.evaluate(() => fetch('/', {headers: {accept: 'text/html'}}).then((r) => r.headers.get('content-security-policy'))))?.includes("default-src 'none'") ?? false);
  check('landmarks, one first heading, names for all controls', await page.evaluate(() =>
    document.querySelectorAll('header, main, footer').length === 3 && document.querySelectorAll('h1').length === 1 &&
    [...document.querySelectorAll('button, input, select, textarea')].every((node) => node.getAttribute('aria-label') || node.textContent.trim() || node.labels?.length)));
});

await step('Tab reaches everything, and one sees where one is', async () => {
  const reached = new Set();
  let unseen = 0;
  await page.evaluate(() => document.activeElement?.blur());
  for (let i = 0; i < 120; ++i) {
    await page.keyboard.press('Tab');
    const at = await page.evaluate(() => {
      const node = document.activeElement;
      if (node === document.body) return null;
      const shown = node.matches('.filter input') ? node.parentElement : node;
      return {what: node.dataset.action ?? node.id ?? '', kind: node.className, isSeen: getComputedStyle(shown).outlineStyle !== 'none'};
    });
    if (!at) break;
    if (!at.isSeen) ++unseen;
    reached.add(at.what || at.kind.split(' ')[0]);
  }
  const wanted = ['skip', 'segment', 'load', 'unload', 'pin', 'clear', 'chat-model', 'log', 'prompt', 'send', 'stop'];
  check('all controls', wanted.every((what) => reached.has(what)), [...reached]);
  check('the focus is always visible', unseen === 0, unseen);
  const segment = page.locator('.segment[tabindex="0"]').first();
  await segment.focus();
  const readout = page.locator('[data-device] .readout').first();
  const first = await readout.textContent();
  await page.keyboard.press('ArrowRight');
  check('arrows go through the bar and bytes are spelled out', /bytes\)$/.test(first) && first !== await readout.textContent(), first);
});

await step('A model is loaded with the keyboard', async () => {
  if (await stateOf(page, model) === 'ready') {
    await press(page, model, 'unload');
    await waitForState(page, model, ['absent', 'swapped']);
  }
  await press(page, model, 'load');
  await waitForState(page, model, ['ready']);
  await card(page, model).locator('.result').filter({hasText: /^Loaded in /}).waitFor({timeout: PATIENCE});
  check('it is ready, and the page says so to a screen reader', (await page.locator('#said').textContent()).startsWith(`${model}: Loaded in `));
  check('the focus stayed on the button', await page.evaluate(() => document.activeElement?.dataset.action) === 'load');
  check('Load is off, Unload is on', await card(page, model).locator('[data-action=load]').getAttribute('aria-disabled') === 'true' &&
    await card(page, model).locator('[data-action=unload]').getAttribute('aria-disabled') === 'false');
  check('nothing was allocated after the seal', (await card(page, model).locator('.facts').textContent()).includes('✓ 0allocations'));
  await page.locator('#events li').filter({hasText: model}).filter({hasText: 'ready'}).first().waitFor({timeout: PATIENCE});
  check('the events tell it', true);
});

await step('The bars are what the numbers say', async () => {
  const {status, devices} = await readBars(page, seen);
  for (const drawn of devices) checkBar(drawn, status.devices.find((d) => d.device === drawn.device), status);
  await page.locator('#exact > summary').press('Enter');
  await page.locator('#stage-table tbody tr').first().waitFor();
  const cells = await page.locator('#device-table tbody tr').first().locator('td').allTextContents();
  check('exact numbers are whole bytes, or said to be unknown', cells.every((cell) => /^(\d+|unknown|none)$/.test(cell)), cells);
  check('the history is drawn', (await page.locator('.history path.ours').first().getAttribute('d')).startsWith('M'));
});

await step('Pinning', async () => {
  const pin = card(page, model).locator('[data-action=pin]');
  const was = await pin.getAttribute('aria-pressed');
  for (const wanted of [was === 'true' ? 'false' : 'true', was]) {
    await press(page, model, 'pin');
    await card(page, model).locator(`[data-action=pin][aria-pressed=${wanted}]`).waitFor({timeout: PATIENCE});
    check(`pressed: ${wanted}`, true);
  }
});

await step('A chat', async () => {
  await page.locator('#chat-model').selectOption(model);
  await page.locator('#max-tokens').evaluate((node) => { node.closest('details').open = true; });
  await page.locator('#max-tokens').fill('24');
  for (const [turn, question] of ['What is a load line?', 'And who draws it?'].entries()) {
    await page.locator('#prompt').focus();
    await page.keyboard.type(question);
    await page.keyboard.press('Enter');
    const answer = page.locator('.turn.assistant').nth(turn);
    await page.locator('.turn.assistant:not(.going)').nth(turn).waitFor({timeout: PATIENCE});
    check(`answer ${turn + 1} has text`, (await answer.locator('.text').textContent()).trim().length > 0, await answer.textContent());
    check('with its pace and its first token', /\d+ tokens? .*first after \d/.test(await answer.locator('.meta').textContent()), await answer.locator('.meta').textContent());
  }
  await page.screenshot({path: join(folder, 'light.png'), fullPage: true});
  await page.locator('#max-tokens').fill('256');
  await page.locator('#prompt').focus();
  await page.keyboard.type('Go on.');
  await page.keyboard.press('Enter');
  await page.locator('#stop[aria-disabled=false]').waitFor();
  await page.locator('#stop').focus();
  await page.keyboard.press('Enter');
  await page.locator('.turn.assistant:not(.going)').nth(2).waitFor({timeout: PATIENCE});
  check('Stop ends it', await page.locator('#stop').getAttribute('aria-disabled') === 'true');
  await page.locator('#clear').press('Enter');
  check('a new chat is empty', await page.locator('.turn').count() === 0);
});

await step('Dark, and a phone', async () => {
  const ground = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  const light = await ground();
  await page.emulateMedia({colorScheme: 'dark'});
  check('dark is another ground', light !== await ground());
  await page.screenshot({path: join(folder, 'dark.png'), fullPage: true});
  for (const colorScheme of ['dark', 'light']) {
    await page.emulateMedia({colorScheme});
    await page.setViewportSize({width: 360, height: 740});
    check(`nothing sticks out at 360 px (${colorScheme})`, await overflow(page) <= 0, await overflow(page));
    await page.screenshot({path: join(folder, `phone-${colorScheme}.png`), fullPage: true});
  }
  for (const width of [768, 1079, 1920]) {
    await page.setViewportSize({width, height: 900});
    check(`nor at ${width} px`, await overflow(page) <= 0, await overflow(page));
  }
  await page.setViewportSize({width: 1280, height: 900});
  await page.locator('#exact').evaluate((node) => { node.open = true; });
  for (const share of [0.3, 0.6, 1]) {
    await page.evaluate((to) => scrollTo(0, to * document.documentElement.scrollHeight), share);
    const [above, below] = await page.evaluate(() => [Math.max(...[...document.querySelectorAll('.column > section')].map((n) => n.getBoundingClientRect().bottom)),
      document.querySelector('.wide').getBoundingClientRect().top]);
    check(`nothing lies on the exact numbers, scrolled by ${share}`, above <= below, {above, below});
  }
  await page.evaluate(() => scrollTo(0, 0));
  await page.emulateMedia({reducedMotion: 'reduce'});
  check('nothing moves for who wants no motion', await page.evaluate(() => document.getAnimations().filter((a) => a.playState === 'running').length) === 0);
  await page.setViewportSize({width: 1280, height: 900});
});

await step('Unloading', async () => {
  await press(page, model, 'unload');
  await waitForState(page, model, ['absent', 'swapped']);
  check('it is gone', true);
});

await step('Nothing from elsewhere, nothing wrong', async () => {
  const origin = new URL(base).origin;
  const strange = seen.requests.filter((url) => !url.startsWith('data:') && new URL(url).origin !== origin);
  check('no request to another origin', strange.length === 0, strange);
  check('no error in the console', seen.errors.length === 0, seen.errors);
});
await context.close();

// From here on the browser itself writes the failed requests to its console.
await step('Refusals, and a server that goes away', async () => {
  const {context, page} = await open(browser);
  await start(page);
  await context.route('**/plimsoll/v1/models/*/*', (route) => route.fulfill({status: 409, contentType: 'application/json',
    body: JSON.stringify({schema: 'plimsoll.error/1', code: 'over_budget', message: '42 GiB are <b>not</b> there'})}));
  await press(page, model, 'pin');
  await card(page, model).locator('.result[data-kind=error]').waitFor({timeout: PATIENCE});
  check("the server's words are shown as they are", await card(page, model).locator('.result').textContent() === '42 GiB are <b>not</b> there');
  await context.route('**/v1/chat/completions', (route) => route.fulfill({status: 503, contentType: 'application/json',
    body: JSON.stringify({error: {message: 'all slots are taken', type: 'x', param: null, code: 'busy'}})}));
  await page.locator('#prompt').fill('Hello?');
  await page.keyboard.press('Enter');
  await page.locator('.turn .trouble').filter({hasText: 'all slots are taken'}).waitFor({timeout: PATIENCE});
  check('a refused message can be sent again', await page.locator('#prompt').inputValue() === 'Hello?');
  await context.route('**/plimsoll/v1/**', (route) => route.abort());
  await page.locator('#connection').filter({hasText: 'connection lost, retrying'}).waitFor({timeout: PATIENCE});
  check('that is in sight, wherever one has scrolled to', await page.locator('#connection').evaluate((node) => node.getBoundingClientRect().bottom > 0));
  check('what was read last stays', await page.locator('[data-device]').count() > 0);
  await page.screenshot({path: join(folder, 'lost.png')});
  await context.unroute('**/plimsoll/v1/**');
  await page.locator('#connection[data-state=live]').waitFor({timeout: PATIENCE});
  check('it comes back by itself', true);
  await context.close();
});

await step('A server that asks for a key', async () => {
  const {context, page} = await open(browser);
  const given = [];
  await context.route(/\/v1\//, (route) => {
    const authorization = route.request().headers().authorization;
    given.push(authorization);
    if (authorization === 'Bearer the right one') return route.continue({headers: {...route.request().headers(), ...(key ? {authorization: `Bearer ${key}`} : {})}});
    return route.fulfill({status: 401, contentType: 'application/json', body: JSON.stringify({schema: 'plimsoll.error/1', code: 'unauthorized', message: 'a key is needed'})});
  });
  await page.goto(base);
  const form = page.locator('#key-form');
  await form.waitFor({timeout: PATIENCE});
  check('the field has the focus', await page.evaluate(() => document.activeElement?.id) === 'key');
  await page.keyboard.type('a wrong one');
  await page.keyboard.press('Enter');
  await form.filter({hasText: 'does not accept'}).waitFor({timeout: PATIENCE});
  check('a wrong key is told', given.includes('Bearer a wrong one'));
  await page.screenshot({path: join(folder, 'key.png')});
  await page.keyboard.type('the right one');
  await page.keyboard.press('Enter');
  await page.waitForSelector('[data-device]');
  check('with the right one the page goes on', !await form.isVisible());
  check('the key is kept for this session', await page.evaluate(() => sessionStorage.getItem('plimsoll.key')) === 'the right one');
  await context.close();
});

await browser.close();
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed ? 1 : 0);
