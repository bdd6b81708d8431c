// clang-format Language: C
/*
 * plimsoll.h: the C interface of Plimsoll. GGUF language models with every byte of memory planned before it is taken.
 *
 *   plimsoll_runtime *runtime = NULL;
 *   plimsoll_model *model = NULL;
 *   plimsoll_generation *answer = NULL;
 *   plimsoll_error *error = plimsoll_runtime_open(NULL, &runtime);
 *   if (!error) error = plimsoll_model_open(runtime, "model.gguf", NULL, &model);
 *   if (!error) error = plimsoll_model_generate(model, "Once upon a time", -1, NULL, &answer);
 *   const char *piece = NULL;
 *   while (!error && !(error = plimsoll_generation_next(answer, &piece, NULL)) && piece) fputs(piece, stdout);
 *   if (error) fprintf(stderr, "%s\n", plimsoll_error_message(error));
 *   plimsoll_error_free(error);
 *   plimsoll_generation_close(answer);
 *   plimsoll_model_close(model);
 *   plimsoll_runtime_close(runtime);
 *
 * ERRORS. A function that can fail returns a plimsoll_error *: NULL where it did what it was asked for, else an error
 * with a code, a sentence and numbers, which the caller frees with plimsoll_error_free(). Then nothing was changed but
 * what the function's comment says, and its out parameters are NULL or 0. No C++ exception leaves the library.
 *
 * HANDLES are opaque. Each is made by a function of this header and given back by its ..._close(). A handle is a name
 * and no address: the library looks it up and reads no memory through it. A handle that is NULL, that was closed, that
 * is of another kind, or that never was one, is an error (PLIMSOLL_USAGE) and nothing worse, and closing twice
 * likewise. Handles hold what they need, so they may be closed in any order: a model's memory is given back once the
 * model and everything that was made from it are closed. ..._close(NULL) does nothing. An error of a ..._close(), of
 * plimsoll_free(), plimsoll_stop_request() and plimsoll_generation_stop() needs no plimsoll_error_free(); freeing it
 * all the same does no harm.
 *
 * THREADS. Every function may be called from any thread, and different handles from different threads at once.
 *   - plimsoll_runtime, plimsoll_plan, plimsoll_model, plimsoll_embedder, plimsoll_embeddings, plimsoll_reranker,
 *     plimsoll_ranking, plimsoll_host, plimsoll_monitor, plimsoll_media, plimsoll_stop: several threads may use one
 *     handle at once.
 *   - plimsoll_generation, plimsoll_conversation, plimsoll_chat, plimsoll_lease: one call at a time. A second call
 *     while one is under way is an error (PLIMSOLL_USAGE); it does not wait. Closing, and plimsoll_generation_stop(),
 *     may be called at any time. What a call under way uses lives until that call returns.
 * Strings that a function lends (const char *) live as its comment says.
 * A process that fork() made has none of the threads. What it inherits it may close, which forgets it there; all else
 * returns PLIMSOLL_USAGE, and so does plimsoll_runtime_open() where handles beside stops were open. Fork first.
 *
 * CALLBACKS get the user_data that was given with them. They must return: no longjmp, no exception of another language.
 * A C++ exception that leaves a callback is caught, and becomes PLIMSOLL_CALLBACK_FAILED with its what().
 *   - A callback marked [quiet] is called from inside the engine, perhaps on another thread and with locks held. It may
 *     call plimsoll_error_...(), plimsoll_free(), plimsoll_model_tokenize(), plimsoll_model_text_of(),
 *     plimsoll_stop_request(), plimsoll_generation_stop() and every ..._close(); all else returns PLIMSOLL_USAGE. What
 *     it closes is destroyed once the call that it came from is over.
 *   - A callback marked [free] may call everything. The handle that it came from is in use meanwhile, but may be
 *     closed.
 *
 * TEXT is UTF-8. Names, paths and documents end with a NUL byte. Text with a length counts bytes; a length of -1 means
 * that it ends with a NUL byte. Lengths are 64 bits everywhere; 2,147,483,647 bytes is the most that the engine takes,
 * and more is PLIMSOLL_USAGE, so a -1 of 32 bits that was widened to 4,294,967,295 is found out.
 *
 * MEMORY. What a function writes to a char ** or int32_t ** out parameter was allocated by the library: free it with
 * plimsoll_free(). A const char ** is lent.
 *
 * STRUCTS begin with their size in bytes, and grow at their end. Fill one with its ..._init(&options, sizeof options),
 * then change what is to be changed. A library that knows more members than the caller takes their defaults. A library
 * that knows fewer refuses those that are set (PLIMSOLL_UNSUPPORTED) and goes on where they are all 0. A size that no
 * version ever had, 0 above all, is PLIMSOLL_USAGE. NULL in the place of an options struct means all defaults.
 *
 * THE HOOK. Refusals hold only where ggml's allocations pass through this library: plimsoll_tracker_mode().
 *
 * ABI. libplimsoll.so.0 keeps what this header says: functions and members are added, never changed or taken away.
 * Numbers of enumerations are never reused; expect new ones. docs/c-api.md has more, and examples in four languages.
 */
#ifndef PLIMSOLL_H
#define PLIMSOLL_H
/* NOLINTBEGIN(readability-identifier-naming): C's names */

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define PLIMSOLL_API __attribute__((visibility("default")))
#define PLIMSOLL_CHECKED __attribute__((visibility("default"), warn_unused_result))
#else
#define PLIMSOLL_API
#define PLIMSOLL_CHECKED
#endif

typedef int32_t plimsoll_bool; /* 0: no; anything else: yes */

typedef struct plimsoll_error plimsoll_error;
typedef struct plimsoll_stop plimsoll_stop;
typedef struct plimsoll_runtime plimsoll_runtime;
typedef struct plimsoll_plan plimsoll_plan;
typedef struct plimsoll_model plimsoll_model;
typedef struct plimsoll_generation plimsoll_generation;
typedef struct plimsoll_conversation plimsoll_conversation;
typedef struct plimsoll_chat plimsoll_chat;
typedef struct plimsoll_embedder plimsoll_embedder;
typedef struct plimsoll_embeddings plimsoll_embeddings;
typedef struct plimsoll_reranker plimsoll_reranker;
typedef struct plimsoll_ranking plimsoll_ranking;
typedef struct plimsoll_host plimsoll_host;
typedef struct plimsoll_lease plimsoll_lease;
typedef struct plimsoll_monitor plimsoll_monitor;
typedef struct plimsoll_media plimsoll_media;

/* ---------------------------------------------------------------------------------------------------------------------
 * Errors
 */

