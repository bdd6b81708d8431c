// What happens when the page is opened. Last of the parts.
for (const stage of STAGES) {
  byId('stage-key').append(element('li', {}, element('span', {class: `swatch tone s-${stage}`}), stageName(stage)));
}
byId('key-form').addEventListener('submit', (event) => {
  event.preventDefault();
  keys.store(byId('key').value.trim());
  byId('key').value = '';
  byId('key-form').hidden = true;
  keys.isAsking = false;
  for (const go of keys.waiting.splice(0)) go();
  byId('main').focus();
});
byId('forget').addEventListener('click', () => { keys.store(''); readStatus(); });
byId('chat-form').addEventListener('submit', (event) => { event.preventDefault(); sendPrompt(); });
byId('prompt').addEventListener('keydown', (event) => {
  if (event.key === 'Enter' && !event.shiftKey && !event.isComposing) { event.preventDefault(); sendPrompt(); }
});
byId('stop').addEventListener('click', () => talking?.abort());
byId('clear').addEventListener('click', () => {
  const old = talking;
  talking = null;
  old?.abort();
  turns = [];
  for (const turn of byId('log').querySelectorAll('.turn')) turn.remove();
  byId('chat-hint').hidden = false;
  setText(byId('chat-state'), '');
  updateChatButtons();
  byId('prompt').focus();
});
for (const choice of document.querySelectorAll('.filter input')) {
  choice.addEventListener('change', () => { byId('events').dataset.show = choice.value; renderEvents(); });
}
byId('exact').addEventListener('toggle', render);

keys.load();
scales.load();
byId('forget').hidden = !keys.value;
renderEvents();
pollStatus();
followEvents();
