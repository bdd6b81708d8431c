// The last ten minutes of a device.
const history = new Map();  // device -> [{time, committed, budget, foreign}], oldest first
function remember(time, devices) {
  for (const device of devices) {
    if (!history.has(device.device)) history.set(device.device, []);
    const samples = history.get(device.device);
    if (samples.length && samples.at(-1).time >= time) continue;
    samples.push({time, committed: device.committed, budget: device.budget, foreign: device.foreign});
    while (samples[0].time < time - KEEP_MS) samples.shift();
  }
}

async function loadHistory() {
  try {
    const answer = await getJson('/plimsoll/v1/history');
    history.clear();
    for (const sample of answer.samples) remember(Date.parse(sample.at), sample.devices);
  } catch { /* the status says it when the server is gone; the chart goes on from here */ }
}

// An SVG path with gaps where a value is unknown or samples are missing.
function curve(points, valueOf, x, y, base) {
  let path = '', start = null, last = null;
  const close = () => { if (start !== null && base !== undefined) path += `L${x(last.time)} ${base}L${x(start.time)} ${base}Z`; start = null; };
  for (const point of points) {
    if (!isKnown(valueOf(point)) || (last && point.time - last.time > 5000)) close();
    if (isKnown(valueOf(point))) {
      path += `${start === null ? 'M' : 'L'}${x(point.time)} ${y(valueOf(point))}`;
      start ??= point;
    }
    last = point;
  }
  close();
  return path;
}

function updateChart(parts, device, total, showsForeign) {
  const points = history.get(device.device) ?? [];
  parts.chart.parentNode.hidden = !points.some((point) => point.committed > 0 || isKnown(point.budget) || isKnown(point.foreign));
  if (!points.length) return;
  const now = points.at(-1).time;
  const committed = points.map((point) => point.committed);
  const top = total ?? Math.max(...committed, ...points.map((point) => point.budget ?? 0), 1) * 1.1;
  const x = (time) => ((time - now) / KEEP_MS * 600 + 600).toFixed(1);
  const y = (bytes) => (100 - Math.min(1, bytes / top) * 100).toFixed(2);
  setAttributes(parts.curves.ours, {d: curve(points, (p) => p.committed, x, y, 100)});
  setAttributes(parts.curves.budget, {d: curve(points, (p) => p.budget, x, y)});
  setAttributes(parts.curves.foreign, {d: isKnown(total) && showsForeign ? curve(points, (p) => isKnown(p.foreign) ? total - p.foreign : null, x, y, 0) : ''});
  const most = Math.max(...committed), least = Math.min(...committed);
  setText(parts.caption.children[1], `committed: ${formatBytes(least)} to ${formatBytes(most)}${isKnown(device.budget) ? ' · dashed: the budget' : ''}${isKnown(device.foreign) && isKnown(total) && showsForeign ? ' · grey, from above: foreign' : ''}`);
  setAttributes(parts.chart, {'aria-label': `The last ${formatMs(now - points[0].time)} of ${device.device}: committed between ${formatBytes(least)} and ${formatBytes(most)}, now ${formatBytes(device.committed)}; the budget is ${formatBytes(device.budget, 'not set')}`});
}
