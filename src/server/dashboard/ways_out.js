// What would fit in the place of a model that does not, and its plan.
const waysOut = new Map();  // model -> alternatives of its plan

function noteWays(name, error) {
  const plan = error.body?.plan ?? error.body?.error?.plan;
  if (plan?.alternatives?.length) waysOut.set(name, plan.alternatives);
}

// Of the models that cannot fit even alone, before anybody asks for them.
async function readNever() {
  try {
    for (const {name, alternatives} of (await getJson('/plimsoll/v1/plan')).never ?? []) if (alternatives.length) waysOut.set(name, alternatives);
  } catch { /* they come with the refusal, too */ }
}

async function showPlan(name, way) {
  const dialog = byId('plan');
  setText(byId('plan-title'), `${name} with ${way.flags.join(' ')}`);
  setText(byId('plan-verdict'), 'Asking for its plan …');
  setText(byId('plan-keys'), Object.entries(way.keys).map(([key, value]) => `${key} = ${JSON.stringify(value)}`).join('\n'));
  setText(byId('plan-flags'), way.flags.join(' '));
  setText(byId('plan-note'), way.cost);
  for (const id of ['plan-devices', 'plan-entries']) fillTable(byId(id), {texts: 1, names: []}, []);
  dialog.showModal();
  try {
    const plan = await (await request('/plimsoll/v1/plan', {method: 'POST', body: JSON.stringify({model: name, ...way.keys})})).json();
    setText(byId('plan-verdict'), plan.verdict === 'fits' ? 'It fits beside what is loaded now.' : 'It does not fit beside what is loaded now; other models would have to go.');
    const limitOf = (device) => [device.budget, device.free].filter(isKnown).reduce((least, bytes) => Math.min(least ?? bytes, bytes), null);
    fillTable(byId('plan-devices'), {texts: 1, names: ['device', 'needed', 'held by others of ours', 'budget or free', 'short by']},
      plan.devices.filter((device) => device.required > 0).map((device) => [device.device, formatBytes(device.required), formatBytes(device.ours), formatBytes(limitOf(device)), device.short_by > 0 ? formatBytes(device.short_by) : '–']));
    const stages = new Map();  // all buffer types together
    for (const {device, stage, bytes} of plan.models.flatMap((model) => model.entries).filter((entry) => entry.charged !== false)) {
      const key = JSON.stringify([device, stage]);
      stages.set(key, (stages.get(key) ?? 0) + bytes);
    }
    fillTable(byId('plan-entries'), {texts: 2, names: ['device', 'stage', 'planned']},
      [...stages].map(([key, bytes]) => { const [device, stage] = JSON.parse(key); return [device, stageName(stage), formatBytes(bytes)]; }));
  } catch (error) {
    setText(byId('plan-verdict'), error instanceof ServerError ? error.message : `The server was not reached (${error.message}).`);
  }
}
