// Events, as they come.
const events = [];  // newest first: {key, time, kind, data}
const eventKeys = new Set();

function addEvent(kind, text) {
  let data;
  try { data = JSON.parse(text); } catch { return; }
  if (!['moved', 'refused', 'alert'].includes(kind) || eventKeys.has(kind + text)) return;  // replayed after a reconnection
  const event = {key: kind + text, time: Date.parse(data.at) || 0, kind, data};
  eventKeys.add(event.key);
  const place = events.findIndex((other) => other.time <= event.time);
  events.splice(place < 0 ? events.length : place, 0, event);
  for (const old of events.splice(KEEP_EVENTS)) eventKeys.delete(old.key);
  renderEvents();
}

let isEventsDue = false;
function renderEvents() {  // many come at once when they are replayed: the list is laid once
  if (isEventsDue) return;
  isEventsDue = true;
  setTimeout(() => {
    isEventsDue = false;
    sync(byId('events'), events, (event) => event.key, makeEvent);
    const show = byId('events').dataset.show;
    const isEmpty = !events.some((event) => show === 'all' || event.kind === show);
    byId('no-events').hidden = !isEmpty;
    byId('events').hidden = isEmpty;
  }, 30);
}

function makeEvent({kind, data}) {
  const body = element('div');
  if (kind === 'alert') {
    body.append(element('span', {class: 'badge', 'data-severity': data.severity, text: `${data.severity} · ${String(data.kind).replace('_', ' ')}`}), element('span', {text: data.sentence}));
    const numbers = Object.entries(data.numbers ?? {}).map(([name, number]) => `${name}: ${number}`).join('\n');
    if (numbers) body.title = numbers;
  } else if (kind === 'refused') {
    body.append(element('span', {class: 'badge', 'data-kind': 'refused', text: 'refused'}), element('strong', {text: data.model}), element('span', {class: 'why', text: ` ${data.why}`}));
  } else {
    body.append(element('span', {class: 'badge', 'data-state': data.to, text: data.to, style: 'animation: none'}), element('strong', {text: data.model}),
      element('span', {class: 'why', text: ` was ${data.from} for ${formatMs(data.ms)}; holds ${data.bytes ? formatBytes(data.bytes) : 'nothing'}${data.why ? `; ${data.why}` : ''}`}));
    body.title = exactly(data.bytes);
  }
  return element('li', {'data-kind': kind}, element('time', {datetime: data.at, title: data.at, text: formatTime(data.at)}), body);
}

// fetch() and not EventSource, which cannot send a key. Silent for two minutes, comments included, counts as gone.
async function followEvents() {
  let pause = 1000;
  for (;;) {
    await keys.given();
    const gone = new AbortController();
    let watchdog = setTimeout(() => gone.abort(), 120000);
    try {
      const response = await request('/plimsoll/v1/events', {headers: {Accept: 'text/event-stream'}, signal: gone.signal});
      const heard = () => { clearTimeout(watchdog); watchdog = setTimeout(() => gone.abort(), 120000); pause = 1000; };
      for await (const {event, data} of serverSentEvents(response, heard)) addEvent(event, data);
    } catch { /* tried again below; the status says when the server is gone */ }
    clearTimeout(watchdog);
    await sleep(pause);
    pause = Math.min(pause * 2, 30000);
  }
}
