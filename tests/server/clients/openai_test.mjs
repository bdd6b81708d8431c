// OpenAI's own JavaScript client against the server that run.py started.
import assert from 'node:assert/strict';
import {test} from 'node:test';

import {all, base, entry, key, load, question, rope, ropes, soonAfterwards} from './support.mjs';

const {default: OpenAI} = load('openai');
const client = new OpenAI({baseURL: `${base}/v1`, apiKey: key, maxRetries: 0, timeout: 600_000});
const model = 'mate-chat';
const asked = {model, messages: question, temperature: 0, max_completion_tokens: 16};
const tools = ['haul', 'ease'].map((name) => ({type: 'function', function: {name, description: 'Works a rope', parameters: rope, strict: true}}));
const forced = {model, messages: question, tools, tool_choice: {type: 'function', function: {name: 'ease'}}, parallel_tool_calls: false, max_completion_tokens: 450};
const isOfTheRope = (call) => assert.ok(ropes.includes(JSON.parse(call.arguments).rope), call.arguments);
const cosine = (a, b) => a.reduce((sum, x, i) => sum + x * b[i], 0) / Math.hypot(...a) / Math.hypot(...b);

test('models', async () => {
  assert.deepEqual((await all(client.models.list())).map((m) => m.id), ['mate-chat', 'bosun-log', 'careful', 'vectors', 'thinker']);
  assert.equal((await client.models.retrieve('bosun-log')).object, 'model');
});

test('a chat, and the same streamed', async () => {
  const whole = await client.chat.completions.create(asked);
  const {message, finish_reason} = whole.choices[0];
  assert.equal(message.role, 'assistant');
  assert.match(message.content, /[A-Za-z]{3}/);
  assert.equal(whole.usage.total_tokens, whole.usage.prompt_tokens + whole.usage.completion_tokens);

  const chunks = await all(await client.chat.completions.create({...asked, stream: true, stream_options: {include_usage: true}}));
  assert.equal(chunks.flatMap((c) => c.choices).map((c) => c.delta.content ?? '').join(''), message.content);
  assert.deepEqual(chunks.at(-1).choices, []);
  assert.equal(chunks.at(-1).usage.completion_tokens, whole.usage.completion_tokens);
  assert.equal(chunks.at(-2).choices[0].finish_reason, finish_reason);
  assert.equal(new Set(chunks.map((c) => c.id)).size, 1);
});

test("the client's own way to put a stream together", async () => {
  const stream = client.chat.completions.stream({...asked, stream_options: {include_usage: true}});
  let text = '';
  stream.on('content', (delta) => { text += delta; });
  const final = await stream.finalChatCompletion();
  assert.equal(final.choices[0].message.content, text);
  assert.ok((await stream.totalUsage()).completion_tokens > 0);
});

test('several answers at once, streamed', async () => {
  const chunks = await all(await client.chat.completions.create({...asked, n: 3, temperature: 1, seed: 7, stream: true}));
  for (const index of [0, 1, 2]) {
    const own = chunks.flatMap((c) => c.choices).filter((c) => c.index === index);
    assert.equal(own[0].delta.role, 'assistant');
    assert.ok(own.at(-1).finish_reason);
  }
});

test('log-probabilities', async () => {
  const {choices} = await client.chat.completions.create({...asked, logprobs: true, top_logprobs: 2});
  for (const token of choices[0].logprobs.content) assert.equal(token.token, token.top_logprobs[0].token);
});

test('a tool is called, and its result is taken', async () => {
  const {choices: [choice]} = await client.chat.completions.create(forced);
  assert.equal(choice.finish_reason, 'tool_calls');
  const [call] = choice.message.tool_calls;
  assert.equal(call.function.name, 'ease');
  isOfTheRope(call.function);
  const messages = [...question, choice.message, {role: 'tool', tool_call_id: call.id, content: 'eased'}];
  const after = await client.chat.completions.create({...asked, messages, tools});
  assert.equal(after.choices[0].message.role, 'assistant');
  assert.ok(after.usage.prompt_tokens > 0);
});

test('a streamed tool call', async () => {
  const {choices: [choice]} = await client.chat.completions.stream(forced).finalChatCompletion();
  assert.equal(choice.finish_reason, 'tool_calls');
  assert.equal(choice.message.tool_calls[0].function.name, 'ease');
  isOfTheRope(choice.message.tool_calls[0].function);
});

