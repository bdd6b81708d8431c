// All Plimsoll processes of the machine, with their models.
let machine = null;  // as it was read last; null: not yet, or this server stands in no ledger

const MACHINE_COLUMNS = ['process', 'program', 'model', 'state', 'idle', 'reserved', 'taken', 'memory'];
const nameOfMemory = (at) => [at.memory, at.device && at.memory !== at.device ? at.device.split(' ').slice(1).join(' ') : ''].filter(Boolean).join(' ');
const formatIdle = (ms) => ms < 120000 ? `${Math.floor(ms / 1000)} s` : ms < 7200000 ? `${Math.floor(ms / 60000)} min` : `${Math.floor(ms / 3600000)} h`;

// A row for each memory of a process, below it one for each of its models.
function machineRows() {
  const rows = [];
  for (const process of machine.processes) {
    const pid = process.pid + (process.pid_is_of_another_namespace ? '*' : ''), named = Object.fromEntries(process.memories.map((at) => [at.memory, nameOfMemory(at)]));
    const add = (key, cells, at, kind) => rows.push({key: `${pid} ${process.program} ${key}`, kind, cells: [pid, process.program, ...cells],
      amounts: at, memory: at ? named[at.memory] ?? at.memory : ''});
    const held = process.memories.filter((at) => at.reserved > 0 || at.taken > 0);
    for (const at of held.length ? held : [null]) add(`memory ${at?.memory}`, ['', process.alive ? '' : 'dead', ''], at, 'process');
    for (const model of process.models) {
      const idle = isKnown(model.idle_ms) ? formatIdle(model.idle_ms) : '';
      const name = model.name + (model.process ? ` (process ${model.process}${model.restarts > 0 ? `, restarted ${model.restarts} times` : ''})` : '');
      for (const at of model.memories) add(`model ${model.name} ${at.memory}`, [name, model.state === 'none' ? '' : model.state, idle], at, 'model');
    }
    if (process.models_left_out > 0) add('more', [`and ${process.models_left_out} more`, '', ''], null, 'model');
  }
  return rows;
}

function renderMachine() {
  byId('machine').hidden = !machine?.ledger;
  if (byId('machine').hidden) return;
  const table = byId('machine-table');
  sync(table.tHead, [MACHINE_COLUMNS], String, (names) => element('tr', {}, ...names.map((name) => element('th', {text: name, scope: 'col', class: name === 'reserved' || name === 'taken' ? '' : 'text'}))));
  sync(table.tBodies[0], machineRows(), (row) => row.key,
    (row) => element('tr', {'data-kind': row.kind, 'data-pid': row.cells[0]}, element('th', {scope: 'row', class: 'text'}), ...Array.from({length: 4}, () => element('td', {class: 'text'})),
      element('td'), element('td'), element('td', {class: 'text'})),
    (tr, row) => {
      row.cells.forEach((text, i) => setText(tr.children[i], text));
      ['reserved', 'taken'].forEach((name, i) => {
        setText(tr.children[5 + i], row.amounts ? formatBytes(row.amounts[name]) : '');
        setAttributes(tr.children[5 + i], {title: row.amounts ? exactly(row.amounts[name]) : null});
      });
      setText(tr.children[7], row.memory);
    });
  setText(byId('machine-summary'), plural(machine.processes.length, 'process', 'processes') + (machine.damaged ? ` · ${plural(machine.damaged, 'entry', 'entries')} damaged` : ''));
}

// The rest of the page does not wait for it.
async function readMachine() {
  try {
    machine = await getJson('/plimsoll/v1/machine');
  } catch {
    machine = null;
  }
  renderMachine();
}
