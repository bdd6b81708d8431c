// LangChain's packages for OpenAI, Anthropic and Ollama against the server that run.py started.
import assert from 'node:assert/strict';
import {test} from 'node:test';

import {all, base, key, load, moored, rope, ropes, soonAfterwards} from './support.mjs';

const {ChatOpenAI, OpenAI, OpenAIEmbeddings} = load('@langchain/openai');
const {ChatAnthropic} = load('@langchain/anthropic');
const {ChatOllama, OllamaEmbeddings} = load('@langchain/ollama');
const {AIMessage, HumanMessage, SystemMessage, ToolMessage} = load('@langchain/core/messages');

const configuration = {baseURL: `${base}/v1`};
const headers = {Authorization: `Bearer ${key}`};
const common = {temperature: 0, maxRetries: 0};
const chats = {
  ChatOpenAI: (model, maxTokens, more) => new ChatOpenAI({...common, model, maxTokens, apiKey: key, configuration, ...more}),
  'ChatOpenAI, responses': (model, maxTokens, more) => new ChatOpenAI({...common, model, maxTokens, apiKey: key, configuration, useResponsesApi: true, ...more}),
  ChatAnthropic: (model, maxTokens, more) => new ChatAnthropic({...common, model, maxTokens, apiKey: key, anthropicApiUrl: base, ...more}),
  ChatOllama: (model, numPredict, more) => new ChatOllama({...common, model, numPredict, baseUrl: base, headers, ...more}),
};
const question = 'Who is the captain?';
const ease = {name: 'ease', description: 'Works a rope', schema: rope};
const wordsOf = (message) => typeof message.content === 'string' ? message.content
  : message.content.filter((part) => part.type.endsWith('text')).map((part) => part.text).join('');

