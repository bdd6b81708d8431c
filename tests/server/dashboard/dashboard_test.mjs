// Drives the dashboard in a browser: against the mock server, or against the real one.
//   node dashboard_test.mjs BASE_URL SCREENSHOT_FOLDER
// PLIMSOLL_CHROMIUM is the browser; PLIMSOLL_KEY the key of a server that asks for one; playwright-core is Debian's
// (node-playwright), or the one that lies under build/clients.
import {join} from 'node:path';

import {checkBar, readBars} from './bars.mjs';
import {contrast, nearest} from './colours.mjs';
import {base, card, check, counts, folder, key, launch, open, overflow, PATIENCE, press, start, stateOf, step, waitForState} from './harness.mjs';

const browser = await launch();
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
  const wanted = ['skip', 'segment', 'scale', 'load', 'unload', 'pin', 'clear', 'chat-model', 'log', 'prompt', 'send', 'stop'];
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

await step('A bar is drawn to a budget far below the total, or to the total', async () => {
  const {status, devices} = await readBars(page, seen);
  for (const drawn of devices) {
    const {budget, total} = status.devices.find((device) => device.device === drawn.device);
    check(`${drawn.device}: by itself to the right one`, drawn.scale === (budget !== null && budget > 0 && (total === null || budget < total / 4) ? 'limit' : 'total'), drawn.scale);
  }
  const small = devices.find((drawn) => drawn.scale === 'limit');
  check('there is such a device', Boolean(small));
  const card = page.locator(`[data-device="${small.device}"]`), button = card.locator('[data-action=scale]');
  check('the switch says what it shows', (await button.textContent()).startsWith('Show all '), await button.textContent());
  await button.focus();
  await page.keyboard.press('Enter');
  await card.locator('.bar[data-scale=total]').waitFor({timeout: PATIENCE});
  const after = await readBars(page, seen);
  for (const drawn of after.devices) checkBar(drawn, after.status.devices.find((d) => d.device === drawn.device), after.status);
  check('the focus stays on the switch, which leads back', await page.evaluate(() => document.activeElement?.dataset.action) === 'scale' && (await button.textContent()).startsWith('Show the budget of '));
  await page.reload();
  await page.waitForSelector('[data-device]');
  check('the choice is kept', await card.locator('.bar').getAttribute('data-scale') === 'total');
  await page.locator(`[data-device="${small.device}"] [data-action=scale]`).press('Enter');
  await card.locator('.bar[data-scale=limit]').waitFor({timeout: PATIENCE});
});

await step('Stages can be told apart, whatever colours one sees', async () => {
  for (const colorScheme of ['light', 'dark']) {
    await page.emulateMedia({colorScheme});
    const swatches = await page.evaluate(() => [...document.querySelectorAll('#stage-key li')].map((item) => {
      const style = getComputedStyle(item.querySelector('.swatch'));
      return {name: item.textContent, colour: style.backgroundColor, pattern: style.backgroundImage};
    }));
    const ground = await page.evaluate(() => getComputedStyle(document.querySelector('.bar')).backgroundColor);
    const plain = swatches.filter((swatch) => swatch.pattern === 'none');
    const near = nearest({...Object.fromEntries(plain.map((swatch) => [swatch.name, swatch.colour])), free: ground});
    check(`${colorScheme}: seven plain colours and the free part lie apart for everybody`, plain.length === 7 && near.distance > 0.1, near);
    const looks = swatches.map((swatch) => swatch.colour + swatch.pattern);
    check(`${colorScheme}: those with another one's colour have a pattern of their own`, new Set(looks).size === swatches.length && swatches.length === 10, looks);
    const outline = await page.evaluate(() => {
      const probe = document.createElement('i');
      probe.style.color = 'var(--outline)';
      document.body.append(probe);
      const [r, g, b, a = '1'] = getComputedStyle(probe).color.match(/[\d.]+/g);
      probe.remove();
      return [r, g, b, a].map(Number);
    });
    const over = ground.match(/\d+/g).map(Number).map((below, i) => Math.round(outline[i] * outline[3] + below * (1 - outline[3])));
    check(`${colorScheme}: each part has an outline that stands out from the free part`, contrast(`rgb(${over.join(', ')})`, ground) >= 3, over);
  }
  await page.emulateMedia({colorScheme: 'light'});
});

