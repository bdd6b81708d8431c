// Ollama's own JavaScript client against the server that run.py started.
import assert from 'node:assert/strict';
import {test} from 'node:test';

import {all, base, entry, key, load, question, rope, ropes} from './support.mjs';

const {Ollama} = load('ollama');
const client = new Ollama({host: base, headers: {Authorization: `Bearer ${key}`}});
const model = 'mate-chat';
const options = {temperature: 0, num_predict: 16};
const asked = {model, messages: question, options};
const tools = [{type: 'function', function: {name: 'ease', description: 'Works a rope', parameters: rope}}];
const tagged = (name) => `${name}:latest`;
const loaded = async () => (await client.ps()).models.map((one) => one.name);

test('version, and the models that are here', async () => {
  assert.match((await client.version()).version, /^\d+\.\d+\.\d+$/);
  const listed = (await client.list()).models;
  assert.deepEqual(listed.map((one) => one.name), ['mate-chat', 'bosun-log', 'careful', 'vectors', 'thinker'].map(tagged));
  assert.ok(listed.every((one) => one.size > 0 && one.details.format === 'gguf'));
});

test('a model is shown', async () => {
  const shown = await client.show({model: tagged('mate-chat')});
  assert.ok(shown.capabilities.includes('completion'));
  assert.ok(shown.model_info[`${shown.details.family}.context_length`] > 0);
  assert.match(shown.template, /im_start/);
});

test('a chat, and the same streamed', async () => {
  const whole = await client.chat(asked);
  assert.equal(whole.message.role, 'assistant');
  assert.match(whole.message.content, /[A-Za-z]{3}/);
  assert.equal(whole.done, true);
  const parts = await all(await client.chat({...asked, stream: true}));
  assert.equal(parts.map((part) => part.message.content).join(''), whole.message.content);
  assert.deepEqual([parts.at(-1).done, parts.at(-1).done_reason], [true, whole.done_reason]);
  assert.equal(parts.at(-1).eval_count, whole.eval_count);
  assert.ok(whole.total_duration >= whole.eval_duration && whole.eval_duration > 0);
});

test('a response, the same streamed, and one that goes on from it', async () => {
  const plain = {model, prompt: 'Where are we?', options};
  const whole = await client.generate(plain);
  assert.match(whole.response, /[A-Za-z]{3}/);
  const parts = await all(await client.generate({...plain, stream: true}));
  assert.equal(parts.map((part) => part.response).join(''), whole.response);
  assert.deepEqual(parts.at(-1).context, whole.context);
  const after = await client.generate({...plain, prompt: 'Who?', context: whole.context});
  assert.ok(after.prompt_eval_count > whole.context.length);
});

test('a system text, and raw text', async () => {
  const said = await client.generate({model, prompt: 'Who?', system: 'You are the mate.', options});
  assert.ok(said.eval_count > 0);
  const raw = await client.generate({model: 'bosun-log', prompt: 'Day 12.', raw: true, options});
  assert.match(raw.response, /[A-Za-z]{3}/);
});

test('an answer is JSON, of a schema where one is given', async () => {
  const answer = await client.chat({...asked, format: entry, options: {...options, num_predict: 100}});
  const {port, day} = JSON.parse(answer.message.content);
  assert.equal(typeof port, 'string');
  assert.ok(day >= 1 && day <= 31);
  const any = await client.generate({model, prompt: 'Who?', format: 'json', options: {...options, num_predict: 400}});
  if (any.done_reason === 'stop') assert.equal(typeof JSON.parse(any.response), 'object');
});

test('tools are offered, and their results are taken', async () => {
  const answer = await client.chat({...asked, tools, options: {...options, num_predict: 100}});
  for (const call of answer.message.tool_calls ?? []) assert.ok(ropes.includes(call.function.arguments.rope));
  const call = {function: {name: 'ease', arguments: {rope: 'sheet'}}};
  const messages = [...question, {role: 'assistant', content: '', tool_calls: [call]}, {role: 'tool', tool_name: 'ease', content: 'eased'}];
  const after = await client.chat({...asked, messages, tools});
  assert.equal(after.message.role, 'assistant');
});

test('thinking is asked for, or not', async () => {
  for (const think of [true, false, 'low']) assert.equal((await client.chat({...asked, think})).done, true);
});

test('vectors', async () => {
  const {embeddings} = await client.embed({model: 'vectors', input: ['Day 1.', 'Day 2.']});
  assert.equal(embeddings.length, 2);
  const {embedding} = await client.embeddings({model: 'vectors', prompt: 'Day 1.'});
  assert.deepEqual(embedding.length, embeddings[0].length);
  assert.ok(Math.abs(Math.hypot(...embeddings[0]) - 1) < 1e-3);
});

test('models come and go', async () => {
  const empty = {model: 'bosun-log', prompt: ''};
  assert.equal((await client.generate({...empty, keep_alive: 0})).done_reason, 'unload');
  while ((await loaded()).includes(tagged('bosun-log'))) await new Promise((resolve) => setTimeout(resolve, 10));
  assert.equal((await client.generate({...empty, keep_alive: -1})).done_reason, 'load');
  assert.ok((await loaded()).includes(tagged('bosun-log')));
  assert.equal((await client.chat({model: 'bosun-log', messages: []})).done_reason, 'load');
});

test('models are neither fetched, made nor removed', async () => {
  const says = (promise, status, words) => assert.rejects(promise, (error) => error.status_code === status && words.test(error.message));
  await says(client.chat({...asked, model: 'kraken'}), 404, /^model 'kraken' not found$/);
  await says(client.pull({model: 'kraken'}), 403, /not allowed here/);
  await says(client.push({model}), 403, /not allowed here/);
  await says(client.copy({source: model, destination: 'other'}), 403, /not allowed here/);
  await says(client.delete({model}), 403, /not allowed here/);
  await says(client.create({model: 'other', from: model}), 403, /not allowed here/);
  assert.equal((await client.pull({model})).status, 'success');
});

test('who lets go of an answer ends it', async () => {
  const stream = await client.generate({model: 'bosun-log', prompt: 'Day 5.', raw: true, stream: true, options: {num_predict: 30_000}});
  await assert.rejects(async () => {
    for await (const part of stream) {
      assert.equal(part.done, false);
      stream.abort();
    }
  }, {name: 'AbortError'});
  assert.ok((await client.generate({model: 'bosun-log', prompt: 'Day 6.', raw: true, options: {num_predict: 2}})).eval_count > 0);
});
