// Devices: what a bar is made of, and how it is drawn.
// What a bar is drawn to: everything, or the budget where that is so far below everything that nothing could be seen. A choice is kept.
const scales = {
  chosen: {},
  load() { try { this.chosen = JSON.parse(localStorage.getItem('plimsoll.scales')) ?? {}; } catch { /* storage is off: for this page only */ } },
  canChoose: (device) => isKnown(device.budget) && device.budget > 0 && isKnown(device.total) && device.budget < device.total,
  of(device) {
    if (!isKnown(device.budget) || device.budget === 0) return 'total';
    if (!isKnown(device.total)) return 'limit';
    return this.chosen[device.device] ?? (device.budget < device.total / 4 ? 'limit' : 'total');
  },
  turn(device) {
    this.chosen[device.device] = this.of(device) === 'limit' ? 'total' : 'limit';
    try { localStorage.setItem('plimsoll.scales', JSON.stringify(this.chosen)); } catch { /* same */ }
  },
};

const plain = (kind, bytes, name) => ({kind, bytes, name, text: `${name}: ${formatBytes(bytes)} (${exactly(bytes)})`});

// Ours, from the left: taken, by owner and stage, then what is promised and not taken yet; its edge is what counts against the budget.
function layOurs(device, status) {
  const segments = [], owners = [];
  let edge = 0;
  for (const owner of [...status.models, ...status.others]) {
    const here = owner.memory.filter((at) => at.device === device.device && at.taken > 0);
    const from = edge;
    for (const {stage, taken, planned} of here.sort((a, b) => STAGES.indexOf(a.stage) - STAGES.indexOf(b.stage))) {
      segments.push({kind: 'taken', owner: owner.name, stage, bytes: taken, from: edge,
                     text: `${owner.name}, ${stageName(stage)}: ${formatBytes(taken)} taken, ${formatBytes(planned)} planned (${grouped(taken)} and ${exactly(planned)})`});
      edge += taken;
    }
    if (edge > from) owners.push({name: owner.name, from, bytes: edge - from});
  }
  const promised = Math.max(0, device.committed - device.taken);
  if (promised > 0) segments.push({...plain('promised', promised, 'reserved, not taken yet'), from: edge});
  return {segments, owners, taken: edge, promised};
}

// What is left of the whole: from the right the others', so that the budget goes under where the two meet.
function layRest(device, {taken, promised}, whole, scale) {
  const ours = taken + promised, isRead = isKnown(device.total) && isKnown(device.free);
  if (!isRead) return whole > ours ? [{kind: 'unknown', bytes: whole - ours, name: 'unknown', text: 'the rest: unknown whether it is free'}] : [];
  if (scale === 'limit') {
    const free = Math.min(whole - ours, Math.max(0, device.free - promised));
    return [plain('free', free, 'left of the budget'), plain('foreign', whole - ours - free, 'left of the budget, but held by others')];
  }
  const foreign = device.foreign ?? 0, beyond = Math.max(0, device.total - device.free - taken - foreign);
  return [plain('free', whole - ours - beyond - foreign, promised > 0 ? 'free, not promised' : 'free'),
          plain('beyond', beyond, device.memory_is_hosts ? 'this process, the program itself' : 'this process, beyond its ledger'),
          plain('foreign', foreign, 'foreign')];
}

function layOut(device, status) {
  const scale = scales.of(device), ours = layOurs(device, status);
  const whole = Math.max(scale === 'limit' ? 0 : device.total ?? 0, device.budget ?? 0, ours.taken + ours.promised, 1);
  const right = layRest(device, ours, whole, scale).filter((segment) => segment.bytes > 0);
  let edge = whole;
  for (const segment of right.toReversed()) { edge -= segment.bytes; segment.from = edge; }
  return {scale, whole, owners: ours.owners, segments: [...ours.segments, ...right]};
}

const makeFact = ([name]) => element('div', {}, element('dt', {text: name}), element('dd', {}, element('span'), element('small')));
function setFact(node, [, text, title = null, note = '', kind = '']) {
  const value = node.lastChild;
  setText(value.firstChild, text);
  setText(value.lastChild, note);
  setAttributes(value, {title, class: kind});
}

function svg(tag, attributes) {
  const node = document.createElementNS('http://www.w3.org/2000/svg', tag);
  return setAttributes(node, attributes), node;
}

