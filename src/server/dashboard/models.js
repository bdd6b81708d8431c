// Cards of models.
const busy = new Map();     // model -> action
const results = new Map();  // model -> {kind, text, at}: of the last action; what went well is shown for a while only
const SHOW_MS = 20000;
const HELD = ['loading', 'warming', 'ready', 'draining'];

function makeModel(model) {
  const node = element('article', {class: 'card model', 'aria-label': `Model ${model.name}`, 'data-model': model.name});
  const parts = node.parts = {
    compute_group: element('p', {class: 'soft small'}), state: element('span', {class: 'badge'}),
    fill: element('i'), facts: element('dl', {class: 'facts'}), result: element('p', {class: 'result'}), buttons: {},
    cells: element('div', {class: 'cells'}, element('span'), element('div', {class: 'fill', 'aria-hidden': 'true'}, element('i'))),
    presets: element('details', {class: 'presets'}, element('summary'), element('div')),
    ways: element('div', {class: 'ways', role: 'group', 'aria-label': `What would fit instead of ${model.name}`},
      element('p', {class: 'small soft', text: 'It does not fit. What would, each with its plan:'}), element('div', {class: 'ways'})),
  };
  const buttons = element('div', {class: 'buttons'});
  for (const action of ['load', 'unload', 'pin']) {
    const button = parts.buttons[action] = element('button', {type: 'button', 'data-action': action});
    button.addEventListener('click', () => { if (button.getAttribute('aria-disabled') !== 'true') act(model.name, action); });
    buttons.append(button);
  }
  node.append(element('div', {class: 'model-head'}, element('div', {}, element('h3', {text: model.name}), parts.compute_group), parts.state),
    element('div', {class: 'fill', 'aria-hidden': 'true'}, parts.fill), parts.facts, parts.cells, parts.presets, parts.result, parts.ways, buttons);
  return node;
}

const formatRate = (rate) => isKnown(rate) ? rate.toFixed(rate < 100 ? 1 : 0) : 'unknown';
const percent = (share) => `${(share * 100).toFixed(share > 0 && share < 0.0995 ? 1 : 0)} %`;

function updateCells(node, model) {
  node.hidden = !isKnown(model.kv_cells);
  if (node.hidden) return;
  const share = model.kv_cells > 0 ? model.kv_cells_used / model.kv_cells : 0;
  setText(node.firstChild, `KV cells: ${grouped(model.kv_cells_used)} of ${grouped(model.kv_cells)} used (${percent(share)})`);
  node.lastChild.firstChild.style.width = `${Math.min(100, share * 100)}%`;
}

function settingsOf(preset) {
  const {sampling = {}, ...own} = preset.settings;
  return Object.entries({...own, ...sampling}).map(([name, value]) => [name, typeof value === 'string' ? value : JSON.stringify(value)]);
}

function updatePresets(node, presets) {
  node.hidden = presets.length === 0;
  setText(node.firstChild, plural(presets.length, 'preset'));
  sync(node.lastChild, presets, (preset) => JSON.stringify(preset), (preset) => element('div', {},
    element('h4', {text: [preset.name, ...preset.aliases].join(', ')}),
    element('dl', {}, ...settingsOf(preset).flatMap(([name, value]) => [element('dt', {text: name}), element('dd', {text: value})]))));
}

// What the plan offers in the place of a model that does not fit: each shows its own plan.
function updateWays(node, model, ways) {
  node.hidden = !ways?.length || HELD.includes(model.state);
  sync(node.lastChild, node.hidden ? [] : ways, (way) => JSON.stringify(way.keys), (way) => {
    const button = element('button', {type: 'button', 'data-action': 'way'}, element('code', {text: way.flags.join(' ')}), element('span', {class: 'soft', text: way.cost}));
    button.addEventListener('click', () => showPlan(model.name, way));
    return button;
  });
}

