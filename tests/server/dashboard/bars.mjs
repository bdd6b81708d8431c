// Devices' bars: what is drawn, held against the status that it was drawn from.
import {check, formatBytes} from './harness.mjs';

// The bars as they stand on the page, with the status they were drawn from.
export async function readBars(page, seen) {
  for (let tries = 0; tries < 20; ++tries) {
    const read = await page.evaluate(() => ({
      at: document.getElementById('main').dataset.at,
      devices: [...document.querySelectorAll('[data-device]')].map((card) => {
        const bar = card.querySelector('.bar'), width = bar.getBoundingClientRect().width, from = bar.getBoundingClientRect().left;
        const mark = card.querySelector('.mark');
        return {
          device: card.dataset.device,
          scale: bar.dataset.scale,
          owners: [...card.querySelectorAll('.owners span')].map((owner) => ({name: owner.textContent, left: Number.parseFloat(owner.style.left) / 100, width: Number.parseFloat(owner.style.width) / 100})),
          headroom: card.querySelector('.headroom strong').textContent,
          mark: mark.hidden ? null : (mark.getBoundingClientRect().left - from) / width,
          segments: [...card.querySelectorAll('.segment')].map((segment) => ({
            kind: segment.dataset.kind, label: segment.getAttribute('aria-label'), bytes: Number(segment.dataset.bytes),
            left: Number.parseFloat(segment.style.left) / 100, width: Number.parseFloat(segment.style.width) / 100,
          })),
        };
      }),
    }));
    const status = seen.statuses.get(read.at);
    if (status) return {status, devices: read.devices};
    await page.waitForTimeout(100);
  }
  throw new Error('no status was seen that the page was drawn from');
}

export function checkBar(drawn, device, status) {
  const name = `${device.device}:`;
  const bytesOf = (...kinds) => drawn.segments.filter((s) => kinds.includes(s.kind)).reduce((sum, s) => sum + s.bytes, 0);
  const taken = [...status.models, ...status.others].flatMap((owner) => owner.memory).filter((at) => at.device === device.device).reduce((sum, at) => sum + at.taken, 0);
  check(`${name} the stages add up to what is taken`, bytesOf('taken') === taken, {drawn: bytesOf('taken'), taken});
  if (drawn.scale === 'total') check(`${name} the hatched part is what is foreign`, bytesOf('foreign') === (device.foreign ?? 0), {drawn: bytesOf('foreign'), foreign: device.foreign});
  check(`${name} reserved and not taken is committed less taken`, bytesOf('promised') === device.committed - device.taken);
  const drawnTo = drawn.scale === 'limit' ? Math.max(device.budget, device.committed) : Math.max(device.total ?? 0, device.budget ?? 0);
  if (drawn.scale === 'limit') {
    const all = drawn.segments.reduce((sum, s) => sum + s.bytes, 0);
    check(`${name} all parts add up to the budget`, all === drawnTo, {all, drawnTo});
    check(`${name} ours takes its share of the bar`, Math.abs(drawn.segments.filter((s) => s.kind === 'taken').reduce((sum, s) => sum + s.width, 0) - taken / drawnTo) < 1e-3);
  } else if (device.total !== null && device.free !== null && bytesOf('free') > 0) {
    const all = drawn.segments.reduce((sum, s) => sum + s.bytes, 0), whole = drawnTo;
    check(`${name} all parts add up to the whole`, all === whole, {all, whole});
    // Host memory that is taken and not touched yet is not missing from what is free: the bar shows it taken all the same.
    const free = bytesOf('free', 'promised') - (whole - device.total), untouched = Math.max(0, taken - (device.process ?? taken));
    check(`${name} what is drawn as free is what the probe read`, free <= device.free && free >= device.free - untouched, {free, read: device.free});
  }
  if (device.total === null) check(`${name} nothing is called free where the total is unknown`, bytesOf('free') === 0);
  if (device.budget === null) check(`${name} has no budget and no headroom`, drawn.mark === null && drawn.headroom === 'no budget', drawn.headroom);
  else {
    check(`${name} the budget stands at its share of the whole`, Math.abs(drawn.mark - device.budget / drawnTo) < 0.005, {at: drawn.mark, share: device.budget / drawnTo});
    check(`${name} the headroom is the server's`, drawn.headroom === formatBytes(device.headroom), drawn.headroom);
  }
  for (const owner of drawn.owners) {
    const bytes = [...status.models, ...status.others].find((one) => one.name === owner.name).memory.filter((at) => at.device === device.device).reduce((sum, at) => sum + at.taken, 0);
    check(`${name} ${owner.name} stands below its part`, Math.abs(owner.width - bytes / drawnTo) < 1e-3, owner);
  }
  const edges = [...drawn.segments].sort((a, b) => a.left - b.left);
  check(`${name} each part begins where the one before ends`, edges.every((s, i) => Math.abs(s.left - (i ? edges[i - 1].left + edges[i - 1].width : 0)) < 1e-4 || s.left === 0 || bytesOf('free', 'unknown') === 0));
}
