// Anthropic's own JavaScript client against the server that run.py started.
import assert from 'node:assert/strict';
import {test} from 'node:test';

import {base, entry, key, load, question, rope, ropes, soonAfterwards} from './support.mjs';

const {default: Anthropic} = load('@anthropic-ai/sdk');
const client = new Anthropic({baseURL: base, apiKey: key, authToken: null, maxRetries: 0, timeout: 600_000});
const model = 'mate-chat';
const asked = {model, messages: question, temperature: 0, max_tokens: 16};
const tools = ['haul', 'ease'].map((name) => ({name, description: 'Works a rope', input_schema: rope}));
const forced = {...asked, tools, tool_choice: {type: 'tool', name: 'ease', disable_parallel_tool_use: true}, max_tokens: 450};
const textOf = (message) => message.content.filter((b) => b.type === 'text').map((b) => b.text).join('');

test('a message, and the same streamed', async () => {
  const whole = await client.messages.create(asked);
  assert.deepEqual([whole.type, whole.role, whole.model], ['message', 'assistant', model]);
  assert.match(textOf(whole), /[A-Za-z]{3}/);
  const stream = client.messages.stream(asked);
  let text = '';
  const events = [];
  stream.on('text', (delta) => { text += delta; });
  stream.on('streamEvent', (event) => events.push(event));
  const final = await stream.finalMessage();
  assert.equal(text, textOf(whole));
  assert.equal(textOf(final), text);
  assert.equal(final.stop_reason, whole.stop_reason);
  assert.equal(final.usage.output_tokens, whole.usage.output_tokens);
  const inputs = (usage) => usage.input_tokens + usage.cache_read_input_tokens;
  assert.equal(inputs(final.usage), inputs(whole.usage));
  const types = events.map((e) => e.type).filter((type, i, list) => type !== list[i - 1]);
  assert.deepEqual(types, ['message_start', 'content_block_start', 'content_block_delta', 'content_block_stop', 'message_delta', 'message_stop']);
});

test('a stream as it comes', async () => {
  const kinds = new Set();
  for await (const event of await client.messages.create({...asked, stream: true})) kinds.add(event.type);
  assert.ok(kinds.has('message_start') && kinds.has('message_stop'));
});

test('a conversation with a system text', async () => {
  const messages = [...question, {role: 'assistant', content: 'Captain Rose.'}, {role: 'user', content: [{type: 'text', text: 'Where are we?', cache_control: {type: 'ephemeral'}}]}];
  const answer = await client.messages.create({...asked, messages, system: [{type: 'text', text: 'You are the mate.'}], metadata: {user_id: 'cook'}});
  assert.equal(answer.role, 'assistant');
});

test('a tool is called, and its result is taken', async () => {
  const answer = await client.messages.create(forced);
  assert.equal(answer.stop_reason, 'tool_use');
  const call = answer.content.find((block) => block.type === 'tool_use');
  assert.equal(call.name, 'ease');
  assert.ok(ropes.includes(call.input.rope));
  for (const content of ['eased', [{type: 'text', text: 'eased'}]]) {
    const messages = [...question, {role: 'assistant', content: answer.content}, {role: 'user', content: [{type: 'tool_result', tool_use_id: call.id, content}]}];
    const after = await client.messages.create({...asked, messages, tools, tool_choice: {type: 'none'}});
    assert.notEqual(after.stop_reason, 'tool_use');
  }
});

test('a streamed tool call', async () => {
  const stream = client.messages.stream(forced);
  const deltas = [];
  stream.on('inputJson', (_, snapshot) => deltas.push(snapshot));
  const final = await stream.finalMessage();
  const call = final.content.find((block) => block.type === 'tool_use');
  assert.equal(final.stop_reason, 'tool_use');
  assert.ok(ropes.includes(call.input.rope));
  assert.deepEqual(deltas.at(-1), call.input);
});

// By itself the runner asks for a thread first: a conversation that the server stores. Told in the right words that there is none
// here, it goes on with whole conversations.
for (const [what, more] of [['', {}], [', and is told to store nothing', {thread: false}]]) {
  test(`the client runs the tool itself${what}`, async () => {
    const given = [];
    const ease = {...tools[1], type: 'custom', parse: (input) => input, run: (input) => { given.push(input); return 'eased'; }};
    const runner = client.beta.messages.toolRunner({...forced, ...more, max_iterations: 2, tools: [ease]});
    const reasons = [];
    for await (const message of runner) reasons.push(message.stop_reason);
    assert.deepEqual(reasons, ['tool_use', 'tool_use']);  // the second answers the first one's result
    assert.ok(given.length > 0 && given.every((input) => ropes.includes(input.rope)));
  });
}

