// A small engine of another version than ours: the functions that programs call, with parameters of sizes that no
// header of ours has. It computes nothing, and checks that what it is given is what was given.
#pragma once
#include <cstdint>

extern "C" {

// Larger than any known version's; every byte counts.
struct fake_context_params {
  unsigned char bytes[328];
};
struct fake_model_params {
  unsigned char bytes[136];
};
struct llama_model;
struct llama_context;
struct fake_batch {
  int32_t n_tokens;
  int32_t* token;
  float* embd;
  int32_t* pos;
  int32_t* n_seq_id;
  int32_t** seq_id;
  int8_t* logits;
};

fake_model_params llama_model_default_params(void);
fake_context_params llama_context_default_params(void);
llama_model* llama_model_load_from_file(const char* path, fake_model_params params);
void llama_model_free(llama_model* model);
llama_context* llama_init_from_model(llama_model* model, fake_context_params params);
void llama_free(llama_context* context);
int32_t llama_decode(llama_context* context, fake_batch batch);
// Called once, in the middle of the next llama_model_free(), and of the next ggml_version().
void fake_on_model_freed(void (*function)(void));
void fake_on_version(void (*function)(void));
int fake_handed_through(void);  // how often parameters came through as they were sent
}