typedef int32_t plimsoll_code;
enum {
  PLIMSOLL_OK = 0,
  PLIMSOLL_USAGE = 1,                /* asked for what does not exist or contradicts itself; not a handle */
  PLIMSOLL_OVER_BUDGET = 2,          /* a budget of ours is short; the device was not asked */
  PLIMSOLL_OUT_OF_DEVICE_MEMORY = 3, /* the device's memory is short: too little free, or it refused an allocation */
  PLIMSOLL_MODEL_UNUSABLE = 4,       /* missing, unreadable, damaged, unknown, or it makes the engine give up */
  PLIMSOLL_CONTEXT_OVERFLOW = 5,     /* the prompt does not fit the context */
  PLIMSOLL_BUSY = 6,                 /* all sequences are taken, models at work hold the memory, or too many wait */
  PLIMSOLL_CANCELLED = 7,            /* the caller asked to stop */
  PLIMSOLL_SEALED = 8,               /* a ready model asked for more than its reservation holds */
  PLIMSOLL_UNSUPPORTED = 9,          /* the engine, this model or this version of the library cannot do that */
  PLIMSOLL_IO = 10,                  /* disk full, no permission */
  PLIMSOLL_ENGINE_FAILED = 11,       /* the engine reported a failure that none of the above names */
  PLIMSOLL_ARITHMETIC = 12,          /* a sum of bytes left its range */
  PLIMSOLL_INTERNAL = 13,            /* a broken promise of the library's own */
  PLIMSOLL_CALLBACK_FAILED = 14,     /* a callback of the program let an exception out */
  PLIMSOLL_OUT_OF_HOST_MEMORY = 15,  /* malloc had nothing left */
  PLIMSOLL_MODEL_CRASHED = 16        /* this request has ended the process of its model twice */
};

/* What these four lend lives until the error is freed. NULL is no error: PLIMSOLL_OK, "ok", "" and "{}". Any thread. */
PLIMSOLL_API plimsoll_code plimsoll_error_code(const plimsoll_error *error);
PLIMSOLL_API const char *plimsoll_error_name(const plimsoll_error *error);    /* "over_budget": stable */
PLIMSOLL_API const char *plimsoll_error_message(const plimsoll_error *error); /* a sentence for people */
/* The amounts behind the sentence, in the order they matter: {"needed": 123, "available": 45}. Whole numbers. */
PLIMSOLL_API const char *plimsoll_error_numbers(const plimsoll_error *error);
PLIMSOLL_API void plimsoll_error_free(plimsoll_error *error);

/* Frees what a function has allocated for the caller. NULL does nothing; what was not allocated, or was freed already
 * (as long as its place is not in use again), is PLIMSOLL_USAGE. */
PLIMSOLL_API plimsoll_error *plimsoll_free(void *memory);

/* ---------------------------------------------------------------------------------------------------------------------
 * The library and the process
 */

PLIMSOLL_API const char *plimsoll_version(void);        /* "0.2.0"; lives for ever */
PLIMSOLL_API const char *plimsoll_engine_version(void); /* llama.cpp's that it was built against; lives for ever */

/* Whether ggml's allocations pass through this library: "enforcing": what would exceed a budget or a sealed model's
 * reservation is refused; "advisory": it is planned and counted, and cannot be refused. It is enforcing where this
 * library was there before ggml's: where the program linked it, or opened it (dlopen, P/Invoke, ctypes, koffi) before
 * anything opened libllama or libggml. Lives for ever. */
PLIMSOLL_API const char *plimsoll_tracker_mode(void);
/* "advisory": what to do about it, in a sentence; "enforcing": "". Lives for ever. */
PLIMSOLL_API const char *plimsoll_tracker_advice(void);

/* Lines of the log that are at least this important. Without a function they go to stderr. */
enum {
  PLIMSOLL_LOG_DEBUG = 1,
  PLIMSOLL_LOG_INFO = 2,
  PLIMSOLL_LOG_WARN = 3,
  PLIMSOLL_LOG_ERROR = 4,
  PLIMSOLL_LOG_OFF = 5
};
/* [quiet] Any thread, one at a time; nothing can be closed inside it. `component`: the part that speaks ("engine");
 * both are lent for the call. */
typedef void (*plimsoll_log_function)(void *user_data, int32_t level, const char *component, const char *message);
/* For the process; PLIMSOLL_LOG_WARN is the default. When it returns, the function of before is not called any more. */
PLIMSOLL_CHECKED plimsoll_error *plimsoll_set_log(int32_t level, plimsoll_log_function function, void *user_data);

/* A wish to stop, for what waits or works: given in options, asked for from any thread, but not from a signal's
 * handler. What it ends returns PLIMSOLL_CANCELLED; a generation ends with PLIMSOLL_FINISH_CANCELLED. It stays asked
 * for. Closing it does not ask for it. */
PLIMSOLL_CHECKED plimsoll_error *plimsoll_stop_create(plimsoll_stop **stop);
PLIMSOLL_API plimsoll_error *plimsoll_stop_request(plimsoll_stop *stop);
PLIMSOLL_API plimsoll_error *plimsoll_stop_close(plimsoll_stop *stop);

/* [quiet] On the thread that asked for the work, or the model's decode loop. Not 0 ends the work as a plimsoll_stop
 * would. */
typedef int32_t (*plimsoll_share_function)(void *user_data, float share);                /* 0 to 1 */
typedef int32_t (*plimsoll_count_function)(void *user_data, uint64_t done, uint64_t of); /* of `of` */

/* ---------------------------------------------------------------------------------------------------------------------
 * Runtime: the memory of this process: its budgets, its ledger, its devices
 */

typedef struct plimsoll_runtime_options {
  uint32_t size;
  plimsoll_bool prefault;          /* 1: host memory is touched as it is taken, so that it is really there */
  plimsoll_bool require_enforcing; /* 0; 1: opening is refused where plimsoll_tracker_mode() is "advisory" */
  uint32_t reserved;               /* 0 */
  const char *const *budgets;      /* "Vulkan0=8GiB", "90%"; a device that none names: 90 % of an accelerator, and no
                                      limit on the host */
  uint64_t n_budgets;
  const char *store; /* what earlier runs have measured; NULL: plimsoll.db in the user's Plimsoll cache */
} plimsoll_runtime_options;
PLIMSOLL_CHECKED plimsoll_error *plimsoll_runtime_options_init(plimsoll_runtime_options *options, size_t size);

/* One per process at a time; a second one is PLIMSOLL_USAGE until the first, and all that was opened with it, is
 * closed. */
PLIMSOLL_CHECKED plimsoll_error *plimsoll_runtime_open(const plimsoll_runtime_options *options,
                                                       plimsoll_runtime **runtime);
PLIMSOLL_API plimsoll_error *plimsoll_runtime_close(plimsoll_runtime *runtime);

/* {"schema": "plimsoll.status/1", ...}: the devices as they are now, and every owner's bytes: docs/command-line.md#top.
 * What is not known is null. */
PLIMSOLL_CHECKED plimsoll_error *plimsoll_runtime_status_json(plimsoll_runtime *runtime, char **json);
/* Everything that changed the ledger, oldest first: one JSON object a line. The first lines are what the ledger held
 * before the first event (the log keeps the last 100,000). */
PLIMSOLL_CHECKED plimsoll_error *plimsoll_runtime_events_json(plimsoll_runtime *runtime, char **lines);

/* ---------------------------------------------------------------------------------------------------------------------
 * Plan: what a model would take, to the byte, and whether it fits
 */

enum {
  PLIMSOLL_WARM_UP_AUTOMATIC = 0,
  PLIMSOLL_WARM_UP_FULL = 1,
  PLIMSOLL_WARM_UP_QUICK = 2,
  PLIMSOLL_WARM_UP_NONE = 3
};
enum { PLIMSOLL_UNSET = INT32_MIN }; /* of a number: `settings` says it, or it has its default */