test('an answer is JSON of the schema', async () => {
  const answer = await client.messages.create({...asked, max_tokens: 100, output_config: {format: {type: 'json_schema', schema: entry}}});
  const {port, day} = JSON.parse(textOf(answer));
  assert.equal(typeof port, 'string');
  assert.ok(day >= 1 && day <= 31);
});

test('stop sequences', async () => {
  const text = textOf(await client.messages.create({...asked, max_tokens: 24}));
  const stop = text.split(' ')[2];
  const cut = await client.messages.create({...asked, max_tokens: 24, stop_sequences: ['nothing of the kind', stop]});
  assert.deepEqual([cut.stop_reason, cut.stop_sequence], ['stop_sequence', stop]);
  assert.equal(textOf(cut), text.slice(0, text.indexOf(stop)));
  const streamed = await client.messages.stream({...asked, max_tokens: 24, stop_sequences: [stop]}).finalMessage();
  assert.deepEqual([streamed.stop_reason, streamed.stop_sequence, textOf(streamed)], [cut.stop_reason, stop, textOf(cut)]);
});

test('an answer that is cut off says so', async () => {
  assert.equal((await client.messages.create({...asked, max_tokens: 2})).stop_reason, 'max_tokens');
});

test('the other way to hand in a key', async () => {
  const bearer = new Anthropic({baseURL: base, apiKey: null, authToken: key, maxRetries: 0});
  assert.equal((await bearer.messages.create({...asked, max_tokens: 2})).role, 'assistant');
});

test('errors are what the client knows', async () => {
  const refused = async (promise, kind, status, type) => {
    const error = await promise.then(() => assert.fail('it was not refused'), (error) => error);
    assert.ok(error instanceof kind, `${error.constructor.name}: ${error.message}`);
    assert.equal(error.status, status);
    assert.deepEqual([error.error?.type, error.error?.error?.type], ['error', type]);
    assert.ok(error.error.error.message.length > 5);
  };
  await refused(client.messages.create({...asked, model: 'kraken'}), Anthropic.NotFoundError, 404, 'not_found_error');
  await refused(client.messages.stream({...asked, model: 'kraken'}).finalMessage(), Anthropic.NotFoundError, 404, 'not_found_error');
  await refused(client.messages.create({...asked, temperature: 900}), Anthropic.BadRequestError, 400, 'invalid_request_error');
  const {response} = await client.messages.create({...asked, temprature: 1}).withResponse();
  assert.equal(response.headers.get('x-plimsoll-ignored'), 'temprature');
  await refused(client.messages.create({...asked, max_tokens: undefined}), Anthropic.BadRequestError, 400, 'invalid_request_error');
  await refused(client.messages.create({...asked, messages: [{role: 'user', content: 'ship '.repeat(4000)}]}), Anthropic.BadRequestError, 400, 'invalid_request_error');
  const stranger = new Anthropic({baseURL: base, apiKey: 'wrong', maxRetries: 0});
  await refused(stranger.messages.create(asked), Anthropic.AuthenticationError, 401, 'authentication_error');
});

test('who lets go of an answer frees its slot', async () => {
  const numbers = {type: 'array', items: {type: 'integer'}, minItems: 1000};
  const endless = {model: 'bosun-log', messages: question, max_tokens: 30_000, output_config: {format: {type: 'json_schema', schema: numbers}}};
  const streamed = async () => {
    const stream = client.messages.stream(endless);
    stream.on('error', () => {});
    await new Promise((resolve) => stream.once('text', resolve));
    return async () => {
      stream.abort();
      await assert.rejects(stream.finalMessage(), Anthropic.APIUserAbortError);
    };
  };
  const whole = async () => {
    const leaving = new AbortController();
    const answer = client.messages.create(endless, {signal: leaving.signal});
    await new Promise((resolve) => setTimeout(resolve, 500));
    return async () => {
      leaving.abort();
      await assert.rejects(answer, Anthropic.APIUserAbortError);
    };
  };
  const next = () => client.messages.create({...asked, model: 'bosun-log', max_tokens: 2});
  for (const hold of [streamed, whole]) await soonAfterwards([hold, hold], next);
});