test('the client runs the tool itself', async () => {
  const given = [];
  const run = client.chat.completions.runTools({
    ...forced, tools: [{type: 'function', function: {name: 'ease', parameters: rope, parse: JSON.parse, function: (input) => { given.push(input); return 'eased'; }}}],
  });
  await run.done();
  assert.equal(given.length, 1);
  assert.ok(ropes.includes(given[0].rope));
});

test('an answer is JSON of the schema', async () => {
  const answer = await client.chat.completions.parse({
    ...asked, max_completion_tokens: 100, response_format: {type: 'json_schema', json_schema: {name: 'entry', schema: entry, strict: true}},
  });
  const {port, day} = JSON.parse(answer.choices[0].message.content);
  assert.equal(typeof port, 'string');
  assert.ok(Number.isInteger(day) && day >= 1 && day <= 31);
  const any = await client.chat.completions.create({...asked, max_completion_tokens: 400, response_format: {type: 'json_object'}});
  if (any.choices[0].finish_reason === 'stop') assert.equal(typeof JSON.parse(any.choices[0].message.content), 'object');
});

test('completions', async () => {
  const plain = {model: 'bosun-log', prompt: 'Day 12.', max_tokens: 24, temperature: 0};
  const {choices: [{text}]} = await client.completions.create(plain);
  const pieces = await all(await client.completions.create({...plain, stream: true}));
  assert.equal(pieces.flatMap((c) => c.choices).map((c) => c.text).join(''), text);
  const stop = text.split(' ')[4];
  const cut = await client.completions.create({...plain, stop});
  assert.equal(cut.choices[0].text, text.slice(0, text.indexOf(stop)));
  assert.equal(cut.choices[0].finish_reason, 'stop');
});

const response = {model, input: 'Who is the captain?', instructions: 'Answer as a sailor.', temperature: 0, max_output_tokens: 16};

test('a response, and the same streamed', async () => {
  const whole = await client.responses.create(response);
  assert.match(whole.output_text, /[A-Za-z]{3}/);
  assert.equal(whole.usage.total_tokens, whole.usage.input_tokens + whole.usage.output_tokens);
  const events = await all(await client.responses.create({...response, stream: true}));
  assert.deepEqual(events.map((e) => e.sequence_number), events.map((_, i) => i));
  assert.equal(events[0].type, 'response.created');
  assert.equal(events.filter((e) => e.type === 'response.output_text.delta').map((e) => e.delta).join(''), whole.output_text);
  assert.equal(events.at(-1).type, `response.${whole.status}`);
});

test("the client's own way to put a response together", async () => {
  const whole = await client.responses.create(response);
  const stream = client.responses.stream(response);
  let text = '';
  stream.on('response.output_text.delta', (event) => { text += event.delta; });
  const final = await stream.finalResponse();
  assert.equal(final.output_text, whole.output_text);
  assert.equal(text, whole.output_text);
});

test('a response calls a tool, and its result is taken', async () => {
  const calling = {
    ...response, max_output_tokens: 450, parallel_tool_calls: false, tool_choice: {type: 'function', name: 'ease'},
    tools: tools.map((t) => ({type: 'function', ...t.function})),
  };
  const {output} = await client.responses.create(calling);
  const call = output.find((item) => item.type === 'function_call');
  assert.equal(call.name, 'ease');
  isOfTheRope(call);
  const streamed = (await client.responses.stream(calling).finalResponse()).output.find((item) => item.type === 'function_call');
  assert.deepEqual([streamed.name, streamed.arguments, streamed.status], [call.name, call.arguments, 'completed']);
  const input = [...question, ...output, {type: 'function_call_output', call_id: call.call_id, output: 'eased'}];
  const after = await client.responses.create({...response, input, tools: calling.tools, tool_choice: 'none'});
  assert.equal(after.output[0].type, 'message');
});

test('a response is JSON of the schema', async () => {
  const answer = await client.responses.parse({...response, max_output_tokens: 100, text: {format: {type: 'json_schema', name: 'entry', schema: entry, strict: true}}});
  const {day} = JSON.parse(answer.output_text);
  assert.ok(day >= 1 && day <= 31);
});

