// Plimsoll for Node, by koffi over libplimsoll.so.0 (docs/c-api.md).
//
//   const runtime = new Runtime({ budgets: ['CPU=2GiB'] });
//   const model = await runtime.open('model.gguf', { n_ctx: 4096 });
//   for await (const piece of model.generate('Once upon a time')) process.stdout.write(piece);
//
// What works or waits does so on koffi's threads, and is awaited. PLIMSOLL_LIBRARY names another library than the system's.
import koffi from 'koffi';

// The engine works on the calling thread's stack, and koffi's are small.
koffi.config({ sync_stack_size: 8 << 20, async_stack_size: 8 << 20 });

// Before anything else opens libllama: then its calls pass through the hook (trackerMode()).
const library = koffi.load(process.env.PLIMSOLL_LIBRARY ?? 'libplimsoll.so.0');

koffi.proto('int32_t ShareFunction(void *user_data, float share)');
koffi.proto('int32_t CountFunction(void *user_data, uint64_t done, uint64_t of)');

const structs = {
  runtime_options: koffi.struct('plimsoll_runtime_options', {
    size: 'uint32_t', prefault: 'int32_t', require_enforcing: 'int32_t', reserved: 'uint32_t',
    budgets: 'const char **', n_budgets: 'uint64_t', store: 'const char *',
  }),
  model_options: koffi.struct('plimsoll_model_options', {
    size: 'uint32_t', warm_up: 'int32_t', n_ctx: 'int32_t', n_seq_max: 'int32_t', gpu_layers: 'int32_t', n_threads: 'int32_t',
    name: 'const char *', settings: 'const char *', overrides: 'const char *', projector: 'const char *',
    adapters: 'const char **', adapter_scales: 'const float *', n_adapters: 'uint64_t', draft: 'const char *',
    draft_most: 'int32_t', draft_least_probability: 'float', load_progress: 'ShareFunction *', user_data: 'void *', stop: 'void *',
  }),
  generation_options: koffi.struct('plimsoll_generation_options', {
    size: 'uint32_t', predict: 'int32_t', seed: 'uint32_t', temperature: 'float', top_k: 'int32_t', top_p: 'float', min_p: 'float',
    typical_p: 'float', penalty_last_n: 'int32_t', penalty_repeat: 'float', penalty_frequency: 'float', penalty_presence: 'float',
    keep_stop_string: 'int32_t', ignore_end_of_generation: 'int32_t', show_special: 'int32_t', overflow: 'int32_t',
    overflow_keep: 'uint64_t', overflow_discard_share: 'double', stop_strings: 'const char **', n_stop_strings: 'uint64_t',
    grammar: 'const char *', json_schema: 'const char *', sampling: 'const char *', patience_ms: 'int64_t', stop: 'void *',
    prompt_progress: 'CountFunction *', user_data: 'void *',
  }),
  chat_options: koffi.struct('plimsoll_chat_options', {
    size: 'uint32_t', form: 'int32_t', forget_oldest: 'int32_t', reserved: 'uint32_t', system: 'const char *',
    patience_ms: 'int64_t', stop: 'void *',
  }),
  generation_info: koffi.struct('plimsoll_generation_info', {
    size: 'uint32_t', finish_reason: 'int32_t', prompt_ms: 'double', generate_ms: 'double', prompt_tokens: 'int32_t',
    generated_tokens: 'int32_t', draft_tokens: 'int32_t', accepted_tokens: 'int32_t',
  }),
};
const FORMS = { template: 0, instruct: 1, role_names: 2 };
const POOLINGS = { unspecified: -1, none: 0, mean: 1, cls: 2, last: 3 };
const WARM_UPS = { automatic: 0, full: 1, quick: 2, none: 3 };
const FINISH_REASONS = ['running', 'end_of_generation', 'stop_string', 'length', 'cancelled'];

const functions = new Map();
function declared(name, parameters, returns = 'void *') {
  if (!functions.has(name)) functions.set(name, library.func(`${returns} plimsoll_${name}(${parameters})`));
  return functions.get(name);
}

const errorName = declared('error_name', 'void *error', 'const char *');
const errorMessage = declared('error_message', 'void *error', 'const char *');
const errorNumbers = declared('error_numbers', 'void *error', 'const char *');
const errorFree = declared('error_free', 'void *error', 'void');
const free = declared('free', 'void *memory');

// What a call failed with: code ("over_budget"), message and numbers.
export class PlimsollError extends Error {
  constructor(error) {
    super(errorMessage(error));
    this.name = 'PlimsollError';
    this.code = errorName(error);
    this.numbers = JSON.parse(errorNumbers(error));
    errorFree(error);
  }
}
function check(error) {
  if (error) throw new PlimsollError(error);
}

