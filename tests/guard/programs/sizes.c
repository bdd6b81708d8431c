/* How large the engine's parameters are, for languages that have no header. */
#include <llama.h>
#include <stdio.h>
int main(void) {
  printf("%zu %zu\n", sizeof(struct llama_model_params), sizeof(struct llama_context_params));
  return 0;
}
