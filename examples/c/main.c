/* A model planned, admitted and asked, in C: main MODEL. cc main.c $(pkg-config --cflags --libs libplimsoll) */
#include <plimsoll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Says what went wrong, and ends the program. */
static void check(plimsoll_error *error) {
  if (!error) return;
  fprintf(stderr, "%s: %s\nnumbers: %s\n", plimsoll_error_name(error), plimsoll_error_message(error),
          plimsoll_error_numbers(error));
  plimsoll_error_free(error);
  exit(1);
}

/* With the first configuration near the one asked for that fits, where that one does not. */
static plimsoll_model *open_what_fits(plimsoll_runtime *runtime, const char *path, plimsoll_model_options *options) {
  plimsoll_plan *plan = NULL;
  check(plimsoll_model_plan(runtime, path, options, &plan));
  plimsoll_error *refusal = plimsoll_plan_admit(plan);
  uint64_t alternatives = 0;
  check(plimsoll_plan_n_alternatives(plan, &alternatives));
  if (refusal && alternatives > 0) {
    const char *cost = NULL;
    check(plimsoll_plan_alternative(plan, 0, &options->overrides, &cost));
    fprintf(stderr, "%s: %s\n", plimsoll_error_name(refusal), cost);
  }
  plimsoll_error_free(refusal);
  plimsoll_model *model = NULL;
  check(plimsoll_model_open(runtime, path, options, &model));
  check(plimsoll_plan_close(plan)); /* the overrides are the plan's */
  return model;
}

static int32_t write_piece(void *user_data, const char *piece, uint64_t length) {
  return fwrite(piece, 1, length, user_data) == length ? 0 : 1;
}

int main(int argc, char **argv) {
  if (argc != 2) return 2;
  const char *budget = "CPU=40MiB"; /* too little for the context below */
  plimsoll_runtime_options limits;
  check(plimsoll_runtime_options_init(&limits, sizeof limits));
  limits.budgets = &budget;
  limits.n_budgets = 1;
  plimsoll_runtime *runtime = NULL;
  check(plimsoll_runtime_open(&limits, &runtime));
  fprintf(stderr, "tracker: %s%s\n", plimsoll_tracker_mode(), plimsoll_tracker_advice());

  plimsoll_model_options options;
  check(plimsoll_model_options_init(&options, sizeof options));
  options.settings = "device = \"none\"";
  options.n_ctx = 65536;
  plimsoll_model *model = open_what_fits(runtime, argv[1], &options);

  plimsoll_generation_options how;
  check(plimsoll_generation_options_init(&how, sizeof how));
  how.predict = 60;
  how.temperature = 0;
  plimsoll_generation *story = NULL;
  check(plimsoll_model_generate(model, "Day 12.", -1, &how, &story));
  check(plimsoll_generation_each(story, write_piece, stdout));
  plimsoll_generation_info info = {.size = sizeof info};
  check(plimsoll_generation_info_get(story, &info));
  check(plimsoll_generation_close(story));

  plimsoll_model_info facts = {.size = sizeof facts};
  check(plimsoll_model_info_get(model, &facts));
  printf("\n%d tokens in a context of %u; refused after the seal: %llu\n", (int)info.generated_tokens,
         (unsigned)facts.n_ctx, (unsigned long long)facts.refused_after_seal);

  check(plimsoll_model_close(model));
  check(plimsoll_runtime_close(runtime));
  /* Handles are names: one that is gone is an error, and nothing worse. */
  plimsoll_error *gone = plimsoll_model_close(model);
  printf("%s\n", plimsoll_error_message(gone));
  return 0;
}