await step('Pace, cells and presets of a model', async () => {
  const facts = await card(page, model).locator('.facts').textContent();
  for (const name of ['Tokens a second', 'First token after', 'Waiting', 'Slots in use']) check(`${name} is told`, facts.includes(name));
  const status = await (await context.request.get(new URL('/plimsoll/v1/status', base).href, {headers: {Authorization: `Bearer ${key}`}})).json();
  const own = status.models.find((one) => one.name === model);
  check('cells in use are told', new RegExp(`^KV cells: [\\d,]+ of ${own.kv_cells.toLocaleString('en-US')} used \\([\\d.]+ %\\)$`).test(await card(page, model).locator('.cells > span').textContent()), await card(page, model).locator('.cells').textContent());
  const named = status.models.find((one) => one.presets.length > 0);
  check('there is a model with presets', Boolean(named));
  const presets = card(page, named.name).locator('.presets');
  await presets.locator('summary').press('Enter');
  const text = await presets.textContent();
  for (const preset of named.presets) {
    check(`${preset.name} is there`, text.includes(preset.name));
    const {sampling = {}, ...rest} = preset.settings;
    for (const [name, value] of Object.entries({...rest, ...sampling})) check(`${preset.name}: ${name} is spelled out`, text.includes(name) && text.includes(typeof value === 'string' ? value : JSON.stringify(value)), text);
  }
});

await step('All processes of the machine', async () => {
  const headers = {Authorization: `Bearer ${key}`};
  const told = await (await context.request.get(new URL('/plimsoll/v1/machine', base).href, {headers})).json();
  const section = page.locator('#machine');
  if (!told.ledger) {
    check('a server that stands in no ledger shows no other', await section.isHidden());
    return;
  }
  await page.locator('#machine-table tbody tr').first().waitFor({timeout: PATIENCE});
  check('each is there', (await page.locator('#machine-summary').textContent()).startsWith(`${told.processes.length} process`), await page.locator('#machine-summary').textContent());
  for (const process of told.processes) {
    const rows = page.locator(`#machine-table tr[data-pid="${process.pid}${process.pid_is_of_another_namespace ? '*' : ''}"]`);
    const text = (await rows.allTextContents()).join('\n');
    check(`${process.program}: its name as it is`, text.includes(process.program), text);
    check(`${process.program}: alive or dead`, /\bdead/.test(text) !== process.alive, text);
    for (const one of process.models) {
      const row = rows.filter({hasText: one.name}).first();
      check(`${one.name}: state and amounts`, (await row.textContent()).includes(one.state) && (await row.locator('td').nth(4).getAttribute('title'))?.endsWith(' bytes'), await row.textContent());
    }
    if (process.models_left_out) check(`${process.program}: what is left out is counted`, text.includes(`and ${process.models_left_out} more`), text);
  }
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
  await card(page, model).locator('.facts').filter({hasNotText: 'First token afternone of late'}).waitFor({timeout: PATIENCE});
  check('the first token is timed', /First token after[\d.]+ (ms|s)/.test(await card(page, model).locator('.facts').textContent()), await card(page, model).locator('.facts').textContent());
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
      document.querySelector('.wide:not([hidden])').getBoundingClientRect().top]);
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
  const ways = [{flags: ['-c', '512'], keys: {'ctx-size': 512}, cost: 'a <b>shorter</b> context', changes: [], required: {}}];
  await context.unroute('**/plimsoll/v1/models/*/*');
  if (await stateOf(page, model) === 'ready') { await press(page, model, 'unload'); await waitForState(page, model, ['absent', 'swapped']); }
  await context.route('**/plimsoll/v1/models/*/load', (route) => route.fulfill({status: 507, contentType: 'application/json',
    body: JSON.stringify({schema: 'plimsoll.error/1', code: 'over_budget', message: 'it does not fit', plan: {alternatives: ways}})}));
  await press(page, model, 'load');
  const way = card(page, model).locator('[data-action=way]');
  await way.waitFor({timeout: PATIENCE});
  check('a way out is a button with its cost', await way.textContent() === '-c 512a <b>shorter</b> context', await way.textContent());
  await way.focus();
  await page.keyboard.press('Enter');
  await page.locator('#plan[open]').waitFor({timeout: PATIENCE});
  await page.locator('#plan-entries tbody tr').first().waitFor({timeout: PATIENCE});
  check('its plan is asked of the server', /^It (fits|does not fit) beside/.test(await page.locator('#plan-verdict').textContent()), await page.locator('#plan-verdict').textContent());
  check('stages and devices are listed', (await page.locator('#plan-entries').textContent()).includes('KV cache') && await page.locator('#plan-devices tbody tr').count() > 0);
  check('what to write is there', await page.locator('#plan-keys').textContent() === 'ctx-size = 512' && await page.locator('#plan-flags').textContent() === '-c 512');
  await page.screenshot({path: join(folder, 'plan.png')});
  await page.setViewportSize({width: 360, height: 740});
  check('nothing of it sticks out at 360 px', await overflow(page) <= 0 && await page.locator('#plan').evaluate((node) => node.getBoundingClientRect().right <= innerWidth));
  await page.setViewportSize({width: 1280, height: 900});
  await page.keyboard.press('Escape');
  check('Escape closes it, and the focus is back', await page.locator('#plan[open]').count() === 0 && await page.evaluate(() => document.activeElement?.dataset.action) === 'way');
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
console.log(`${counts.passed} passed, ${counts.failed} failed`);
process.exit(counts.failed ? 1 : 0);
