// Exact numbers, in bytes.
function fillTable(table, columns, rows) {
  const isText = (column) => column < columns.texts;
  sync(table.tHead, [columns.names], String, (names) => element('tr', {}, ...names.map((name, i) => element('th', {text: name, scope: 'col', class: isText(i) ? 'text' : ''}))));
  sync(table.tBodies[0], rows, (row) => row.slice(0, columns.texts).join('\n'),
    (row) => element('tr', {}, ...row.map((_, i) => element(i === 0 ? 'th' : 'td', i === 0 ? {scope: 'row', class: 'text'} : {class: isText(i) ? 'text' : ''}))),
    (tr, row) => row.forEach((value, i) => setText(tr.children[i], isKnown(value) ? String(value) : 'unknown')));
}

function renderExact(status) {
  if (!byId('exact').open) return;
  const fields = ['total', 'free', 'lowest_free', 'budget', 'reserved', 'taken', 'committed', 'headroom', 'process', 'foreign'];
  fillTable(byId('device-table'), {texts: 1, names: ['device', ...fields.map((field) => field.replace('_', ' '))]},
    status.devices.map((device) => [device.device, ...fields.map((field) => device.budget === null && (field === 'budget' || field === 'headroom') ? 'none' : device[field])]));
  const rows = [];
  for (const device of status.devices) {
    for (const owner of [...status.models, ...status.others]) {
      for (const at of owner.memory) if (at.device === device.device) rows.push([device.device, owner.name, stageName(at.stage), at.planned, at.taken, at.peak]);
      const mapped = owner.mapped?.[device.device];
      if (mapped) rows.push([device.device, owner.name, 'page cache (no charge)', 0, mapped, mapped]);
    }
  }
  fillTable(byId('stage-table'), {texts: 3, names: ['device', 'owner', 'stage', 'planned', 'taken', 'peak']}, rows);
}