function makeDevice(device) {
  const node = element('article', {class: 'card device', 'aria-label': `Device ${device.device}`, 'data-device': device.device});
  const parts = node.parts = {
    description: element('p', {class: 'soft small'}),
    headroom: element('p', {class: 'headroom'}, element('strong'), element('span', {class: 'soft small'})),
    bar: element('div', {class: 'bar', role: 'group', 'aria-label': `Memory of ${device.device}; arrow keys move through it`}),
    segments: element('div', {role: 'presentation'}),
    bracket: element('div', {class: 'bracket', title: 'headroom', 'aria-hidden': 'true'}),
    mark: element('div', {class: 'mark'}, element('span')),
    owners: element('div', {class: 'owners', 'aria-hidden': 'true'}),
    turn: element('button', {type: 'button', class: 'link', 'data-action': 'scale'}),
    scale: element('div', {class: 'scale', 'aria-hidden': 'true'}, element('span', {text: '0'}), element('span'), element('span')),
    readout: element('p', {class: 'readout soft'}),
    keys: element('ul', {class: 'keys', 'aria-label': 'Legend'}),
    facts: element('dl', {class: 'facts', style: 'margin-top: .75rem'}),
    chart: svg('svg', {viewBox: '0 0 600 100', preserveAspectRatio: 'none', role: 'img'}),
    caption: element('figcaption', {}, element('span', {text: '10 minutes ago'}), element('span'), element('span', {text: 'now'})),
  };
  parts.curves = Object.fromEntries(['foreign', 'ours', 'budget'].map((name) => [name, svg('path', {class: name})]));
  parts.chart.append(...Object.values(parts.curves));
  parts.bar.append(parts.segments, parts.bracket);
  node.append(
    element('div', {class: 'device-head'}, element('div', {}, element('h3', {text: device.device}), parts.description, parts.turn), parts.headroom),
    element('div', {class: 'level'}, parts.mark, parts.bar), parts.owners, parts.scale, parts.readout, parts.keys, parts.facts,
    element('figure', {class: 'history'}, parts.chart, parts.caption));
  // One tab stop for the bar; arrows, Home and End go through its segments; what is pointed at is spelled out below it.
  const show = (segment) => { parts.shown = segment; setText(parts.readout, segment?.dataset.text ?? parts.idle ?? ''); };
  const segmentOf = (event) => event.target.closest('.segment');
  parts.turn.addEventListener('click', () => { scales.turn(parts.device); render(); });
  parts.bar.addEventListener('pointerover', (event) => show(segmentOf(event)));
  parts.bar.addEventListener('pointerleave', () => show(document.activeElement?.closest?.('.bar') === parts.bar ? document.activeElement : null));
  parts.bar.addEventListener('click', (event) => segmentOf(event)?.focus());
  parts.bar.addEventListener('focusin', (event) => {
    for (const other of parts.segments.children) other.tabIndex = other === event.target ? 0 : -1;
    show(segmentOf(event));
  });
  parts.bar.addEventListener('focusout', () => show(null));
  parts.bar.addEventListener('keydown', (event) => {
    const all = [...parts.segments.children].sort((a, b) => a.dataset.from - b.dataset.from);
    const at = all.indexOf(event.target);
    const next = {ArrowLeft: at - 1, ArrowRight: at + 1, Home: 0, End: all.length - 1}[event.key];
    if (at < 0 || next === undefined) return;
    event.preventDefault();
    all[Math.min(Math.max(next, 0), all.length - 1)].focus();
  });
  return node;
}

function updateSegment(node, segment, whole) {
  node.style.left = `${segment.from / whole * 100}%`;
  node.style.width = `${segment.bytes / whole * 100}%`;
  node.classList.toggle('edge-left', segment.from === 0);
  node.classList.toggle('edge-right', segment.from + segment.bytes >= whole);
  setAttributes(node, {'aria-label': segment.text, title: segment.text, 'data-text': segment.text, 'data-bytes': segment.bytes, 'data-from': segment.from});
}