typedef struct plimsoll_model_options {
  uint32_t size;
  int32_t warm_up;    /* PLIMSOLL_WARM_UP_AUTOMATIC: every shape, in short where this machine has done it before */
  int32_t n_ctx;      /* PLIMSOLL_UNSET; tokens of all sequences together; 0: the model's own */
  int32_t n_seq_max;  /* PLIMSOLL_UNSET; conversations at a time: each has n_ctx / n_seq_max */
  int32_t gpu_layers; /* PLIMSOLL_UNSET: all; layers kept on accelerators */
  int32_t n_threads;  /* PLIMSOLL_UNSET: the physical cores that this process may use */
  const char *name;   /* who holds the bytes in the ledger; NULL: the file's name without its ending */
  /* Every other parameter, as lines of a [[model]] in a fleet file (docs/command-line.md has them all), such as
   * "cache-type-k = \"q8_0\"\nflash-attn = \"on\"\ndevice = \"none\"". A number above that is set overrules its
   * line. */
  const char *settings;
  const char *overrides; /* more such lines, which overrule all of the above: plimsoll_plan_alternative() gives some */
  const char *projector; /* a GGUF file that turns pictures and sounds into vectors; NULL: none */
  const char *const *adapters; /* LoRA files */
  const float *adapter_scales; /* one for each of them; NULL: 1 */
  uint64_t n_adapters;
  const char *draft;             /* a small model of the same vocabulary that proposes tokens; NULL: none */
  int32_t draft_most;            /* 8; tokens proposed at a time */
  float draft_least_probability; /* 0.5; proposals end with the first token that the draft gives less */
  plimsoll_share_function load_progress;
  void *user_data;     /* of load_progress */
  plimsoll_stop *stop; /* ends loading and warming up */
} plimsoll_model_options;
PLIMSOLL_CHECKED plimsoll_error *plimsoll_model_options_init(plimsoll_model_options *options, size_t size);

/* Nothing is taken, and what does not fit is an answer. A file that makes the engine give up ends this process: plan
 * files that are not trusted with the program (`plimsoll plan`). */
PLIMSOLL_CHECKED plimsoll_error *plimsoll_model_plan(plimsoll_runtime *runtime, const char *path,
                                                     const plimsoll_model_options *options, plimsoll_plan **plan);
PLIMSOLL_API plimsoll_error *plimsoll_plan_close(plimsoll_plan *plan);

/* The verdict: NULL where it fits, else the error that opening would end with: PLIMSOLL_OVER_BUDGET or
 * PLIMSOLL_OUT_OF_DEVICE_MEMORY with what is short, on which device, and what would fit. */
PLIMSOLL_CHECKED plimsoll_error *plimsoll_plan_admit(plimsoll_plan *plan);

typedef struct plimsoll_planned_device {
  uint32_t size;
  plimsoll_bool has_budget;
  plimsoll_bool has_free; /* 0: the device does not say */
  uint32_t reserved;
  uint64_t required; /* bytes, by the charged entries of all models */
  uint64_t budget;
  uint64_t free;
  uint64_t short_by;  /* 0: it fits */
  const char *device; /* ggml's name: "CPU", "Vulkan0"; lives until the plan is closed */
} plimsoll_planned_device;
PLIMSOLL_CHECKED plimsoll_error *plimsoll_plan_n_devices(plimsoll_plan *plan, uint64_t *count);
PLIMSOLL_CHECKED plimsoll_error *plimsoll_plan_device(plimsoll_plan *plan, uint64_t index,
                                                      plimsoll_planned_device *device);

/* Configurations near the one asked for that would fit, nearest first, at most three; none where it fits itself. */
PLIMSOLL_CHECKED plimsoll_error *plimsoll_plan_n_alternatives(plimsoll_plan *plan, uint64_t *count);
/* `overrides`: with these as plimsoll_model_options.overrides, and all else as it was planned, it fits. `cost`: what it
 * gives up, in words. Both live until the plan is closed; either may be NULL. */
PLIMSOLL_CHECKED plimsoll_error *plimsoll_plan_alternative(plimsoll_plan *plan, uint64_t index, const char **overrides,
                                                           const char **cost);
PLIMSOLL_CHECKED plimsoll_error *plimsoll_plan_json(plimsoll_plan *plan, char **json);   /* schema plimsoll.plan/1 */
PLIMSOLL_CHECKED plimsoll_error *plimsoll_plan_table(plimsoll_plan *plan, char **table); /* for people */

/* ---------------------------------------------------------------------------------------------------------------------
 * Model: planned, loaded, warmed up and sealed
 */

/* Plan, reserve, load, create the context, warm up, seal: what comes back is ready, and takes no memory any more. Where
 * it does not fit nothing was taken, and the message names what would. */
PLIMSOLL_CHECKED plimsoll_error *plimsoll_model_open(plimsoll_runtime *runtime, const char *path,
                                                     const plimsoll_model_options *options, plimsoll_model **model);
PLIMSOLL_API plimsoll_error *plimsoll_model_close(plimsoll_model *model);

typedef struct plimsoll_model_info {
  uint32_t size;
  int32_t n_layer;
  uint64_t n_params;
  int32_t n_vocab;
  int32_t n_embd_inp;   /* numbers of a vector that stands in a token's place */
  uint32_t n_ctx_train; /* tokens that it was trained on */
  uint32_t n_ctx;       /* tokens of all sequences together */
  uint32_t n_ctx_seq;   /* tokens of one */
  uint32_t n_seq_max;   /* conversations at a time */
  plimsoll_bool has_vocabulary;
  uint32_t reserved;
  uint64_t taken;                  /* bytes that the ledger has under its name */
  uint64_t allocations_after_seal; /* let through, inside the reservation */
  uint64_t refused_after_seal;
} plimsoll_model_info;
/* Set info->size first. */
PLIMSOLL_CHECKED plimsoll_error *plimsoll_model_info_get(plimsoll_model *model, plimsoll_model_info *info);
/* The same with name, architecture, description, and the planned and taken entries. */
PLIMSOLL_CHECKED plimsoll_error *plimsoll_model_json(plimsoll_model *model, char **json);

/* `with_begin_token`: what the model wants in front of a text. */
PLIMSOLL_CHECKED plimsoll_error *plimsoll_model_tokenize(plimsoll_model *model, const char *text, int64_t length,
                                                         plimsoll_bool with_begin_token, int32_t **tokens,
                                                         uint64_t *count);
/* `control_tokens`: as text ("<|im_end|>") instead of nothing. `length` may be NULL. */
PLIMSOLL_CHECKED plimsoll_error *plimsoll_model_text_of(plimsoll_model *model, const int32_t *tokens, uint64_t count,
                                                        plimsoll_bool control_tokens, char **text, uint64_t *length);

/* A further context on a model's weights: its cache, its buffers and its conversations are its own, and it computes in
 * turns with the others. */
