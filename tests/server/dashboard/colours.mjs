// Whether colours can be told apart, by whoever sees them: distances in OKLab, also as they look without one kind of cones
// (Machado, Oliveira and Fernandes 2009, at full severity).
const SIGHTS = {
  all: [[1, 0, 0], [0, 1, 0], [0, 0, 1]],
  protanopia: [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
  deuteranopia: [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
  tritanopia: [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
};

// "rgb(1, 2, 3)" as the browser writes it; 0 to 1, linear.
export function linear(css) {
  const [, ...parts] = /^rgba?\((\d+), (\d+), (\d+)/.exec(css) ?? [];
  if (parts.length !== 3) throw new Error(`${css} is no colour`);
  return parts.map((part) => { const c = Number(part) / 255; return c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4; });
}

function oklab([r, g, b]) {
  const l = Math.cbrt(0.4122214708 * r + 0.5363325363 * g + 0.0514459929 * b);
  const m = Math.cbrt(0.2119034982 * r + 0.6806995451 * g + 0.1073969566 * b);
  const s = Math.cbrt(0.0883024619 * r + 0.2817188376 * g + 0.6299787005 * b);
  return [0.2104542553 * l + 0.793617785 * m - 0.0040720468 * s, 1.9779984951 * l - 2.428592205 * m + 0.4505937099 * s,
          0.0259040371 * l + 0.7827717662 * m - 0.808675766 * s];
}

const seen = (css, sight) => oklab(SIGHTS[sight].map((row) => Math.min(1, Math.max(0, row.reduce((sum, x, i) => sum + x * linear(css)[i], 0)))));

// The two of them that are nearest to each other, for whom: {distance, sight, pair}. `colours`: name -> CSS.
export function nearest(colours) {
  const names = Object.keys(colours);
  let found = {distance: Infinity};
  for (const sight of Object.keys(SIGHTS)) {
    names.forEach((one, i) => names.slice(i + 1).forEach((other) => {
      const distance = Math.hypot(...seen(colours[one], sight).map((x, k) => x - seen(colours[other], sight)[k]));
      if (distance < found.distance) found = {distance, sight, pair: [one, other]};
    }));
  }
  return found;
}

// As WCAG counts it: 1 to 21.
export function contrast(one, other) {
  const light = (css) => { const [r, g, b] = linear(css); return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
  const [low, high] = [light(one), light(other)].sort((a, b) => a - b);
  return (high + 0.05) / (low + 0.05);
}
