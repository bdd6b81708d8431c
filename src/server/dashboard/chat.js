// A chat to try a model.
let turns = [];     // {role, content} of what went well: sent again with each message
let talking = null;  // the AbortController of the answer under way

async function refreshModels() {
  try {
    const {data} = await getJson('/v1/models');
    sync(byId('chat-model'), data, (model) => model.id, (model) => element('option', {text: model.id, value: model.id}));
  } catch { /* asked again when the connection is back */ }
}

function addTurn(role, title, text) {
  byId('chat-hint').hidden = true;
  const turn = element('article', {class: `turn ${role}`, 'data-role': role}, element('h3', {text: title}), element('div', {class: 'text', text}), element('p', {class: 'meta'}));
  byId('log').append(turn);
  byId('log').scrollTop = byId('log').scrollHeight;
  return turn;
}

const numberIn = (id) => { const field = byId(id); return field.value === '' || !field.checkValidity() ? undefined : Number(field.value); };

async function ask(question) {
  const model = byId('chat-model').value;
  if (!model) { setText(byId('chat-state'), 'There is no model to talk to.'); return; }
  addTurn('user', 'You', question);
  const turn = addTurn('assistant', model, '');
  const [, text, meta] = turn.children;
  turn.classList.add('going');
  setText(byId('chat-state'), `${model} is asked …`);
  const system = byId('system').value.trim();
  const mine = talking = new AbortController();
  updateChatButtons();
  const clock = {start: performance.now(), first: null, last: null, pieces: 0, tokens: null};
  let answer = '', thought = null, finish = null;
  const numbers = () => {
    if (clock.first === null) return '';
    const tokens = clock.tokens ?? clock.pieces, seconds = (clock.last - clock.first) / 1000;
    return `${plural(tokens, 'token')}${tokens > 1 && seconds > 0 ? ` · ${((tokens - 1) / seconds).toFixed(1)} tokens/s` : ''} · first after ${formatMs(clock.first - clock.start)}`;
  };
  const grow = (node, more) => {
    const log = byId('log'), follows = log.scrollHeight - log.scrollTop - log.clientHeight < 40;
    node.append(more);
    if (follows) log.scrollTop = log.scrollHeight;
  };
  try {
    const body = {model, stream: true, stream_options: {include_usage: true}, max_tokens: numberIn('max-tokens'), temperature: numberIn('temperature'),
                  messages: [...(system ? [{role: 'system', content: system}] : []), ...turns, {role: 'user', content: question}]};
    const response = await request('/v1/chat/completions', {method: 'POST', body: JSON.stringify(body), signal: mine.signal});
    for await (const {data} of serverSentEvents(response)) {
      if (data === '[DONE]') break;
      const chunk = JSON.parse(data);
      if (chunk.error) throw new ServerError(500, chunk.error.message ?? String(chunk.error));
      if (chunk.usage) clock.tokens = chunk.usage.completion_tokens;
      const choice = chunk.choices?.[0];
      finish = choice?.finish_reason ?? finish;
      const spoken = choice?.delta?.content, thinking = choice?.delta?.reasoning_content;
      if (!spoken && !thinking) continue;
      clock.last = performance.now();
      clock.first ??= clock.last;
      ++clock.pieces;
      if (thinking) {
        if (!thought) text.before(thought = element('div', {class: 'thought'}));
        grow(thought, thinking);
      }
      if (spoken) { answer += spoken; grow(text, spoken); }
      setText(meta, numbers());
    }
    setText(meta, [numbers() || 'an empty answer', finish === 'length' ? 'stopped at the token limit' : ''].filter(Boolean).join(' · '));
    if (mine === talking) setText(byId('chat-state'), `${model} answered.`);
  } catch (error) {
    const isStopped = mine.signal.aborted;
    noteWays(model, error);
    setText(meta, [numbers(), isStopped ? 'stopped' : error instanceof ServerError ? error.message : `The answer broke off (${error.message}).`].filter(Boolean).join(' · '));
    meta.classList.toggle('trouble', !isStopped);
    if (mine === talking) setText(byId('chat-state'), isStopped ? 'Stopped.' : 'No answer: see above.');
    if (!isStopped && !answer && !byId('prompt').value) byId('prompt').value = question;  // to try again
  }
  turn.classList.remove('going');
  text.hidden = !answer;
  if (mine !== talking) return;  // a new chat was begun meanwhile
  if (answer) turns.push({role: 'user', content: question}, {role: 'assistant', content: answer});
  talking = null;
  updateChatButtons();
}

function updateChatButtons() {
  setAttributes(byId('send'), {'aria-disabled': Boolean(talking)});
  setAttributes(byId('stop'), {'aria-disabled': !talking});
}

function sendPrompt() {
  const question = byId('prompt').value.trim();
  if (!question || talking) return;
  byId('prompt').value = '';
  ask(question);
}