typedef struct plimsoll_context_options {
  uint32_t size;
  int32_t warm_up;      /* PLIMSOLL_WARM_UP_AUTOMATIC */
  int32_t n_ctx;        /* PLIMSOLL_UNSET; as in plimsoll_model_options, like the next two */
  int32_t n_seq_max;    /* PLIMSOLL_UNSET */
  int32_t n_threads;    /* PLIMSOLL_UNSET */
  uint32_t reserved;    /* 0 */
  const char *name;     /* who holds its bytes in the ledger; NULL: the model's, with a number behind it */
  const char *settings; /* as plimsoll_model_options.settings; those of a context count */
  plimsoll_stop *stop;  /* ends warming up */
} plimsoll_context_options;
PLIMSOLL_CHECKED plimsoll_error *plimsoll_context_options_init(plimsoll_context_options *options, size_t size);

/* What comes back is a model like any other, without the first one's adapters, projector and draft. Only the context is
 * planned, reserved and taken. The weights stay while one of the two is open. */
PLIMSOLL_CHECKED plimsoll_error *plimsoll_model_open_context(plimsoll_model *model,
                                                             const plimsoll_context_options *options,
                                                             plimsoll_model **context);
/* What that would take beside what is held already; nothing is taken. */
PLIMSOLL_CHECKED plimsoll_error *plimsoll_model_plan_context(plimsoll_model *model,
                                                             const plimsoll_context_options *options,
                                                             plimsoll_plan **plan);

/* ---------------------------------------------------------------------------------------------------------------------
 * Media: a picture or a sound, decoded; a value, for models that were opened with a projector
 */

/* What stands for one in the text of a prompt ("<__media__>"). PLIMSOLL_USAGE where the model has no projector. */
PLIMSOLL_CHECKED plimsoll_error *plimsoll_model_media_marker(plimsoll_model *model, char **marker);
/* A file with a picture or a sound that the projector sees or hears. */
PLIMSOLL_CHECKED plimsoll_error *plimsoll_media_from_file(plimsoll_model *model, const char *path,
                                                          plimsoll_media **media);
/* [width x height x 3] bytes, red green blue, row by row from the top. */
PLIMSOLL_CHECKED plimsoll_error *plimsoll_media_from_pixels(uint32_t width, uint32_t height, const uint8_t *rgb,
                                                            uint64_t bytes, plimsoll_media **media);
/* One channel, -1 to 1, at the projector's rate (plimsoll_model_json(), "sound_rate"). */
PLIMSOLL_CHECKED plimsoll_error *plimsoll_media_from_samples(const float *samples, uint64_t count,
                                                             plimsoll_media **media);
PLIMSOLL_API plimsoll_error *plimsoll_media_close(plimsoll_media *media);

/* ---------------------------------------------------------------------------------------------------------------------
 * Generation: one answer on its way
 */

enum {
  PLIMSOLL_OVERFLOW_FAIL = 0,     /* PLIMSOLL_CONTEXT_OVERFLOW */
  PLIMSOLL_OVERFLOW_STOP = 1,     /* end with PLIMSOLL_FINISH_LENGTH */
  PLIMSOLL_OVERFLOW_SHIFT = 2,    /* forget some, move the rest up; where the memory cannot do that, as the next */
  PLIMSOLL_OVERFLOW_REPREFILL = 3 /* forget some, decode the rest again */
};
#define PLIMSOLL_RANDOM_SEED UINT32_C(0xFFFFFFFF)

/* A sampler of one's own: a link in the chain of samplers. */
enum {
  PLIMSOLL_SAMPLER_LAST = 0, /* behind what narrows, in front of what chooses: it sees what is left */
  PLIMSOLL_SAMPLER_FIRST = 1 /* in front of all others: it sees every token as the model gave it */
};
/* A token that may be chosen. */
typedef struct plimsoll_candidate {
  int32_t token;
  float logit; /* -INFINITY: forbidden */
  float p;     /* 0, until a sampler has computed probabilities */
} plimsoll_candidate;
/* Those that may still be chosen, lent for the call. Logits and the order may be changed where they stand; tokens may
 * be left out, by moving those that stay to the front and lowering `count`, to 1 at least; and one may be chosen, whose
 * place is written to `selected`. The samplers behind it go on with what it leaves. */
typedef struct plimsoll_candidates {
  uint32_t size;
  plimsoll_bool sorted; /* by falling logit, as they came */
  plimsoll_candidate *list;
  uint64_t count;
  int64_t selected; /* -1: none */
} plimsoll_candidates;
/* [quiet] Inside plimsoll_generation_next() and its like, on the model's decode loop, where all generations of the model
 * wait meanwhile. Once for each token; once more where what was chosen is forbidden by a grammar. Not 0 makes this token
 * the answer's last, as plimsoll_generation_stop() would. What breaks the rules above (a token that was not there, a
 * logit that is no number, nothing left) ends the generation with PLIMSOLL_USAGE and chooses nothing. */
typedef int32_t (*plimsoll_sample_function)(void *user_data, plimsoll_candidates *candidates);
/* [quiet] There, too: each token of the prompt, then each that was chosen, also by others than this sampler. */
typedef void (*plimsoll_accept_function)(void *user_data, int32_t token);

/* Defaults are llama.cpp's. */
typedef struct plimsoll_generation_options {
  uint32_t size;
  int32_t predict;                /* 256; tokens at most; < 0: until the context is full */
  uint32_t seed;                  /* PLIMSOLL_RANDOM_SEED */
  float temperature;              /* 0.8; <= 0: always the likeliest token */
  int32_t top_k;                  /* 40; <= 0: off */
  float top_p;                    /* 0.95; 1: off */
  float min_p;                    /* 0.05; 0: off */
  float typical_p;                /* 1: off */
  int32_t penalty_last_n;         /* 64; tokens looked back on; 0: off; -1: the model's training context */
  float penalty_repeat;           /* 1: off */
  float penalty_frequency;        /* 0: off */
  float penalty_presence;         /* 0: off */
  plimsoll_bool keep_stop_string; /* 0; 1: the stop string that ended it is shown */
  plimsoll_bool ignore_end_of_generation;
  plimsoll_bool show_special;    /* 0; 1: control tokens as text instead of nothing */
  int32_t overflow;              /* PLIMSOLL_OVERFLOW_FAIL: where the context is full before the answer ends */
  uint64_t overflow_keep;        /* 0; tokens at the beginning that are never forgotten */
  double overflow_discard_share; /* 0.5; of the others, those forgotten at a time */
  const char *const *stop_strings;
  uint64_t n_stop_strings;
  const char *grammar;     /* GBNF; NULL: none */
  const char *json_schema; /* in the place of a grammar: the answer is JSON that this schema holds; NULL: none */
  /* Every other parameter of sampling, as a JSON object with llama-server's names: {"xtc_probability": 0.1,
   * "logit_bias": [[15, -1.0]], "samplers": ["top_k", "temperature"]}. It overrules the numbers above. */
  const char *sampling;
  int64_t patience_ms; /* 0; plimsoll_model_generate(): where every sequence is taken, wait that long and then be
                          PLIMSOLL_BUSY; -1: as long as it takes */
  plimsoll_stop *stop;
  plimsoll_count_function prompt_progress; /* tokens of the prompt decoded; inside plimsoll_generation_next() */
  void *user_data;                         /* of prompt_progress */
  plimsoll_sample_function sample;         /* a sampler of one's own among those above; NULL: none */
  plimsoll_accept_function accept;         /* NULL: it is told nothing */
  void *sampler_data;                      /* of these two, which are needed as long as the generation lives */
  int32_t sampler_place;                   /* PLIMSOLL_SAMPLER_LAST */
  uint32_t reserved;                       /* 0 */
} plimsoll_generation_options;
PLIMSOLL_CHECKED plimsoll_error *plimsoll_generation_options_init(plimsoll_generation_options *options, size_t size);

