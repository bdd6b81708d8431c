// A program as people write them: it uses llama and knows nothing of a guard. What it does stands on its command line,
// a word each; it prints a line for each, and ends with 0 whatever the engine answered.
//
//   model=FILE          loads it, with every layer on the devices (model@0=FILE: on the CPU)
//   context=N           makes a context of N tokens with the latest model
//   embeddings=N        the same, for embeddings
//   ask                 decodes a short text in every context, and prints a logit of each
//   outputs=N           decodes N tokens in the latest context and wants logits of all of them
//   lora=FILE           loads an adapter and gives it to the latest context
//   free                frees the latest context
//   contexts=N:TIMES    makes and frees contexts, one after the other
//   on-a-thread         what follows "context" is made on a thread of its own
//   free-at-exit        leaves what there is to a destructor that runs at exit
//   usr1                sends itself SIGUSR1 and waits for a moment
//   fork                does what follows in a child, and waits for it
//   fork-meanwhile      the same, while a context is being made by another thread
//   fork-at-first=FILE  the same, while the first model is loaded by another thread, and NVIDIA's library takes its
//   time forks=TIMES         children that free what there is and end, while another thread makes and frees contexts
//   free-memory         prints what the first accelerator says is free
//   pause               waits for a line on its standard input
//   close-all=FILE      closes every descriptor but the first three, and has FILE open under all their numbers
//   abort               ends as a crash does
//
// Compiled twice: OPENS_LLAMA opens libllama with dlopen() and asks dlsym() for every function, as bindings of other
// languages do.
#include <llama.h>

#include <dlfcn.h>
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <string>
#include <thread>
#include <vector>