export const version = () => declared('version', '', 'const char *')();
// "enforcing": refusals hold; "advisory": trackerAdvice() says why not.
export const trackerMode = () => declared('tracker_mode', '', 'const char *')();
export const trackerAdvice = () => declared('tracker_advice', '', 'const char *')();

// plimsoll_NAME, on this thread or on one of koffi's.
const call = (name, parameters, ...values) => check(declared(name, parameters)(...values));
const callAsync = (name, parameters, ...values) =>
  new Promise((resolve, reject) =>
    declared(name, parameters).async(...values, (failed, error) => {
      try {
        if (failed) throw failed;
        check(error);
        resolve();
      } catch (thrown) {
        reject(thrown);
      }
    }));

// The struct with its defaults, and over them what is given.
function options(name, given) {
  const type = structs[name];
  const out = {};
  call(`${name}_init`, `_Out_ plimsoll_${name} *options, size_t size`, out, koffi.sizeof(type));
  for (const [member, value] of Object.entries(given)) {
    if (!(member in type.members)) throw new TypeError(`there is no option '${member}'`);
    if (value !== undefined) out[member] = value;
  }
  return out;
}

// A function of the program's that C calls: what it throws ends the call, and is thrown again by rethrow().
class Callback {
  constructor(type, told) {
    this.pointer = told === undefined ? null : koffi.register((data, ...values) => this.run(told, values), `${type} *`);
  }
  run(told, values) {
    try {
      return told(...values) === false ? 1 : 0;
    } catch (error) {
      this.thrown = { error };
      return 1;
    }
  }
  rethrow() {
    const { thrown } = this;
    this.thrown = undefined;
    if (thrown) throw thrown.error;
  }
  release() {
    if (this.pointer) koffi.unregister(this.pointer);
    this.pointer = null;
  }
}

// Closed once: by close(), by `using`, or when nobody has it any more.
const unreachable = new FinalizationRegistry(({ kind, handle }) => declared(`${kind}_close`, 'void *handle')(handle));
class Handle {
  constructor(kind, handle) {
    this.kind = kind;
    this.handle = handle;
    unreachable.register(this, { kind, handle }, this);
  }
  close() {
    if (this.closed) return;
    this.closed = true;
    unreachable.unregister(this);
    call(`${this.kind}_close`, 'void *handle', this.handle);
  }
  [Symbol.dispose ?? Symbol.for('dispose')]() {
    this.close();
  }
  text(name) {
    const out = [null];
    call(name, 'void *handle, _Out_ void **text', this.handle, out);
    const text = koffi.decode(out[0], 'char', -1);
    check(free(out[0]));
    return text;
  }
}

const OPENS = 'void *runtime, const char *path, plimsoll_model_options *options';

