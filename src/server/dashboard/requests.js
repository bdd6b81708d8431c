// Asking the server: keys, errors, streams.
class ServerError extends Error {
  constructor(status, message, body = null) { super(message); this.status = status; this.body = body; }
}

const keys = {
  value: '',
  waiting: [],  // resolved when a key was given
  isAsking: false,
  load() { try { this.value = sessionStorage.getItem('plimsoll.key') ?? ''; } catch { /* storage is off: for this page only */ } },
  store(value) {
    this.value = value;
    try { value ? sessionStorage.setItem('plimsoll.key', value) : sessionStorage.removeItem('plimsoll.key'); } catch { /* same */ }
    byId('forget').hidden = !value;
  },
  ask(used) {
    if (used !== this.value || this.isAsking) return;
    this.isAsking = true;
    setText(byId('key-text'), used ? 'The server does not accept that key.' : 'This server asks for a key.');
    byId('key-form').hidden = false;
    byId('key').focus();
  },
  async given() { if (this.isAsking) await new Promise((done) => this.waiting.push(done)); },
};

async function errorOf(response) {
  const text = await response.text().catch(() => '');
  try {
    const body = JSON.parse(text);
    return new ServerError(response.status, body.message ?? body.error?.message ?? (typeof body.error === 'string' ? body.error : text), body);
  } catch {
    return new ServerError(response.status, text.slice(0, 300) || `the server answered ${response.status} ${response.statusText}`);
  }
}

async function request(path, options = {}) {
  const used = keys.value;
  const headers = {...options.headers};
  if (used) headers.Authorization = `Bearer ${used}`;
  if (options.body) headers['Content-Type'] = 'application/json';
  const response = await fetch(path, {cache: 'no-store', ...options, headers});
  if (response.ok) return response;
  if (response.status === 401) keys.ask(used);
  throw await errorOf(response);
}
const getJson = async (path) => (await request(path, {signal: AbortSignal.timeout(10000)})).json();

// The events of a text/event-stream, as {event, data}. `onBytes` hears of every piece, comments included.
async function* serverSentEvents(response, onBytes = () => {}) {
  const decoder = new TextDecoder();
  const reader = response.body.getReader();
  let rest = '', event = 'message', data = [];
  try {
    for (;;) {
      const {done, value} = await reader.read();
      if (done) return;
      onBytes();
      rest += decoder.decode(value, {stream: true});
      const lines = rest.split(/\r\n|\n|\r(?!$)/);
      rest = lines.pop();
      for (const line of lines) {
        if (line === '') {
          if (data.length) yield {event, data: data.join('\n')};
          event = 'message';
          data = [];
        } else if (line.startsWith('data:')) data.push(line.slice(5).replace(/^ /, ''));
        else if (line.startsWith('event:')) event = line.slice(6).trim();
      }
    }
  } finally {
    reader.cancel().catch(() => {});
  }
}
