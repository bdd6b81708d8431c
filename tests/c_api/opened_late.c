/* Opens libplimsoll with RTLD_LOCAL, and runs a model that is too large for its budget, then one that is not:
 * opened_late LIBRARY MODEL [libllama first: local|global]. Says the tracker's mode. */
#include <dlfcn.h>
#include <plimsoll.h>
#include <stdio.h>
#include <string.h>

static void *library;
static void *function(const char *name) {
  void *found = dlsym(library, name);
  if (!found) fprintf(stderr, "%s\n", dlerror());
  return found;
}
/* ISO C has no conversion from an object's pointer to a function's. */
#define OPEN(name)                          \
  do {                                      \
    void *found = function(#name);          \
    memcpy(&name##_, &found, sizeof found); \
  } while (0)

int main(int argc, char **argv) {
  if (argc < 3) return 2;
  if (argc > 3 && !dlopen("libllama.so.0", strcmp(argv[3], "global") == 0 ? RTLD_NOW | RTLD_GLOBAL : RTLD_NOW))
    return 3;
  library = dlopen(argv[1], RTLD_LAZY | RTLD_LOCAL);
  if (!library) {
    fprintf(stderr, "%s\n", dlerror());
    return 4;
  }
  const char *(*plimsoll_tracker_mode_)(void);
  const char *(*plimsoll_tracker_advice_)(void);
  const char *(*plimsoll_error_message_)(const plimsoll_error *);
  plimsoll_error *(*plimsoll_runtime_options_init_)(plimsoll_runtime_options *, size_t);
  plimsoll_error *(*plimsoll_runtime_open_)(const plimsoll_runtime_options *, plimsoll_runtime **);
  plimsoll_error *(*plimsoll_model_open_)(plimsoll_runtime *, const char *, const plimsoll_model_options *,
                                          plimsoll_model **);
  plimsoll_error *(*plimsoll_model_info_get_)(plimsoll_model *, plimsoll_model_info *);
  OPEN(plimsoll_tracker_mode);
  OPEN(plimsoll_tracker_advice);
  OPEN(plimsoll_error_message);
  OPEN(plimsoll_runtime_options_init);
  OPEN(plimsoll_runtime_open);
  OPEN(plimsoll_model_open);
  OPEN(plimsoll_model_info_get);
  printf("tracker: %s\nadvice: %s\n", plimsoll_tracker_mode_(), plimsoll_tracker_advice_());

  plimsoll_runtime_options options;
  plimsoll_runtime *runtime = NULL;
  plimsoll_error *error = plimsoll_runtime_options_init_(&options, sizeof options);
  options.require_enforcing = 1;
  if (!error) error = plimsoll_runtime_open_(&options, &runtime);
  printf("required: %s\n", error ? plimsoll_error_message_(error) : "opened");
  if (error) {
    options.require_enforcing = 0;
    error = plimsoll_runtime_open_(&options, &runtime);
  }
  plimsoll_model *model = NULL;
  plimsoll_model_info info = {.size = sizeof info};
  if (!error) error = plimsoll_model_open_(runtime, argv[2], NULL, &model);
  if (!error) error = plimsoll_model_info_get_(model, &info);
  if (error) {
    printf("error: %s\n", plimsoll_error_message_(error));
    return 1;
  }
  printf("ledger: %s\n", info.taken > 1024 * 1024 ? "taken" : "empty");
  dlclose(library); /* ggml's calls lead into it: it stays */
  return 0;         /* with handles open */
}