/* A request that knows nothing of any other, on a sequence of its own. The prompt is read with the model's begin token
 * and its special tokens. Nothing is computed before the first plimsoll_generation_next(). */
PLIMSOLL_CHECKED plimsoll_error *plimsoll_model_generate(plimsoll_model *model, const char *prompt, int64_t length,
                                                         const plimsoll_generation_options *options,
                                                         plimsoll_generation **generation);
/* Leaving a generation before its end is fine: what it generated stays in its conversation. One under way in another
 * thread is stopped. */
PLIMSOLL_API plimsoll_error *plimsoll_generation_close(plimsoll_generation *generation);

/* The next piece of text: whole characters, never empty, with a NUL byte behind it; NULL at the end. Lent until the
 * next call with this generation. `length` may be NULL. Errors: PLIMSOLL_ENGINE_FAILED, _SEALED, _OUT_OF_DEVICE_MEMORY,
 * _CONTEXT_OVERFLOW, _CALLBACK_FAILED. */
PLIMSOLL_CHECKED plimsoll_error *plimsoll_generation_next(plimsoll_generation *generation, const char **piece,
                                                          uint64_t *length);
/* [free] On the thread that called plimsoll_generation_each(). The piece is lent for the call. Not 0 ends it. */
typedef int32_t (*plimsoll_piece_function)(void *user_data, const char *piece, uint64_t length);
/* The rest of it, piece by piece. A callback that closes the generation ends it: PLIMSOLL_CANCELLED. */
PLIMSOLL_CHECKED plimsoll_error *plimsoll_generation_each(plimsoll_generation *generation,
                                                          plimsoll_piece_function function, void *user_data);
/* The rest of it in one. `length` may be NULL. */
PLIMSOLL_CHECKED plimsoll_error *plimsoll_generation_rest(plimsoll_generation *generation, char **text,
                                                          uint64_t *length);
/* Ends it with PLIMSOLL_FINISH_CANCELLED, within one micro-batch. Any thread, also while a call is under way. */
PLIMSOLL_API plimsoll_error *plimsoll_generation_stop(plimsoll_generation *generation);

enum {
  PLIMSOLL_FINISH_RUNNING = 0,
  PLIMSOLL_FINISH_END_OF_GENERATION = 1,
  PLIMSOLL_FINISH_STOP_STRING = 2,
  PLIMSOLL_FINISH_LENGTH = 3,
  PLIMSOLL_FINISH_CANCELLED = 4
};
typedef struct plimsoll_generation_info {
  uint32_t size;
  int32_t finish_reason;
  double prompt_ms;
  double generate_ms; /* first token to last */
  int32_t prompt_tokens;
  int32_t generated_tokens;
  int32_t draft_tokens;    /* proposed by the model's draft */
  int32_t accepted_tokens; /* of those */
} plimsoll_generation_info;
/* Set info->size first. */
PLIMSOLL_CHECKED plimsoll_error *plimsoll_generation_info_get(plimsoll_generation *generation,
                                                              plimsoll_generation_info *info);
PLIMSOLL_CHECKED plimsoll_error *plimsoll_generation_tokens(plimsoll_generation *generation, int32_t **tokens,
                                                            uint64_t *count);
/* The one that ended it, or "". */
PLIMSOLL_CHECKED plimsoll_error *plimsoll_generation_stop_string(plimsoll_generation *generation, char **text);

/* ---------------------------------------------------------------------------------------------------------------------
 * Conversation: one sequence of a model: tokens that it remembers, and goes on with. While a generation of it is under
 * way, what would change it is PLIMSOLL_USAGE.
 */

/* Empty, on a sequence that it keeps until it is closed. PLIMSOLL_BUSY after `patience_ms` where all are taken (0: at
 * once; -1: never). `stop` may be NULL. */
PLIMSOLL_CHECKED plimsoll_error *plimsoll_conversation_open(plimsoll_model *model, int64_t patience_ms,
                                                            plimsoll_stop *stop, plimsoll_conversation **conversation);
/* One that plimsoll_conversation_save() wrote, for the same model file. */
PLIMSOLL_CHECKED plimsoll_error *plimsoll_conversation_load(plimsoll_model *model, const char *path,
                                                            int64_t patience_ms, plimsoll_stop *stop,
                                                            plimsoll_conversation **conversation);
/* A second one with the same past. Not of a lease. */
PLIMSOLL_CHECKED plimsoll_error *plimsoll_conversation_fork(plimsoll_conversation *conversation,
                                                            plimsoll_conversation **fork);
PLIMSOLL_API plimsoll_error *plimsoll_conversation_close(plimsoll_conversation *conversation);

/* Appends the text, and generates what follows. NULL: goes on with what is there. */
PLIMSOLL_CHECKED plimsoll_error *plimsoll_conversation_generate(plimsoll_conversation *conversation, const char *text,
                                                                int64_t length,
                                                                const plimsoll_generation_options *options,
                                                                plimsoll_generation **generation);
/* Append; nothing is decoded as yet. */
PLIMSOLL_CHECKED plimsoll_error *plimsoll_conversation_prompt(plimsoll_conversation *conversation, const char *text,
                                                              int64_t length);
/* Each marker in the text stands for one of the media, in their order, which are encoded here. PLIMSOLL_USAGE: another
 * number of markers, no projector; PLIMSOLL_SEALED: larger than planned. */
PLIMSOLL_CHECKED plimsoll_error *plimsoll_conversation_prompt_media(plimsoll_conversation *conversation,
                                                                    const char *text, int64_t length,
                                                                    plimsoll_media *const *media, uint64_t count);
PLIMSOLL_CHECKED plimsoll_error *plimsoll_conversation_prompt_tokens(plimsoll_conversation *conversation,
                                                                     const int32_t *tokens, uint64_t count);
/* Makes it consist of these tokens. `reused` (may be NULL): how many of them its memory has already. */
PLIMSOLL_CHECKED plimsoll_error *plimsoll_conversation_replace(plimsoll_conversation *conversation,
                                                               const int32_t *tokens, uint64_t count, uint64_t *reused);
/* For a loop of one's own: decodes what waits; then lends the logits after the last token, n_vocab of them, until the
 * next call with this conversation. `stop` may be NULL. */
PLIMSOLL_CHECKED plimsoll_error *plimsoll_conversation_infer(plimsoll_conversation *conversation, plimsoll_stop *stop);
PLIMSOLL_CHECKED plimsoll_error *plimsoll_conversation_logits(plimsoll_conversation *conversation, const float **logits,
                                                              uint64_t *count);

/* Tokens that it has, and that fit at all. Either may be NULL. */
PLIMSOLL_CHECKED plimsoll_error *plimsoll_conversation_size(plimsoll_conversation *conversation, uint64_t *size,
                                                            uint64_t *capacity);
PLIMSOLL_CHECKED plimsoll_error *plimsoll_conversation_tokens(plimsoll_conversation *conversation, int32_t **tokens,
                                                              uint64_t *count);
