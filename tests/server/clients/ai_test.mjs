// Vercel's AI SDK against the server that run.py started, by each way that it has to speak to one: OpenAI's responses and chat
// completions, the provider for compatible servers, Anthropic's messages, and Ollama's API.
import assert from 'node:assert/strict';
import {test} from 'node:test';

import {all, base, key, load, moored, rope, ropes, soonAfterwards} from './support.mjs';

const {APICallError, embed, embedMany, generateText, isStepCount, jsonSchema, Output, streamText, tool} = load('ai');
const headers = {Authorization: `Bearer ${key}`};
const openai = load('@ai-sdk/openai').createOpenAI({baseURL: `${base}/v1`, apiKey: key});
const compatible = load('@ai-sdk/openai-compatible').createOpenAICompatible(
  {name: 'plimsoll', baseURL: `${base}/v1`, headers, includeUsage: true, supportsStructuredOutputs: true});
const anthropic = load('@ai-sdk/anthropic').createAnthropic({baseURL: `${base}/v1`, apiKey: key});
const ollama = load('ollama-ai-provider-v2').createOllama({baseURL: `${base}/api`, headers});

// isWarm: its client gives a model that thinks no temperature, so no two thoughts are the same.
const providers = {
  'OpenAI responses': {model: (name) => openai.responses(name), vectors: openai.embedding('vectors'),
                       thinking: {openai: {forceReasoning: true, reasoningSummary: 'auto'}}, isWarm: true},
  'OpenAI chat': {model: (name) => openai.chat(name), tellsNoThoughts: true},
  compatible: {model: (name) => compatible.chatModel(name), vectors: compatible.embeddingModel('vectors')},
  // It asks for objects by a tool, whose arguments come whole.
  Anthropic: {model: (name) => anthropic(name), thinking: {anthropic: {thinking: {type: 'enabled', budgetTokens: 1024}}},
              object: {anthropic: {structuredOutputMode: 'outputFormat'}}, isWarm: true},
  // It has no way to say how long an answer may be but Ollama's own options.
  Ollama: {model: (name) => ollama(name), vectors: ollama.embedding('vectors'), thinking: {ollama: {think: true}}},
};
const limited = (tokens, more = {}) => ({
  temperature: 0, maxRetries: 0, maxOutputTokens: tokens, ...more,
  providerOptions: {...more.providerOptions, ollama: {options: {num_predict: tokens, temperature: 0}, ...more.providerOptions?.ollama}},
});
const prompt = 'Who is the captain?';
const input = jsonSchema(rope);
const isLength = (usage) => usage.inputTokens > 0 && usage.outputTokens > 0 && usage.totalTokens === usage.inputTokens + usage.outputTokens;

