// What the clients' tests share: the server under test, and the packages, which lie under build/clients.
import {readFileSync} from 'node:fs';
import {createRequire} from 'node:module';
import {dirname, join} from 'node:path';
import {fileURLToPath} from 'node:url';

export const base = process.env.PLIMSOLL_URL;
export const key = process.env.PLIMSOLL_KEY;
if (!base || !key) throw new Error('PLIMSOLL_URL and PLIMSOLL_KEY say which server: see run.py');
export const load = createRequire(join(dirname(fileURLToPath(import.meta.url)), '../../../build/clients/x.js'));

export const question = [{role: 'user', content: 'Who is the captain?'}];
export const rope = {
  type: 'object', properties: {rope: {enum: ['sheet', 'halyard']}}, required: ['rope'], additionalProperties: false,
};
export const ropes = rope.properties.rope.enum;
export const entry = {
  type: 'object', additionalProperties: false, required: ['port', 'day'],
  properties: {port: {type: 'string', maxLength: 12}, day: {type: 'integer', minimum: 1, maximum: 31}},
};

// Without bounds, which Anthropic's clients leave out of a schema; the demo model would not end a text by itself.
export const moored = {
  type: 'object', additionalProperties: false, required: ['moored', 'afloat'], properties: {moored: {type: 'boolean'}, afloat: {type: 'boolean'}},
};

export const all = async (stream) => { const out = []; for await (const one of stream) out.push(one); return out; };

// Answers that would go on for long hold the slots of a model. Each of `holds` begins one and gives back how to let go of it;
// once all are let go, `next` is answered soon.
export async function soonAfterwards(holds, next) {
  for (const letGo of await Promise.all(holds.map((hold) => hold()))) await letGo();
  const begin = computed();
  await next();
  const seconds = computed() - begin;
  if (seconds >= 5) throw new Error(`the slot was free again only after the server had computed for ${seconds.toFixed(1)} s`);
}

// Seconds of processor time of the server: what else the machine does is not counted.
function computed() {
  const fields = readFileSync(`/proc/${process.env.PLIMSOLL_PID}/stat`, 'utf8').split(')').at(-1).trim().split(' ');
  return (Number(fields[11]) + Number(fields[12])) / 100;
}