PLIMSOLL_CHECKED plimsoll_error *plimsoll_conversation_text(plimsoll_conversation *conversation,
                                                            plimsoll_bool control_tokens, char **text,
                                                            uint64_t *length);
PLIMSOLL_CHECKED plimsoll_error *plimsoll_conversation_rewind(plimsoll_conversation *conversation,
                                                              uint64_t tokens); /* takes the last ones back */
/* Forgets `count` tokens after the first `keep`, and moves the others up; where the model's memory cannot do that, they
 * are decoded again. */
PLIMSOLL_CHECKED plimsoll_error *plimsoll_conversation_forget(plimsoll_conversation *conversation, uint64_t count,
                                                              uint64_t keep);
PLIMSOLL_CHECKED plimsoll_error *plimsoll_conversation_clear(plimsoll_conversation *conversation);
/* A file that is there is replaced once the new one is whole. */
PLIMSOLL_CHECKED plimsoll_error *plimsoll_conversation_save(plimsoll_conversation *conversation, const char *path);

/* ---------------------------------------------------------------------------------------------------------------------
 * Chat: a history that can be edited, and a memory of the model that follows it
 */

enum {
  PLIMSOLL_FORM_TEMPLATE = 0,  /* the model's own template */
  PLIMSOLL_FORM_INSTRUCT = 1,  /* "### Instruction:" and "### Response:" */
  PLIMSOLL_FORM_ROLE_NAMES = 2 /* "User: ...\nAssistant: ...\n", for models that know no template */
};
typedef struct plimsoll_chat_options {
  uint32_t size;
  int32_t form;                /* PLIMSOLL_FORM_TEMPLATE */
  plimsoll_bool forget_oldest; /* 0: PLIMSOLL_CONTEXT_OVERFLOW where the chat no longer fits; 1: leave its oldest
                                  exchanges out of the prompt */
  uint32_t reserved;
  const char *system;  /* the system message; NULL: none */
  int64_t patience_ms; /* 0; as plimsoll_conversation_open() */
  plimsoll_stop *stop; /* of waiting for a sequence */
} plimsoll_chat_options;
PLIMSOLL_CHECKED plimsoll_error *plimsoll_chat_options_init(plimsoll_chat_options *options, size_t size);

/* Keeps one sequence of the model until it is closed. One turn at a time: while one is under way, what would change or
 * save the chat is PLIMSOLL_USAGE. */
PLIMSOLL_CHECKED plimsoll_error *plimsoll_chat_open(plimsoll_model *model, const plimsoll_chat_options *options,
                                                    plimsoll_chat **chat);
PLIMSOLL_API plimsoll_error *plimsoll_chat_close(plimsoll_chat *chat);

/* Says `text` as the user, and answers. The user's message joins the history at once, the answer when the turn ends; a
 * turn that fails or is left before its first piece takes the user's message back. */
PLIMSOLL_CHECKED plimsoll_error *plimsoll_chat_say(plimsoll_chat *chat, const char *text, int64_t length,
                                                   const plimsoll_generation_options *options,
                                                   plimsoll_generation **generation);
/* The same with pictures and sounds: each stands where the text has plimsoll_model_media_marker, or all in front of a
 * text without one. PLIMSOLL_USAGE: another number of markers, no projector; PLIMSOLL_SEALED: larger than planned. They
 * may be closed once this has returned. */
PLIMSOLL_CHECKED plimsoll_error *plimsoll_chat_say_media(plimsoll_chat *chat, const char *text, int64_t length,
                                                         plimsoll_media *const *media, uint64_t count,
                                                         const plimsoll_generation_options *options,
                                                         plimsoll_generation **generation);
/* The last answer again; the old one stays where nothing comes. */
PLIMSOLL_CHECKED plimsoll_error *plimsoll_chat_regenerate(plimsoll_chat *chat,
                                                          const plimsoll_generation_options *options,
                                                          plimsoll_generation **generation);
/* The history as it is. */
PLIMSOLL_CHECKED plimsoll_error *plimsoll_chat_answer(plimsoll_chat *chat, const plimsoll_generation_options *options,
                                                      plimsoll_generation **generation);

/* [{"role": "user", "content": "..."}, ...] */
PLIMSOLL_CHECKED plimsoll_error *plimsoll_chat_history_json(plimsoll_chat *chat, char **json);
/* The history alone; memory follows with the next turn. `role`: "system" (the first alone), "user", "assistant",
 * "tool". */
PLIMSOLL_CHECKED plimsoll_error *plimsoll_chat_add(plimsoll_chat *chat, const char *role, const char *content,
                                                   int64_t length);
PLIMSOLL_CHECKED plimsoll_error *plimsoll_chat_replace(plimsoll_chat *chat, uint64_t index, const char *content,
                                                       int64_t length);
PLIMSOLL_CHECKED plimsoll_error *plimsoll_chat_remove_from(plimsoll_chat *chat, uint64_t index);
/* Takes the last answer and what it answered back. `undone` (may be NULL): 0 where there is none. */
PLIMSOLL_CHECKED plimsoll_error *plimsoll_chat_undo(plimsoll_chat *chat, plimsoll_bool *undone);
PLIMSOLL_CHECKED plimsoll_error *plimsoll_chat_set_system(plimsoll_chat *chat, const char *text); /* NULL: none */
PLIMSOLL_CHECKED plimsoll_error *plimsoll_chat_clear(plimsoll_chat *chat); /* all but the system message */
/* History, tokens and memory: whole or not at all. On the same model it always loads. */
PLIMSOLL_CHECKED plimsoll_error *plimsoll_chat_save(plimsoll_chat *chat, const char *path);
PLIMSOLL_CHECKED plimsoll_error *plimsoll_chat_load(plimsoll_chat *chat, const char *path);

/* ---------------------------------------------------------------------------------------------------------------------
 * Embeddings and ranking
 */

enum {
  PLIMSOLL_POOLING_UNSPECIFIED = -1, /* the model's own */
  PLIMSOLL_POOLING_NONE = 0,         /* a vector for each token */
  PLIMSOLL_POOLING_MEAN = 1,
  PLIMSOLL_POOLING_CLS = 2,
  PLIMSOLL_POOLING_LAST = 3
};
/* n_seq_max of the options: texts that go through the model together. */
PLIMSOLL_CHECKED plimsoll_error *plimsoll_embedder_open(plimsoll_runtime *runtime, const char *path,
                                                        const plimsoll_model_options *options, int32_t pooling,
                                                        plimsoll_embedder **embedder);
PLIMSOLL_API plimsoll_error *plimsoll_embedder_close(plimsoll_embedder *embedder);
/* Numbers of a vector; tokens that one text may have. Either may be NULL. */
PLIMSOLL_CHECKED plimsoll_error *plimsoll_embedder_limits(plimsoll_embedder *embedder, uint64_t *width,
                                                          uint64_t *longest_input);

typedef struct plimsoll_embed_options {
  uint32_t size;
  plimsoll_bool normalise; /* 1: to length 1 */
  plimsoll_stop *stop;
  plimsoll_count_function progress; /* texts, after each batch */
  void *user_data;                  /* of progress */
} plimsoll_embed_options;
PLIMSOLL_CHECKED plimsoll_error *plimsoll_embed_options_init(plimsoll_embed_options *options, size_t size);