function updateDevice(node, device, status) {
  const {parts} = node;
  const {segments, owners, whole, scale} = layOut(device, status);
  parts.device = device;
  setAttributes(parts.bar, {'data-scale': scale});
  parts.turn.hidden = !scales.canChoose(device);
  const other = scale === 'limit' ? `Show all ${formatBytes(device.total)}` : `Show the budget of ${formatBytes(device.budget)}`;
  setText(parts.turn, other);
  setAttributes(parts.turn, {'aria-label': `${other} of ${device.device}`});
  sync(parts.owners, owners, (owner) => owner.name, (owner) => element('span', {text: owner.name}), (child, owner) => {
    child.style.left = `${owner.from / whole * 100}%`;
    child.style.width = `${owner.bytes / whole * 100}%`;
    child.classList.toggle('narrow', owner.bytes / whole < 0.03);
    setAttributes(child, {title: `${owner.name}: ${formatBytes(owner.bytes)} (${exactly(owner.bytes)})`});
  });
  setText(parts.description, device.description + (device.source ? ` · read by ${device.source}` : ' · read by no probe'));

  sync(parts.segments, segments, (s) => `${s.kind}/${s.stage ?? ''}/${s.owner ?? ''}`,
    (s) => element('div', {class: `segment ${s.stage ? `tone s-${s.stage}` : `k-${s.kind}`}`, role: 'img', tabindex: -1, 'data-kind': s.kind}),
    (child, segment) => updateSegment(child, segment, whole));
  const all = [...parts.segments.children];
  if (all.length && !all.some((child) => child.tabIndex === 0)) all[0].tabIndex = 0;
  parts.idle = device === status.devices[0] ? 'Point at a bar, tap it or move through it with the arrow keys for exact bytes.' : '';
  setText(parts.readout, parts.shown?.isConnected ? parts.shown.dataset.text : parts.idle);

  const hasBudget = isKnown(device.budget);
  parts.mark.hidden = !hasBudget;
  parts.bracket.hidden = !(device.headroom > 0);
  if (hasBudget) {
    const at = device.budget / whole * 100;
    parts.mark.style.left = `${at}%`;
    parts.mark.classList.toggle('flip', at > 50);
    setText(parts.mark.firstChild, `budget ${formatBytes(device.budget)}`);
    setAttributes(parts.mark.firstChild, {title: exactly(device.budget)});
    parts.bracket.style.left = `${device.committed / whole * 100}%`;
    parts.bracket.style.width = `${Math.max(0, device.budget - device.committed) / whole * 100}%`;
  }
  const share = hasBudget && device.budget > 0 ? device.committed / device.budget : 0;
  const isOver = hasBudget && device.committed > device.budget;
  setAttributes(parts.headroom, {'data-level': !hasBudget ? 'none' : share >= 1 ? 'over' : share >= WARN_SHARE ? 'warn' : 'fine', title: hasBudget ? exactly(device.headroom) : null});
  setText(parts.headroom.firstChild, hasBudget ? formatBytes(device.headroom) : 'no budget');
  setText(parts.headroom.lastChild, !hasBudget ? 'so there is no headroom' : isOver ? `headroom; over the budget by ${formatBytes(device.committed - device.budget)}` :
    `headroom, ${(share * 100).toFixed(share > 0.995 && share < 1 ? 2 : 0)} % of the budget committed`);

  const isWholeKnown = isKnown(device.total) || scale === 'limit';
  setText(parts.scale.children[1], isWholeKnown ? formatBytes(whole / 2) : '');
  setText(parts.scale.children[2], isWholeKnown ? formatBytes(whole) : 'total unknown');
  updateLegend(parts.keys, segments);

  const facts = [['Total', device.total], ['Free', device.free], ['Lowest free', device.lowest_free], ['Committed', device.committed],
                 ['Reserved', device.reserved], ['Taken', device.taken], ['This process', device.process], ['Foreign', device.foreign]];
  const mapped = sum([...status.models, ...status.others].map((owner) => owner.mapped?.[device.device] ?? 0));
  if (mapped > 0) facts.push(['Page cache', mapped, 'charged to no budget']);
  sync(parts.facts, facts, ([name]) => name, makeFact,
    (child, [name, bytes, note]) => setFact(child, [name, formatBytes(bytes), exactly(bytes), note, isKnown(bytes) ? '' : 'unknown']));
  updateChart(parts, device, scale === 'limit' ? whole : device.total, scale !== 'limit');
}

function updateLegend(list, segments) {
  const entries = new Map();
  for (const segment of segments) {
    const key = `${segment.kind}/${segment.stage}`;
    const entry = entries.get(key) ?? {...segment, label: segment.stage ? stageName(segment.stage) : segment.name, bytes: 0};
    entry.bytes += segment.bytes;
    entries.set(key, entry);
  }
  const place = (entry) => entry.stage ? STAGES.indexOf(entry.stage) : STAGES.length;
  sync(list, [...entries.entries()].filter(([, entry]) => entry.kind !== 'unknown').sort(([, a], [, b]) => place(a) - place(b)), ([key]) => key,
    () => element('li', {}, element('span'), element('span'), element('b')),
    (child, [, entry]) => {
      setAttributes(child.children[0], {class: `swatch ${entry.stage ? `tone s-${entry.stage}` : `k-${entry.kind}`}`});
      setText(child.children[1], entry.label);
      setText(child.children[2], formatBytes(entry.bytes));
      setAttributes(child, {title: exactly(entry.bytes)});
    });
}