for (const [name, {model, vectors, thinking = {}, object = {}, tellsNoThoughts, isWarm}] of Object.entries(providers)) {
  const asked = {model: model('mate-chat'), prompt, ...limited(16)};
  const ease = (given) => tool({description: 'Works a rope', inputSchema: input, execute: async (one) => { given.push(one); return 'eased'; }});
  const calls = {...asked, ...limited(450), toolChoice: {type: 'tool', toolName: 'ease'}, stopWhen: isStepCount(2),
                 prepareStep: ({stepNumber}) => stepNumber > 0 ? {toolChoice: 'none'} : {}};

  test(`${name}: a text, and the same streamed`, async () => {
    const whole = await generateText(asked);
    assert.match(whole.text, /[A-Za-z]{3}/);
    assert.ok(['stop', 'length'].includes(whole.finishReason), whole.finishReason);
    assert.ok(isLength(whole.usage), JSON.stringify(whole.usage));
    const result = streamText(asked);
    const parts = await all(result.stream);
    assert.deepEqual(parts.filter((part) => part.type === 'error'), []);
    assert.equal(parts.filter((part) => part.type === 'text-delta').map((part) => part.text).join(''), whole.text);
    assert.equal(await result.text, whole.text);
    assert.equal(await result.finishReason, whole.finishReason);
    const usage = await result.usage;
    assert.equal(usage.outputTokens, whole.usage.outputTokens);
    assert.ok(isLength(usage), JSON.stringify(usage));
  });

  test(`${name}: a conversation goes on with what was answered`, async () => {
    const first = await generateText({...asked, instructions: 'You are the mate.'});
    const messages = [{role: 'user', content: prompt}, ...first.response.messages, {role: 'user', content: [{type: 'text', text: 'Where are we?'}]}];
    const second = await generateText({...asked, prompt: undefined, messages, instructions: 'You are the mate.'});
    assert.ok(second.usage.inputTokens > first.usage.inputTokens + 5, JSON.stringify(second.usage));
  });

  test(`${name}: a text ends at a stop sequence`, {skip: ['OpenAI responses', 'Ollama'].includes(name) && 'the client sends none'}, async () => {
    const {text} = await generateText(asked);
    const stop = text.split(' ')[1];
    const cut = await generateText({...asked, stopSequences: [stop]});
    assert.equal(cut.text, text.slice(0, text.indexOf(stop)));
    assert.equal(cut.finishReason, 'stop');
  });

  test(`${name}: a tool is called, and the model answers its result`, async () => {
    for (const run of [generateText, async (settings) => { const result = streamText(settings); await result.consumeStream(); return {steps: await result.steps}; }]) {
      const given = [];
      const {steps} = await run({...calls, tools: {ease: ease(given)}});
      assert.equal(steps.length, 2);
      assert.equal(steps[0].finishReason, 'tool-calls');
      assert.equal(steps[0].toolCalls[0].toolName, 'ease');
      assert.ok(given.length > 0 && given.every((one) => ropes.includes(one.rope)), JSON.stringify(given));
      assert.notEqual(steps[1].finishReason, 'tool-calls');
      assert.ok(steps[1].usage.inputTokens > steps[0].usage.inputTokens);
    }
  });

  test(`${name}: calls and results of a conversation are taken`, async () => {
    const call = {type: 'tool-call', toolCallId: 'call_1', toolName: 'ease', input: {rope: 'sheet'}};
    const messages = [{role: 'user', content: prompt}, {role: 'assistant', content: [{type: 'text', text: 'Aye.'}, call]},
                      {role: 'tool', content: [{type: 'tool-result', toolCallId: 'call_1', toolName: 'ease', output: {type: 'json', value: {eased: true}}}]}];
    const answer = await generateText({...asked, prompt: undefined, messages, tools: {ease: ease([])}, toolChoice: 'none'});
    assert.ok(answer.usage.outputTokens > 0);
  });

  test(`${name}: an answer is an object of the schema, whole and as it grows`, async () => {
    const form = {...asked, ...limited(450, {providerOptions: object}), output: Output.object({schema: jsonSchema(moored), name: 'state'})};
    const isState = (one) => typeof one.moored === 'boolean' && typeof one.afloat === 'boolean';
    assert.ok(isState((await generateText(form)).output));
    const result = streamText(form);
    const grown = await all(result.partialOutputStream);
    assert.ok(grown.length > 1 && isState(grown.at(-1)), JSON.stringify(grown.at(-1)));
    assert.deepEqual(await result.output, grown.at(-1));
  });

  test(`${name}: vectors`, {skip: !vectors && 'the API has none'}, async () => {
    const {embeddings, usage} = await embedMany({model: vectors, values: ['Heavy seas.', 'Fair wind.', 'Heavy seas.'], maxRetries: 0});
    assert.equal(embeddings.length, 3);
    assert.ok(embeddings[0].every((x, i) => Math.abs(x - embeddings[2][i]) < 1e-4));
    assert.ok(usage.tokens > 0);
    assert.equal((await embed({model: vectors, value: 'Fair wind.', maxRetries: 0})).embedding.length, embeddings[1].length);
  });

  test(`${name}: thoughts are told apart`, {skip: tellsNoThoughts && 'the client reads none'}, async () => {
    const thinker = {...asked, model: model('thinker'), ...limited(12, {providerOptions: thinking})};
    const whole = await generateText(thinker);
    assert.match(whole.reasoningText, /[A-Za-z]{3}/);
    const parts = await all(streamText(thinker).stream);
    const streamed = parts.filter((part) => part.type === 'reasoning-delta').map((part) => part.text).join('');
    if (isWarm) assert.match(streamed, /[A-Za-z]{3}/);
    else assert.equal(streamed, whole.reasoningText);
    // What was thought goes back with the conversation.
    const messages = [{role: 'user', content: prompt}, ...whole.response.messages, {role: 'user', content: 'Where are we?'}];
    const second = await generateText({...thinker, prompt: undefined, messages});
    assert.ok(second.usage.inputTokens > whole.usage.inputTokens, JSON.stringify(second.usage));
  });

  test(`${name}: errors are what the client knows`, async () => {
    const refused = async (promise, status, words) => {
      const error = await promise.then(() => assert.fail('it was not refused'), (error) => error);
      assert.ok(APICallError.isInstance(error), `${error.constructor.name}: ${error.message}`);
      assert.equal(error.statusCode, status);
      assert.equal(error.isRetryable, false);
      assert.match(error.responseBody, words);
      // Ollama's own errors are a sentence alone, which its provider does not read.
      if (name !== 'Ollama') assert.match(error.message, words);
    };
    await refused(generateText({...asked, model: model('kraken')}), 404, /kraken/);
    await refused(generateText({...asked, prompt: 'ship '.repeat(4000)}), 400, /tokens/);
    const errors = [];
    for await (const part of streamText({...asked, model: model('kraken'), onError: () => {}}).stream) if (part.type === 'error') errors.push(part.error);
    assert.deepEqual(errors.map((error) => error.statusCode), [404]);
  });

  test(`${name}: who lets go of an answer frees its slot`, async () => {
    const numbers = Output.object({schema: jsonSchema({type: 'object', required: ['n'], additionalProperties: false, properties: {n: {type: 'array', items: {type: 'integer'}, minItems: 1000}}})});
    const endless = {...limited(30_000, {providerOptions: object}), model: model('bosun-log'), prompt: 'Day 3.', output: numbers, onError: () => {}};
    const hold = async () => {
      const leaving = new AbortController();
      const stream = streamText({...endless, abortSignal: leaving.signal}).stream[Symbol.asyncIterator]();
      for (let next = await stream.next(); next.value.type !== 'text-delta'; next = await stream.next()) assert.ok(!next.done && next.value.type !== 'error', JSON.stringify(next));
      return async () => {
        leaving.abort();
        while (!(await stream.next()).done);
      };
    };
    const next = () => generateText({...limited(2), model: model('bosun-log'), prompt: 'Day 4.'});
    await soonAfterwards([hold, hold], next);
  });
}