/* In the order of the texts. PLIMSOLL_CONTEXT_OVERFLOW: one is too long, and nothing was computed. */
PLIMSOLL_CHECKED plimsoll_error *plimsoll_embedder_embed(plimsoll_embedder *embedder, const char *const *texts,
                                                         uint64_t count, const plimsoll_embed_options *options,
                                                         plimsoll_embeddings **embeddings);
PLIMSOLL_API plimsoll_error *plimsoll_embeddings_close(plimsoll_embeddings *embeddings);
PLIMSOLL_CHECKED plimsoll_error *plimsoll_embeddings_count(plimsoll_embeddings *embeddings, uint64_t *count);
/* Of one text: `rows` vectors of `width` numbers, row after row, lent until the embeddings are closed: one row, or with
 * PLIMSOLL_POOLING_NONE one for each token. `tokens`, of the text, may be NULL. */
PLIMSOLL_CHECKED plimsoll_error *plimsoll_embeddings_get(plimsoll_embeddings *embeddings, uint64_t index,
                                                         const float **values, uint64_t *rows, uint64_t *width,
                                                         uint64_t *tokens);

PLIMSOLL_CHECKED plimsoll_error *plimsoll_reranker_open(plimsoll_runtime *runtime, const char *path,
                                                        const plimsoll_model_options *options,
                                                        plimsoll_reranker **reranker);
PLIMSOLL_API plimsoll_error *plimsoll_reranker_close(plimsoll_reranker *reranker);

typedef struct plimsoll_rank_options {
  uint32_t size;
  plimsoll_bool sigmoid;  /* 0; 1: scores as probabilities instead of the model's own numbers */
  plimsoll_bool truncate; /* 0; 1: a document that is too long loses its end, instead of being refused */
  uint32_t reserved;
  uint64_t top_n; /* 0: all, in the order of the documents; else the best N only, best first */
  plimsoll_stop *stop;
} plimsoll_rank_options;
PLIMSOLL_CHECKED plimsoll_error *plimsoll_rank_options_init(plimsoll_rank_options *options, size_t size);

typedef struct plimsoll_ranked {
  uint32_t size;
  float score;
  uint64_t document; /* its place in the input */
  uint64_t tokens;   /* query, document and what the model puts around them */
  plimsoll_bool truncated;
  uint32_t reserved;
} plimsoll_ranked;
PLIMSOLL_CHECKED plimsoll_error *plimsoll_reranker_rank(plimsoll_reranker *reranker, const char *query,
                                                        const char *const *documents, uint64_t count,
                                                        const plimsoll_rank_options *options,
                                                        plimsoll_ranking **ranking);
PLIMSOLL_API plimsoll_error *plimsoll_ranking_close(plimsoll_ranking *ranking);
PLIMSOLL_CHECKED plimsoll_error *plimsoll_ranking_count(plimsoll_ranking *ranking, uint64_t *count);
/* Set ranked->size first. */
PLIMSOLL_CHECKED plimsoll_error *plimsoll_ranking_get(plimsoll_ranking *ranking, uint64_t index,
                                                      plimsoll_ranked *ranked);

/* ---------------------------------------------------------------------------------------------------------------------
 * Host: the models of a fleet, loaded when they are asked for, evicted when others need their place
 */

/* [quiet] With the host's lock held: it must be quick, and must close nothing. States: "absent", "loading", "warming",
 * "ready", "draining", "swapped", "failed". */
typedef void (*plimsoll_change_function)(void *user_data, const char *model, const char *from, const char *to);
/* [quiet] Likewise. How much a model would be missed, >= 0: of sets of equal size the one with the smallest sum
 * goes. */
typedef double (*plimsoll_regret_function)(void *user_data, const char *model, int64_t idle_ms, int64_t reload_ms,
                                           int32_t priority);

typedef struct plimsoll_host_options {
  uint32_t size;
  uint32_t reserved;
  uint64_t longest_queue; /* 1000; requests that wait; who comes then is PLIMSOLL_BUSY */
  plimsoll_change_function on_change;
  plimsoll_regret_function regret; /* NULL: as the fleet's `eviction` says */
  void *user_data;                 /* of both */
  /* The program `plimsoll`, which is run as the process of models that have one (isolation = "process" in the fleet).
   * NULL: the one that was installed with this library, else the one in PATH; where there is none, such a model is
   * PLIMSOLL_UNSUPPORTED. */
  const char *program;
} plimsoll_host_options;
PLIMSOLL_CHECKED plimsoll_error *plimsoll_host_options_init(plimsoll_host_options *options, size_t size);

/* The fleet of a TOML file: docs/hosting.md. Plans every model; loads those that are to be loaded at start, which is
 * not waited for. */
PLIMSOLL_CHECKED plimsoll_error *plimsoll_host_open(plimsoll_runtime *runtime, const char *fleet_file,
                                                    const plimsoll_host_options *options, plimsoll_host **host);
/* The same of a text; relative paths in it begin at `folder` (NULL: the working folder). */
PLIMSOLL_CHECKED plimsoll_error *plimsoll_host_open_text(plimsoll_runtime *runtime, const char *fleet,
                                                         const char *folder, const plimsoll_host_options *options,
                                                         plimsoll_host **host);
/* The host ends with the last of its leases and monitors: then loads are stopped, and everything is given back. */
PLIMSOLL_API plimsoll_error *plimsoll_host_close(plimsoll_host *host);

typedef struct plimsoll_acquire_options {
  uint32_t size;
  plimsoll_bool wait;    /* 1; 0: PLIMSOLL_BUSY where models at work hold the memory */
  uint64_t conversation; /* 0: one that ends with the lease; else go on with that one */
  int64_t patience_ms;   /* -1: wait as long as it takes; else PLIMSOLL_BUSY after that */
  plimsoll_stop *stop;
} plimsoll_acquire_options;
PLIMSOLL_CHECKED plimsoll_error *plimsoll_acquire_options_init(plimsoll_acquire_options *options, size_t size);

/* Waits until the model is ready and has a slot free. While the lease is open, its model is not evicted. */
PLIMSOLL_CHECKED plimsoll_error *plimsoll_host_acquire(plimsoll_host *host, const char *model,
                                                       const plimsoll_acquire_options *options, plimsoll_lease **lease);
PLIMSOLL_API plimsoll_error *plimsoll_lease_close(plimsoll_lease *lease);
/* Its sequence of the model's context. Once the lease is closed, all calls with it are PLIMSOLL_USAGE. */
PLIMSOLL_CHECKED plimsoll_error *plimsoll_lease_conversation(plimsoll_lease *lease,
                                                             plimsoll_conversation **conversation);
/* Of a model that the fleet has for embeddings, or for ranking; else PLIMSOLL_USAGE. */
PLIMSOLL_CHECKED plimsoll_error *plimsoll_lease_embed(plimsoll_lease *lease, const char *const *texts, uint64_t count,
                                                      const plimsoll_embed_options *options,
                                                      plimsoll_embeddings **embeddings);
PLIMSOLL_CHECKED plimsoll_error *plimsoll_lease_rank(plimsoll_lease *lease, const char *query,
                                                     const char *const *documents, uint64_t count,
                                                     const plimsoll_rank_options *options, plimsoll_ranking **ranking);