test('embeddings', async () => {
  const input = ['Heavy seas.', 'Fair wind.', 'Heavy seas.'];
  const coded = await client.embeddings.create({model: 'vectors', input});  // the client asks for base64, and decodes
  const plain = await client.embeddings.create({model: 'vectors', input, encoding_format: 'float'});
  assert.deepEqual(coded.data.map((d) => d.index), [0, 1, 2]);
  coded.data.forEach(({embedding}, i) => {
    assert.ok(Math.abs(Math.hypot(...embedding) - 1) < 1e-4);
    assert.equal(embedding.length, plain.data[i].embedding.length);
    assert.ok(embedding.every((x, at) => Math.abs(x - plain.data[i].embedding[at]) < 1e-4));
  });
  const [first, other, same] = plain.data.map((d) => d.embedding);
  assert.ok(cosine(first, same) > 0.9999 && cosine(first, other) < 0.9999);
  assert.ok(coded.usage.prompt_tokens > 0);
  assert.equal((await client.embeddings.create({model: 'vectors', input: 'Fair wind.', dimensions: 8})).data[0].embedding.length, 8);
});

test('errors are what the client knows', async () => {
  const refused = (error, kind, status) => {
    assert.ok(error instanceof kind, error.constructor.name);
    assert.equal(error.status, status);
    assert.ok(error.message.startsWith(`${status} `) && error.message.length > 10, error.message);
    return error;
  };
  const of = (promise) => promise.then(() => assert.fail('it was not refused'), (error) => error);
  const missing = refused(await of(client.chat.completions.create({...asked, model: 'kraken'})), OpenAI.NotFoundError, 404);
  assert.equal(missing.code, 'model_not_found');
  refused(await of(client.models.retrieve('kraken')), OpenAI.NotFoundError, 404);
  refused(await of(client.responses.create({...response, model: 'kraken'})), OpenAI.NotFoundError, 404);
  const hot = refused(await of(client.chat.completions.create({...asked, temperature: 900})), OpenAI.BadRequestError, 400);
  assert.equal(hot.param, 'temperature');
  assert.equal(hot.type, 'invalid_request_error');
  const {response: mistyped} = await client.chat.completions.create({...asked, temprature: 1}).withResponse();
  assert.equal(mistyped.headers.get('x-plimsoll-ignored'), 'temprature');
  const long = [{role: 'user', content: 'ship '.repeat(4000)}];
  const over = refused(await of(client.chat.completions.create({...asked, messages: long})), OpenAI.BadRequestError, 400);
  assert.equal(over.code, 'context_length_exceeded');
  refused(await of(client.chat.completions.create({...asked, messages: long, stream: true})), OpenAI.BadRequestError, 400);
  refused(await of(client.embeddings.create({model: 'bosun-log', input: 'x'})), OpenAI.BadRequestError, 400);
  const stranger = new OpenAI({baseURL: `${base}/v1`, apiKey: 'wrong', maxRetries: 0});
  refused(await of(stranger.models.list()), OpenAI.AuthenticationError, 401);
  refused(await of(stranger.chat.completions.create({...asked, stream: true})), OpenAI.AuthenticationError, 401);
});

test('who lets go of an answer frees its slot', async () => {
  const endless = {model: 'bosun-log', prompt: 'Day 3.', max_tokens: 30_000, ignore_eos: true};
  const streamed = async () => {
    const leaving = new AbortController();
    const stream = await client.completions.create({...endless, stream: true}, {signal: leaving.signal});
    for await (const _ of stream) break;  // leaves, and lets go
    assert.ok(stream.controller.signal.aborted);
    return () => leaving.abort();
  };
  const aborted = async () => {
    const leaving = new AbortController();
    const stream = await client.completions.create({...endless, stream: true}, {signal: leaving.signal});
    const pieces = stream[Symbol.asyncIterator]();
    assert.equal((await pieces.next()).done, false);
    return async () => {
      leaving.abort();
      while (!(await pieces.next()).done);
    };
  };
  const whole = async () => {
    const leaving = new AbortController();
    const answer = client.completions.create(endless, {signal: leaving.signal});
    await new Promise((resolve) => setTimeout(resolve, 500));
    return async () => {
      leaving.abort();
      await assert.rejects(answer, OpenAI.APIUserAbortError);
    };
  };
  const next = () => client.completions.create({model: 'bosun-log', prompt: 'Day 4.', max_tokens: 2});
  for (const hold of [streamed, aborted, whole]) await soonAfterwards([hold, hold], next);
});