// The memory of this process: one at a time.
export class Runtime extends Handle {
  constructor({ budgets = [], store, requireEnforcing = false } = {}) {
    const given = { budgets, n_budgets: budgets.length, store, require_enforcing: requireEnforcing ? 1 : 0 };
    const out = [null];
    call('runtime_open', 'plimsoll_runtime_options *options, _Out_ void **runtime', options('runtime_options', given), out);
    super('runtime', out[0]);
  }
  async plan(path, given = {}) {
    return new Plan('plan', await this.#with('model_plan', '', path, given));
  }
  // A model that is ready; rejected, with what would fit, before anything is taken.
  async open(path, given = {}) {
    return new Model('model', await this.#with('model_open', '', path, given));
  }
  async openEmbedder(path, { pooling = 'unspecified', ...given } = {}) {
    return new Embedder('embedder', await this.#with('embedder_open', ', int32_t pooling', path, given, POOLINGS[pooling]));
  }
  status() {
    return JSON.parse(this.text('runtime_status_json'));
  }
  async #with(name, parameter, path, { load_progress, warm_up = 'automatic', ...given }, ...more) {
    const progress = new Callback('ShareFunction', load_progress);
    const out = [null];
    try {
      const asked = options('model_options', { ...given, warm_up: WARM_UPS[warm_up], load_progress: progress.pointer });
      await callAsync(name, `${OPENS}${parameter}, _Out_ void **out`, this.handle, path, asked, ...more, out);
    } catch (error) {
      progress.rethrow();
      throw error;
    } finally {
      progress.release();
    }
    return out[0];
  }
}

export class Plan extends Handle {
  // Throws what opening would throw.
  admit() {
    call('plan_admit', 'void *plan', this.handle);
  }
  // [{overrides, cost}]: overrides are for open(path, {..., overrides}).
  alternatives() {
    const count = [0];
    call('plan_n_alternatives', 'void *plan, _Out_ uint64_t *count', this.handle, count);
    return Array.from({ length: Number(count[0]) }, (_, index) => {
      const [overrides, cost] = [[null], [null]];
      call('plan_alternative', 'void *plan, uint64_t index, _Out_ const char **overrides, _Out_ const char **cost', this.handle, index, overrides, cost);
      return { overrides: overrides[0], cost: cost[0] };
    });
  }
  json() {
    return JSON.parse(this.text('plan_json'));
  }
  toString() {
    return this.text('plan_table');
  }
}

function generation(of, name, parameters, values, { prompt_progress, stop_strings = [], ...given }) {
  for (const key of ['json_schema', 'sampling'])
    if (typeof given[key] === 'object') given[key] = JSON.stringify(given[key]);
  const progress = new Callback('CountFunction', prompt_progress);
  const out = [null];
  try {
    const asked = options('generation_options', { ...given, stop_strings, n_stop_strings: stop_strings.length, prompt_progress: progress.pointer });
    call(name, `void *of, ${parameters}plimsoll_generation_options *options, _Out_ void **generation`, of.handle, ...values, asked, out);
  } catch (error) {
    progress.release();
    throw error;
  }
  return new Generation(out[0], progress);
}
const counted = (text) => [text, Buffer.byteLength(text)];
const COUNTED = 'const char *text, int64_t length, ';

// An answer on its way: `for await (const piece of generation)`, which closes it; or await generation.next().
export class Generation extends Handle {
  constructor(handle, progress) {
    super('generation', handle);
    this.progress = progress;
  }
  // The next piece of text; null at the end.
  async next() {
    const [piece, length] = [[null], [0]];
    try {
      await callAsync('generation_next', 'void *generation, _Out_ void **piece, _Out_ uint64_t *length', this.handle, piece, length);
    } finally {
      this.progress.rethrow();
    }
    return piece[0] === null ? null : Buffer.from(koffi.view(piece[0], Number(length[0]))).toString();
  }
  async *[Symbol.asyncIterator]() {
    try {
      for (let piece = await this.next(); piece !== null; piece = await this.next()) yield piece;
      this.last = this.info();
    } finally {
      this.close();
    }
  }
  async read() {
    let all = '';
    for await (const piece of this) all += piece;
    return all;
  }
  // Ends it; at any time.
  stop() {
    call('generation_stop', 'void *generation', this.handle);
  }
  info() {
    if (this.last) return this.last;
    const info = { size: koffi.sizeof(structs.generation_info), finish_reason: 0, prompt_ms: 0, generate_ms: 0, prompt_tokens: 0, generated_tokens: 0, draft_tokens: 0, accepted_tokens: 0 };
    call('generation_info_get', 'void *generation, _Inout_ plimsoll_generation_info *info', this.handle, info);
    return { ...info, finish_reason: FINISH_REASONS[info.finish_reason] };
  }
  close() {
    super.close();
    this.progress.release();
  }
}

export class Model extends Handle {
  generate(prompt, given = {}) {
    return generation(this, 'model_generate', COUNTED, counted(prompt), given);
  }
  chat({ system, form = 'template', forget_oldest = false } = {}) {
    const out = [null];
    call('chat_open', 'void *model, plimsoll_chat_options *options, _Out_ void **chat', this.handle,
      options('chat_options', { system, form: FORMS[form], forget_oldest: forget_oldest ? 1 : 0 }), out);
    return new Chat('chat', out[0]);
  }
  info() {
    return JSON.parse(this.text('model_json'));
  }
}

export class Chat extends Handle {
  say(text, given = {}) {
    return generation(this, 'chat_say', COUNTED, counted(text), given);
  }
  regenerate(given = {}) {
    return generation(this, 'chat_regenerate', '', [], given);
  }
  history() {
    return JSON.parse(this.text('chat_history_json'));
  }
}

export class Embedder extends Handle {
  // A Float32Array for each text; with pooling "none" the vectors of its tokens, one behind the other.
  async embed(texts) {
    const out = [null];
    await callAsync('embedder_embed', 'void *embedder, const char **texts, uint64_t count, void *options, _Out_ void **embeddings',
      this.handle, texts, texts.length, null, out);
    const made = new Handle('embeddings', out[0]);
    try {
      return texts.map((_, index) => {
        const [values, rows, width] = [[null], [0], [0]];
        call('embeddings_get', 'void *embeddings, uint64_t index, _Out_ void **values, _Out_ uint64_t *rows, _Out_ uint64_t *width, void *tokens',
          made.handle, index, values, rows, width, null);
        return new Float32Array(koffi.view(values[0], Number(rows[0]) * Number(width[0]) * 4).slice(0));
      });
    } finally {
      made.close();
    }
  }
}