/* A conversation that outlives its leases, and its model's stay on the device. Nothing is taken for it until it is
 * first used. Never 0. */
PLIMSOLL_CHECKED plimsoll_error *plimsoll_host_new_conversation(plimsoll_host *host, const char *model,
                                                                uint64_t *conversation);
/* PLIMSOLL_BUSY while it has a lease. */
PLIMSOLL_CHECKED plimsoll_error *plimsoll_host_end_conversation(plimsoll_host *host, uint64_t conversation);

/* Without a lease: waits for it (`stop` may be NULL); once nobody has a lease: does not wait; never evicted for another
 * model. */
PLIMSOLL_CHECKED plimsoll_error *plimsoll_host_load(plimsoll_host *host, const char *model, plimsoll_stop *stop);
PLIMSOLL_CHECKED plimsoll_error *plimsoll_host_unload(plimsoll_host *host, const char *model);
PLIMSOLL_CHECKED plimsoll_error *plimsoll_host_pin(plimsoll_host *host, const char *model, plimsoll_bool pinned);

/* Another fleet in the place of this one: models come, go or become others, one after the other as their leases end, and
 * the rest works on. `applied`: 0 where nothing was changed, since the fleet contradicts itself, a model that is new or
 * declared otherwise cannot be used or does not fit even alone, or one that fitted does not under the new budgets.
 * `report` (may be NULL): {"applied": true, "added": ["a"], "changed": [], "removed": [], "unchanged": ["b"],
 * "later": [settings that count for the next host only], "reasons": [why not; of what was applied: what is wrong with
 * single models all the same]}. `stop` (may be NULL): PLIMSOLL_CANCELLED where it was asked for before the change
 * began. */
PLIMSOLL_CHECKED plimsoll_error *plimsoll_host_reload(plimsoll_host *host, const char *fleet_file, plimsoll_stop *stop,
                                                      plimsoll_bool *applied, char **report);
/* The same of a text; relative paths in it begin at `folder` (NULL: the working folder). */
PLIMSOLL_CHECKED plimsoll_error *plimsoll_host_reload_text(plimsoll_host *host, const char *fleet, const char *folder,
                                                           plimsoll_stop *stop, plimsoll_bool *applied, char **report);

/* {"schema": "plimsoll.status/1", ...}: devices, models with their states and bytes, who waits. */
PLIMSOLL_CHECKED plimsoll_error *plimsoll_host_status_json(plimsoll_host *host, char **json);
/* Of its models, as they are planned by now. */
PLIMSOLL_CHECKED plimsoll_error *plimsoll_host_plan(plimsoll_host *host, plimsoll_plan **plan);

/* ---------------------------------------------------------------------------------------------------------------------
 * Monitor: samples at an interval; alerts; metrics
 */

/* [free] On the monitor's thread, or that of plimsoll_monitor_sample(). {"at": "...", "kind": "threshold", "severity":
 * "warning", "device": "CPU", "model": null, "numbers": {...}, "sentence": "..."}, lent for the call. It must not close
 * the monitor: that waits for it, and is PLIMSOLL_USAGE. */
typedef void (*plimsoll_alert_function)(void *user_data, const char *alert);

typedef struct plimsoll_monitor_options {
  uint32_t size;
  uint32_t interval_ms; /* 1000; 0: no thread, only plimsoll_monitor_sample() */
  uint64_t history;     /* 600; samples that are kept */
  double warn; /* 0.85 and 0.95: shares of each budget from which on it alerts; of a runtime's budgets, a host */
  double high; /* has its fleet's */
  plimsoll_alert_function on_alert;
  void *user_data; /* of on_alert */
} plimsoll_monitor_options;
PLIMSOLL_CHECKED plimsoll_error *plimsoll_monitor_options_init(plimsoll_monitor_options *options, size_t size);

PLIMSOLL_CHECKED plimsoll_error *plimsoll_monitor_open(plimsoll_host *host, const plimsoll_monitor_options *options,
                                                       plimsoll_monitor **monitor);
/* Devices, budgets and ledger alone. */
PLIMSOLL_CHECKED plimsoll_error *plimsoll_monitor_open_runtime(plimsoll_runtime *runtime,
                                                               const plimsoll_monitor_options *options,
                                                               plimsoll_monitor **monitor);
/* Ends its thread, and waits for a callback that is at work. */
PLIMSOLL_API plimsoll_error *plimsoll_monitor_close(plimsoll_monitor *monitor);

/* A sample at once; kept, and looked at for alerts, like others. */
PLIMSOLL_CHECKED plimsoll_error *plimsoll_monitor_sample(plimsoll_monitor *monitor);
/* The latest sample as plimsoll.status/1; "null" before the first. */
PLIMSOLL_CHECKED plimsoll_error *plimsoll_monitor_status_json(plimsoll_monitor *monitor, char **json);
/* An array of alerts as plimsoll_alert_function gets them, oldest first. */
PLIMSOLL_CHECKED plimsoll_error *plimsoll_monitor_alerts_json(plimsoll_monitor *monitor, char **json);
/* The latest sample as Prometheus' text format: docs/monitoring.md. */
PLIMSOLL_CHECKED plimsoll_error *plimsoll_monitor_prometheus(plimsoll_monitor *monitor, char **text);

/* ---------------------------------------------------------------------------------------------------------------------
 * Quantizing: a model file into one of another type
 */

typedef struct plimsoll_quantize_options {
  uint32_t size;
  int32_t n_threads;                /* 0: as many as the machine has */
  plimsoll_bool allow_requantize;   /* 0; 1: also from types that have lost something already: the result is worse */
  plimsoll_bool pure;               /* 0; 1: every tensor the same type, instead of the engine's mixture */
  plimsoll_bool dry_run;            /* 0; 1: only say how large it would be */
  plimsoll_bool overwrite;          /* 0; 1: replace a file that is there already; never the input */
  const char *imatrix;              /* NULL: none */
  const char *program;              /* `plimsoll`, which does the work; NULL: the one in PATH */
  plimsoll_count_function progress; /* tensors */
  void *user_data;                  /* of progress */
  plimsoll_stop *stop;
} plimsoll_quantize_options;
PLIMSOLL_CHECKED plimsoll_error *plimsoll_quantize_options_init(plimsoll_quantize_options *options, size_t size);

typedef struct plimsoll_quantized {
  uint32_t size;
  uint32_t reserved;
  uint64_t before; /* bytes of tensors */
  uint64_t after;
  uint64_t tensors;
  uint64_t files; /* written: a model in parts has several */
} plimsoll_quantized;
/* `type`: "Q4_K_M", as llama.cpp's tools spell it. The work is done in a process of its own, the program `plimsoll`: a
 * file that makes the engine give up costs that process, and nothing half written appears under the name that was asked
 * for. `quantized` (may be NULL): set quantized->size first. PLIMSOLL_UNSUPPORTED: there is no such program. */
PLIMSOLL_CHECKED plimsoll_error *plimsoll_quantize_file(const char *input, const char *output, const char *type,
                                                        const plimsoll_quantize_options *options,
                                                        plimsoll_quantized *quantized);

#ifdef __cplusplus
}
#endif
/* NOLINTEND(readability-identifier-naming) */
#endif /* PLIMSOLL_H */