for (const [name, chat] of Object.entries(chats)) {
  const mate = chat('mate-chat', 16);

  test(`${name}: a message, and the same streamed`, async () => {
    const whole = await mate.invoke(question);
    assert.match(wordsOf(whole), /[A-Za-z]{3}/);
    const {input_tokens: read, output_tokens: written, total_tokens: both} = whole.usage_metadata;
    assert.ok(read > 0 && written > 0 && both === read + written, JSON.stringify(whole.usage_metadata));
    const pieces = await all(await mate.stream(question));
    assert.equal(pieces.map(wordsOf).join(''), wordsOf(whole));
    const sum = pieces.reduce((before, piece) => before.concat(piece));
    assert.equal(sum.usage_metadata.output_tokens, written);
  });

  test(`${name}: several at once, and a conversation`, async () => {
    const answers = await mate.batch([question, 'Where are we?', question]);
    assert.equal(wordsOf(answers[0]), wordsOf(answers[2]));
    const after = await mate.invoke([new SystemMessage('You are the mate.'), new HumanMessage(question), answers[0], new HumanMessage([{type: 'text', text: 'Where are we?'}])]);
    assert.ok(after.usage_metadata.input_tokens > answers[0].usage_metadata.input_tokens + 5);
  });

  test(`${name}: a tool is called, and its result is taken`, {skip: name === 'ChatOllama' && 'the client sends no choice of tools'}, async () => {
    const calling = chat('mate-chat', 450).bindTools([ease], {tool_choice: name === 'ChatAnthropic' ? {type: 'tool', name: 'ease'} : 'ease'});
    const answer = await calling.invoke(question);
    assert.equal(answer.tool_calls[0].name, 'ease');
    assert.ok(ropes.includes(answer.tool_calls[0].args.rope));
    const sum = (await all(await calling.stream(question))).reduce((before, piece) => before.concat(piece));
    assert.deepEqual(sum.tool_calls[0].args, answer.tool_calls[0].args);
    const results = answer.tool_calls.map((call) => new ToolMessage({tool_call_id: call.id, name: call.name, content: 'eased'}));
    const after = await mate.bindTools([ease], {tool_choice: name === 'ChatAnthropic' ? {type: 'none'} : 'none'}).invoke([new HumanMessage(question), answer, ...results]);
    assert.deepEqual(after.tool_calls, []);
  });

  test(`${name}: calls and results of a conversation are taken`, async () => {
    const called = new AIMessage({content: 'Aye.', tool_calls: [{id: 'call_1', name: 'ease', args: {rope: 'sheet'}, type: 'tool_call'}]});
    const after = await mate.bindTools([ease]).invoke([new HumanMessage(question), called, new ToolMessage({tool_call_id: 'call_1', name: 'ease', content: 'eased'})]);
    assert.ok(after.usage_metadata.output_tokens > 0);
  });

  for (const method of name === 'ChatOllama' ? ['jsonSchema'] : ['jsonSchema', 'functionCalling']) {
    test(`${name}: an answer is an object of the schema, by ${method}`, async () => {
      const answer = await chat('mate-chat', 450).withStructuredOutput({title: 'state', ...moored}, {name: 'state', method}).invoke(question);
      assert.equal(typeof answer.moored, 'boolean');
      assert.equal(typeof answer.afloat, 'boolean');
    });
  }

  test(`${name}: errors are what the client knows`, async () => {
    const refused = async (promise, status, words) => {
      const error = await promise.then(() => assert.fail('it was not refused'), (error) => error);
      if (status) assert.equal(error.status ?? error.status_code, status, error.message);
      assert.match(error.message, words);
      return error;
    };
    await refused(chat('kraken', 16).invoke(question), 404, /kraken/);
    await refused(chat('kraken', 16).stream(question).then(all), 404, /kraken/);
    // Its own kind of error, which it knows by the words alone.
    const long = await refused(mate.invoke('ship '.repeat(4000)), null, /prompt is too long: \d+ tokens/);
    if (name !== 'ChatOllama') assert.equal(long.name, 'ContextOverflowError');
  });

  test(`${name}: who lets go of an answer frees its slot`, async () => {
    const endless = chat('bosun-log', 30_000).withConfig(name === 'ChatOllama' ? {format: {type: 'array', items: {type: 'integer'}, minItems: 1000}}
      : name === 'ChatAnthropic' ? {outputConfig: {format: {type: 'json_schema', schema: {type: 'array', items: {type: 'integer'}, minItems: 1000}}}}
      : {response_format: {type: 'json_schema', json_schema: {name: 'n', schema: {type: 'array', items: {type: 'integer'}, minItems: 1000}}}});
    const hold = async () => {
      const leaving = new AbortController();
      const pieces = (await endless.stream('Day 3.', {signal: leaving.signal}))[Symbol.asyncIterator]();
      for (let next = await pieces.next(); !wordsOf(next.value); next = await pieces.next()) assert.ok(!next.done);
      return async () => {
        leaving.abort();
        // It looks at the signal when it is asked for a piece beyond those that it has, and after this nobody asks.
        if (name === 'ChatOllama') endless.bound.client.abort();
        await (async () => { while (!(await pieces.next()).done); })().catch(() => {});
      };
    };
    await soonAfterwards([hold, hold], () => chat('bosun-log', 2).invoke('Day 4.'));
  });
}

test('a text by the older API, and the same streamed', async () => {
  const log = new OpenAI({...common, model: 'bosun-log', maxTokens: 16, apiKey: key, configuration});
  const whole = await log.invoke('Day 12.');
  assert.match(whole, /[A-Za-z]{3}/);
  assert.equal((await all(await log.stream('Day 12.'))).join(''), whole);
});

test('thoughts are told apart', async () => {
  const byOllama = await chats.ChatOllama('thinker', 12, {think: true}).invoke(question);
  assert.match(byOllama.additional_kwargs.reasoning_content, /[A-Za-z]{3}/);
  const byAnthropic = await new ChatAnthropic({maxRetries: 0, model: 'thinker', maxTokens: 1100, apiKey: key, anthropicApiUrl: base,
                                               thinking: {type: 'enabled', budget_tokens: 1024}, invocationKwargs: {max_tokens: 12}}).invoke(question);
  assert.equal(byAnthropic.content[0].type, 'thinking');
});

test('vectors', async () => {
  for (const vectors of [new OpenAIEmbeddings({model: 'vectors', apiKey: key, configuration, maxRetries: 0}), new OllamaEmbeddings({model: 'vectors', baseUrl: base, headers, maxRetries: 0})]) {
    const [first, other, same] = await vectors.embedDocuments(['Heavy seas.', 'Fair wind.', 'Heavy seas.']);
    assert.ok(first.every((x, i) => Math.abs(x - same[i]) < 1e-4));
    assert.equal((await vectors.embedQuery('Fair wind.')).length, other.length);
  }
});
