// Small tools.
const STAGES = ['weights', 'kv_cache', 'compute', 'output', 'projector', 'adapter', 'runtime', 'conversations', 'bookkeeping', 'staging'];
const STAGE_NAMES = {kv_cache: 'KV cache'};
const KEEP_MS = 10 * 60 * 1000;                                 // of history
const KEEP_EVENTS = 200;
const WARN_SHARE = 0.85;  // of the budget, as host::Thresholds has it by default

const byId = (id) => document.getElementById(id);
const sum = (numbers) => numbers.reduce((a, b) => a + b, 0);
const sleep = (ms) => new Promise((done) => setTimeout(done, ms));
const isKnown = (value) => value !== null && value !== undefined;
const stageName = (stage) => STAGE_NAMES[stage] ?? stage;
const plural = (count, one, many = one + 's') => `${count} ${count === 1 ? one : many}`;

function element(tag, properties = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name === 'text') node.textContent = value;
    else if (name === 'class') node.className = value;
    else node.setAttribute(name, value);
  }
  node.append(...children);
  return node;
}

// Both touch the page only where something changes: a selection, a focus and a screen reader stay undisturbed.
function setText(node, text) { if (node.textContent !== text) node.textContent = text; }
function setAttributes(node, attributes) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null) node.removeAttribute(name);
    else if (node.getAttribute(name) !== String(value)) node.setAttribute(name, value);
  }
}

// Makes the children of `parent` those of `items`, by key: what stays is updated, not made again.
const nodesOf = new WeakMap();
function sync(parent, items, keyOf, make, update) {
  if (!nodesOf.has(parent)) { parent.replaceChildren(); nodesOf.set(parent, new Map()); }
  const nodes = nodesOf.get(parent);
  const seen = new Set();
  let place = parent.firstChild;
  for (const item of items) {
    const key = keyOf(item);
    if (seen.has(key)) continue;
    seen.add(key);
    let node = nodes.get(key);
    if (!node) nodes.set(key, node = make(item));
    if (node === place) place = place.nextSibling;
    else parent.insertBefore(node, place);
    update?.(node, item);
  }
  for (const [key, node] of nodes) if (!seen.has(key)) { node.remove(); nodes.delete(key); }
}

// As format_bytes() of the server writes them: never "1024 KiB", never four digits.
function formatBytes(bytes, absent = 'unknown') {
  if (!isKnown(bytes)) return absent;
  if (bytes < 1024) return `${bytes} B`;
  let amount = bytes / 1024, unit = 0;
  for (; amount >= 1023.5 && unit < 5; ++unit) amount /= 1024;
  return `${amount.toFixed(amount < 9.995 ? 2 : amount < 99.95 ? 1 : 0)} ${['KiB', 'MiB', 'GiB', 'TiB', 'PiB', 'EiB'][unit]}`;
}
const grouped = (number) => number.toLocaleString('en-US');
const exactly = (bytes) => isKnown(bytes) ? `${grouped(bytes)} bytes` : 'unknown';
const formatMs = (ms) => ms < 1000 ? `${Math.round(ms)} ms` : ms < 60000 ? `${(ms / 1000).toFixed(1)} s` : `${Math.floor(ms / 60000)} min ${Math.round(ms % 60000 / 1000)} s`;
const formatTime = (at) => { const time = new Date(at); return isNaN(time) ? String(at) : time.toLocaleTimeString([], {hourCycle: 'h23'}); };