namespace {

#ifdef OPENS_LLAMA
void* library() {
  static void* const opened = dlopen("libllama.so.0", RTLD_NOW | RTLD_LOCAL);
  if (opened == nullptr) {
    std::fprintf(stderr, "%s\n", dlerror());
    std::exit(1);
  }
  return opened;
}
#define LLAMA(name)                                                                            \
  ([] {                                                                                        \
    static const auto function = reinterpret_cast<decltype(&::name)>(dlsym(library(), #name)); \
    if (function == nullptr) std::abort();                                                     \
    return function;                                                                           \
  }())
#else
#define LLAMA(name) (&::name)
#endif

struct Opened {
  llama_model* model = nullptr;
  llama_context* context = nullptr;
};
std::vector<llama_model*> models;
std::vector<Opened> contexts;
bool on_a_thread = false;
bool frees_at_exit = false;

// A thread that makes a context, when the engine says something of it, or the first model stops between these two.
std::atomic<bool> stops_when_told = false;
std::atomic<bool> is_stopped = false;
thread_local bool makes_context = false;

void stop_here() {
  is_stopped = true;
  is_stopped.notify_all();
  stops_when_told.wait(true);
}

void be_told(ggml_log_level, const char*, void*) {
  if (makes_context && stops_when_told) stop_here();
}

void load(const char* file, int layers) {
  llama_model_params params = LLAMA(llama_model_default_params)();
  params.n_gpu_layers = layers;
  llama_model* model = LLAMA(llama_model_load_from_file)(file, params);
  std::printf("model %s\n", model != nullptr ? "loaded" : "null");
  if (model != nullptr) models.push_back(model);
}

llama_context_params params_of(std::uint32_t tokens) {
  llama_context_params params = LLAMA(llama_context_default_params)();
  params.n_ctx = tokens;
  params.n_batch = 64;
  params.n_ubatch = 32;
  params.n_threads = params.n_threads_batch = 1;
  return params;
}

void make_context(std::uint32_t tokens, bool embeddings) {
  if (models.empty()) return;
  llama_context_params params = params_of(tokens);
  params.embeddings = embeddings;
  llama_context* context = nullptr;
  const auto make = [&] { context = LLAMA(llama_init_from_model)(models.back(), params); };
  on_a_thread ? std::thread(make).join() : make();
  std::printf("context %s\n", context != nullptr ? "made" : "null");
  if (context != nullptr) contexts.push_back({models.back(), context});
}

int decode(const Opened& opened, int tokens, bool every_output) {
  std::vector<llama_token> text(static_cast<std::size_t>(tokens));
  for (int i = 0; i < tokens; ++i) text[static_cast<std::size_t>(i)] = 1 + i % 7;
  std::vector<llama_pos> positions;
  std::vector<std::int32_t> counts(text.size(), 1);
  llama_seq_id zero = 0;
  std::vector<llama_seq_id*> sequences(text.size(), &zero);
  std::vector<std::int8_t> outputs(text.size(), every_output ? 1 : 0);
  outputs.back() = 1;
  for (int i = 0; i < tokens; ++i) positions.push_back(i);
  if (llama_memory_t memory = LLAMA(llama_get_memory)(opened.context)) LLAMA(llama_memory_clear)(memory, true);
  llama_batch batch{};
  batch.n_tokens = tokens;
  batch.token = text.data();
  batch.pos = positions.data();
  batch.n_seq_id = counts.data();
  batch.seq_id = sequences.data();
  batch.logits = outputs.data();
  return LLAMA(llama_decode)(opened.context, batch);
}

void ask() {
  for (const Opened& opened : contexts) {
    const int status = decode(opened, 5, false);
    const float* logits = status == 0 ? LLAMA(llama_get_logits_ith)(opened.context, -1) : nullptr;
    std::printf("asked %d %.5f\n", status, logits == nullptr ? 0.0 : static_cast<double>(logits[3]));
  }
}

void free_latest() {
  if (contexts.empty()) return;
  LLAMA(llama_free)(contexts.back().context);
  contexts.pop_back();
  std::printf("freed\n");
}

void free_all() {
  for (const Opened& opened : contexts) LLAMA(llama_free)(opened.context);
  for (llama_model* model : models) LLAMA(llama_model_free)(model);
}

void give_adapter(const char* file) {
  llama_adapter_lora* adapter = LLAMA(llama_adapter_lora_init)(models.back(), file);
  float scale = 1;
  const int status =
      adapter == nullptr ? -1 : LLAMA(llama_set_adapters_lora)(contexts.back().context, &adapter, 1, &scale);
  std::printf("adapter %d\n", status);
}

void print_free_memory() {
  for (std::size_t i = 0; i < LLAMA(ggml_backend_dev_count)(); ++i) {
    ggml_backend_dev_t device = LLAMA(ggml_backend_dev_get)(i);
    if (LLAMA(ggml_backend_dev_type)(device) == GGML_BACKEND_DEVICE_TYPE_CPU) continue;
    std::size_t free = 0;
    std::size_t total = 0;
    LLAMA(ggml_backend_dev_memory)(device, &free, &total);
    std::printf("free %zu\n", free);
    return;
  }
}

void pause_here() {
  std::printf("paused\n");
  char line[16];
  (void)!std::fgets(line, sizeof line, stdin);
}

void close_all(const char* file) {
  constexpr int kFirst = 3;
  constexpr int kLast = 255;
  for (int descriptor = kFirst; descriptor <= kLast; ++descriptor) close(descriptor);
  const int opened = open(file, O_RDWR | O_CREAT, 0600);
  for (int descriptor = opened + 1; descriptor <= kLast; ++descriptor) (void)dup2(opened, descriptor);
}

struct AtExit {
  ~AtExit() {
    if (!frees_at_exit) return;
    free_all();
    std::printf("freed at exit\n");
  }
} at_exit;

const char* after(const char* word, const char* start) {
  return std::strncmp(word, start, std::strlen(start)) == 0 ? word + std::strlen(start) : nullptr;
}

int status_of(pid_t child) {
  int status = 0;
  waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

bool fork_here() {
  std::fflush(stdout);
  const pid_t child = fork();
  if (child == 0) return true;
  std::printf("child ended with %d\n", status_of(child));
  std::exit(0);
}

llama_context* make_quietly() {
  makes_context = true;
  llama_context* context = LLAMA(llama_init_from_model)(models.back(), params_of(256));
  makes_context = false;
  return context;
}

constexpr unsigned int kStandsStill = 120;  // seconds

// While another thread has stopped in the middle of something.
void fork_while(const std::function<void()>& something) {
  stops_when_told = true;
  std::thread maker(something);
  is_stopped.wait(false);
  std::fflush(stdout);
  const pid_t child = fork();
  if (child == 0) {
    alarm(kStandsStill);
    maker.detach();
    stops_when_told = false;
    return;
  }
  const int status = status_of(child);
  stops_when_told = false;
  stops_when_told.notify_all();
  maker.join();
  std::printf("child ended with %d\n", status);
  std::exit(0);
}

void fork_meanwhile() {
  fork_while([] { LLAMA(llama_free)(make_quietly()); });
}

// The library is stops_nvml.cpp.
void fork_at_first(const char* file) {
  void* nvml = dlopen("libnvidia-ml.so.1", RTLD_NOW);
  void* first_call = nvml == nullptr ? nullptr : dlsym(nvml, "stops_nvml_first_call");
  if (first_call == nullptr) std::abort();
  *static_cast<void (**)()>(first_call) = stop_here;
  fork_while([file] { load(file, 0); });
}

// The children do not compute: the engine has locks of its own.
void fork_often(int times) {
  std::atomic<bool> goes_on = true;
  std::thread maker([&] {
    while (goes_on) LLAMA(llama_free)(make_quietly());
  });
  int ended = 0;
  std::fflush(stdout);
  for (int i = 0; i < times; ++i) {
    const pid_t child = fork();
    if (child == 0) {
      alarm(kStandsStill);
      free_all();
      maker.detach();
      std::exit(0);
    }
    if (status_of(child) != 0) break;
    ++ended;
  }
  goes_on = false;
  maker.join();
  std::printf("children %d\n", ended);
}

void obey(const char* word) {
  if (const char* file = after(word, "model=")) load(file, 999);
  if (const char* file = after(word, "model@0=")) load(file, 0);
  if (const char* tokens = after(word, "context=")) make_context(static_cast<std::uint32_t>(std::atoi(tokens)), false);
  if (const char* tokens = after(word, "embeddings="))
    make_context(static_cast<std::uint32_t>(std::atoi(tokens)), true);
  if (const char* tokens = after(word, "outputs=")) {
    const int status = decode(contexts.back(), std::atoi(tokens), true);
    std::printf("outputs %d\n", status);
  }
  if (const char* many = after(word, "contexts=")) {
    for (int i = std::atoi(std::strchr(many, ':') + 1); i > 0; --i) {
      make_context(static_cast<std::uint32_t>(std::atoi(many)), false);
      free_latest();
    }
  }
  if (const char* file = after(word, "close-all=")) close_all(file);
  if (const char* file = after(word, "lora=")) give_adapter(file);
  const std::string all = word;
  if (all == "ask") ask();
  if (all == "free") free_latest();
  if (all == "on-a-thread") on_a_thread = true;
  if (all == "free-at-exit") frees_at_exit = true;
  if (all == "fork") (void)fork_here();
  if (all == "fork-meanwhile") fork_meanwhile();
  if (const char* file = after(word, "fork-at-first=")) fork_at_first(file);
  if (const char* times = after(word, "forks=")) fork_often(std::atoi(times));
  if (all == "free-memory") print_free_memory();
  if (all == "pause") pause_here();
  if (all == "abort") std::abort();
  if (all == "usr1") {
    kill(getpid(), SIGUSR1);
    usleep(500'000);
    std::printf("signalled\n");
  }
}

}  // namespace

int main(int argc, char** argv) {
  std::setvbuf(stdout, nullptr, _IOLBF, 0);
  LLAMA(llama_log_set)(be_told, nullptr);
  LLAMA(ggml_backend_load_all)();
  for (int i = 1; i < argc; ++i) obey(argv[i]);
  if (!frees_at_exit) free_all();
  std::printf("end\n");
  return 0;
}
