// A plan, its alternatives, a story streamed asynchronously, a chat and vectors: node story.mjs MODEL
import { PlimsollError, Runtime, trackerAdvice, trackerMode } from './plimsoll.mjs';

const path = process.argv[2];
const runtime = new Runtime({ budgets: ['CPU=40MiB'] });
console.log(`tracker: ${trackerMode()}${trackerAdvice()}`);

const wanted = { n_ctx: 65536, settings: 'device = "none"' };
const plan = await runtime.plan(path, wanted);
try {
  plan.admit();
} catch (refusal) {
  if (!(refusal instanceof PlimsollError)) throw refusal;
  const [nearest] = plan.alternatives();
  console.log(`${refusal.code}, ${refusal.numbers.short_by} bytes too much; instead: ${nearest.cost}`);
  wanted.overrides = nearest.overrides;
}
plan.close();

const message = async (action) => {
  try {
    await action();
    return 'nothing';
  } catch (error) {
    return `${error.name}: ${error.message}`;
  }
};
const overBoard = () => {
  throw new RangeError('over board');
};

console.log('thrown while loading:', await message(() => runtime.open(path, { ...wanted, load_progress: overBoard })));
let told = 0;
const model = await runtime.open(path, { ...wanted, load_progress: () => void ++told });
console.log('told of loading:', told > 0);

const greedy = { predict: 60, temperature: 0 };
const story = model.generate('Day 12.', greedy);
let turns = 0;
const clock = setInterval(() => ++turns, 1); // the event loop goes on meanwhile
for await (const piece of story) process.stdout.write(piece);
clearInterval(clock);
console.log(`\nended by: ${story.info().finish_reason}; the loop went on: ${turns > 0}`);

const chat = model.chat({ form: 'role_names' });
const answer = await chat.say('How is the wind?', { predict: 20 }).read();
console.log('chat:', chat.history().map(({ role }) => role).join(' '), answer.length > 0);
chat.close();

const endless = model.generate('Day 12.', { predict: -1 });
await endless.next();
endless.stop();
while ((await endless.next()) !== null);
console.log('stopped:', endless.info().finish_reason);
endless.close();
console.log('thrown in a callback:', await message(() => model.generate('Day 12.', { prompt_progress: overBoard }).read()));
console.log('wrong settings:', await message(() => model.generate('Day 12.', { sampling: '{' })));
model.close();
console.log('after the end:', await message(() => model.info()));

const embedder = await runtime.openEmbedder(path, { pooling: 'mean', n_ctx: 256, settings: 'device = "none"' });
console.log('numbers of a vector:', (await embedder.embed(['The wind is fair.', 'Day 12.']))[1].length);
embedder.close();
runtime.close();
