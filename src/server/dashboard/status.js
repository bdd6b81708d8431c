// The status: read once a second, and shown.
let current = null;

function render() {
  if (!current) return;
  const status = current;
  sync(byId('devices'), status.devices, (device) => device.device, makeDevice, (node, device) => updateDevice(node, device, status));
  sync(byId('models'), status.models, (model) => model.name, makeModel, updateModel);
  renderExact(status);
  setText(byId('waiting'), status.waiting > 0 ? `${plural(status.waiting, 'request')} waiting` : 'nobody waits');
  const ready = status.models.filter((model) => model.state === 'ready').length;
  const swap = status.swap;
  setText(byId('summary'), `${ready} of ${plural(status.models.length, 'model')} ready` +
    (swap.conversations > 0 ? ` · ${plural(swap.conversations, 'conversation')} swapped out: ${formatBytes(swap.memory)} in memory, ${formatBytes(swap.disk)} on disk` : '') +
    (status.kept_weights > 0 ? ` · weights kept: ${formatBytes(status.kept_weights)}` : ''));
  const alerts = Object.entries(status.alerts).filter(([, count]) => count > 0).map(([kind, count]) => `${kind.replace('_', ' ')} ${count}`);
  setText(byId('alerts'), (alerts.length ? `alerts so far: ${alerts.join(', ')}` : 'no alerts so far') + (status.events_dropped ? ` · ${status.events_dropped} events dropped` : ''));
  setText(byId('as-of'), `Read at ${formatTime(status.at)}, sample ${grouped(status.samples)}.`);
  byId('main').dataset.at = status.at;
}

function connection(state, text) {
  setAttributes(byId('connection'), {'data-state': state});
  setText(byId('connection'), text);
}

async function readStatus() {
  try {
    const status = await getJson('/plimsoll/v1/status');
    current = status;
    remember(Date.parse(status.at), status.devices);
    connection('live', 'live');
    render();
    readMachine();
    return true;
  } catch (error) {
    if (error instanceof ServerError && error.status === 401) connection('locked', 'needs a key');
    else if (error instanceof ServerError) connection('lost', `the server answers with an error, retrying (${error.message})`);
    else connection('lost', 'connection lost, retrying');
    return false;
  }
}

// Once a second while somebody looks, slower while nobody answers.
async function pollStatus() {
  let pause = 1000, wasHidden = false;
  for (;;) {
    await keys.given();
    if (document.hidden) {
      wasHidden = true;
      await new Promise((done) => document.addEventListener('visibilitychange', done, {once: true}));
      continue;
    }
    const start = performance.now();
    const wasLost = byId('connection').dataset.state !== 'live';
    const isThere = await readStatus();
    if (isThere && (wasLost || wasHidden)) { await Promise.all([loadHistory(), readNever()]); remember(Date.parse(current.at), current.devices); render(); refreshModels(); }
    wasHidden = false;
    pause = isThere ? 1000 : Math.min(pause * 1.5, 5000);
    await sleep(Math.max(100, pause - (performance.now() - start)));
  }
}