function updateModel(node, model) {
  const {parts} = node;
  setAttributes(node, {'data-state': model.state});
  setText(parts.compute_group, `compute group ${model.compute_group}`);
  setText(parts.state, model.state);
  setAttributes(parts.state, {'data-state': model.state});
  const planned = sum(model.memory.map((at) => at.planned)), taken = sum(model.memory.map((at) => at.taken));
  parts.fill.style.width = `${Math.min(100, planned > 0 ? taken / planned * 100 : 0)}%`;
  const {allocations_after_seal: allocations, refused_after_seal: refused} = model.seal;
  const afterSeal = allocations + refused;
  const isSealKnown = model.loads > 0 || afterSeal > 0;
  const facts = [
    ['Slots in use', `${model.leases} of ${model.slots}`],
    ['Waiting', grouped(model.waiting)],
    ['Tokens a second', formatRate(model.pace.tokens_per_second), null, model.pace.prompt_tokens_per_second > 0 ? `and ${formatRate(model.pace.prompt_tokens_per_second)} of prompts` : '', isKnown(model.pace.tokens_per_second) ? '' : 'unknown'],
    ['First token after', isKnown(model.pace.first_token_ms) ? formatMs(model.pace.first_token_ms) : 'none of late', null,
      model.first_tokens > 0 ? `${formatMs(model.first_token_ms / model.first_tokens)} since the start` : '', isKnown(model.pace.first_token_ms) ? '' : 'unknown'],
    ['After the seal', isSealKnown ? `${afterSeal ? '' : '✓ '}${allocations}` : 'no seal yet', null,
      isSealKnown ? `allocation${allocations === 1 ? '' : 's'}${refused ? `, ${refused} refused` : ''}` : '', !isSealKnown ? 'unknown' : afterSeal ? 'bad' : 'good'],
    ['Planned', formatBytes(planned), exactly(planned)],
    ['Taken', formatBytes(taken), exactly(taken)],
    ['Tokens', grouped(model.tokens), null, `${grouped(model.generated)} of answers`],
    ['Loads', grouped(model.loads), null, [model.loads > 0 ? `${formatMs(model.load_ms / model.loads)} each` : '', model.load_failures ? `${model.load_failures} failed` : ''].filter(Boolean).join(', '), model.load_failures ? 'bad' : ''],
    ['Evictions', grouped(model.evictions)],
    ['Refusals', grouped(model.refusals), null, '', model.refusals ? 'bad' : ''],
  ];
  sync(parts.facts, facts, ([name]) => name, makeFact, setFact);
  updateCells(parts.cells, model);
  updatePresets(parts.presets, model.presets);
  updateWays(parts.ways, model, waysOut.get(model.name));
  updateButtons(parts.buttons, model);
  let result = results.get(model.name);
  if (result?.kind === 'done' && performance.now() - result.at > SHOW_MS) result = null;
  if (!result && model.failure) result = {kind: 'error', text: model.failure.message};
  setText(parts.result, result?.text ?? '');
  setAttributes(parts.result, {'data-kind': result?.kind ?? 'none'});
  parts.result.hidden = !result;
}

// A button that cannot be used now stays focusable (aria-disabled): whoever works with the keyboard keeps the place.
function updateButtons(buttons, model) {
  const doing = busy.get(model.name);
  const isHeld = HELD.includes(model.state);
  const set = (button, text, isOff, isBusy) => {
    setText(button, text);
    setAttributes(button, {'aria-label': `${text} ${model.name}`, 'aria-disabled': isOff || Boolean(doing), 'aria-busy': isBusy});
  };
  const isComing = model.state === 'loading' || model.state === 'warming';
  set(buttons.load, doing === 'load' || isComing ? 'Loading …' : 'Load', isHeld && model.state !== 'draining', doing === 'load');
  set(buttons.unload, doing === 'unload' || model.state === 'draining' ? 'Unloading …' : 'Unload', !isHeld || model.state === 'draining', doing === 'unload');
  set(buttons.pin, model.pinned ? 'Pinned' : 'Pin', false, doing === 'pin');
  setAttributes(buttons.pin, {'aria-pressed': model.pinned, 'aria-label': `Pin ${model.name}`, title: model.pinned ? 'Pinned: never evicted for another model' : 'Never evict it for another model'});
  buttons.load.classList.toggle('main', !isHeld);
}

async function act(name, action) {
  if (busy.has(name)) return;
  const since = performance.now();
  const pinned = !current?.models.find((model) => model.name === name)?.pinned;
  busy.set(name, action);
  results.set(name, {kind: 'doing', text: {load: 'Loading …', unload: 'Unloading …', pin: 'Asking …'}[action]});
  say(`${name}: ${results.get(name).text}`);
  render();
  try {
    await (await request(`/plimsoll/v1/models/${encodeURIComponent(name)}/${action}`,
      {method: 'POST', body: action === 'pin' ? JSON.stringify({pinned}) : undefined})).text();
    const took = formatMs(performance.now() - since);
    results.set(name, {kind: 'done', at: performance.now(), text: {load: `Loaded in ${took}.`, unload: `Unloaded in ${took}.`, pin: pinned ? 'Pinned.' : 'Not pinned any more.'}[action]});
  } catch (error) {
    noteWays(name, error);
    results.set(name, {kind: 'error', text: error instanceof ServerError ? error.message : `The server was not reached (${error.message}).`});
  }
  busy.delete(name);
  say(`${name}: ${results.get(name).text}`);
  await readStatus();
}
const say = (text) => setText(byId('said'), text);
