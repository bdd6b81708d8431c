// ggml's functions as the shared parts of this library call them (tracker, devices): each leads to the engine that the
// call of the program came from. They are seen inside this library alone.
#include <cstring>

#include "engine.hpp"

using plimsoll::guard::EngineHere;

#define PLIMSOLL_ENGINE EngineHere::current().ggml()

extern "C" {

void ggml_backend_buffer_clear(ggml_backend_buffer_t buffer, uint8_t value) {
  PLIMSOLL_ENGINE.ggml_backend_buffer_clear(buffer, value);
}
size_t ggml_backend_buffer_get_size(ggml_backend_buffer_t buffer) {
  return PLIMSOLL_ENGINE.ggml_backend_buffer_get_size(buffer);
}
ggml_backend_buffer_type_t ggml_backend_buffer_get_type(ggml_backend_buffer_t buffer) {
  return PLIMSOLL_ENGINE.ggml_backend_buffer_get_type(buffer);
}
bool ggml_backend_buffer_is_host(ggml_backend_buffer_t buffer) {
  return PLIMSOLL_ENGINE.ggml_backend_buffer_is_host(buffer);
}
ggml_backend_dev_t ggml_backend_buft_get_device(ggml_backend_buffer_type_t type) {
  return PLIMSOLL_ENGINE.ggml_backend_buft_get_device(type);
}
size_t ggml_backend_buft_get_max_size(ggml_backend_buffer_type_t type) {
  return PLIMSOLL_ENGINE.ggml_backend_buft_get_max_size(type);
}
bool ggml_backend_buft_is_host(ggml_backend_buffer_type_t type) {
  return PLIMSOLL_ENGINE.ggml_backend_buft_is_host(type);
}
const char* ggml_backend_buft_name(ggml_backend_buffer_type_t type) {
  return PLIMSOLL_ENGINE.ggml_backend_buft_name(type);
}
ggml_backend_reg_t ggml_backend_dev_backend_reg(ggml_backend_dev_t device) {
  return PLIMSOLL_ENGINE.ggml_backend_dev_backend_reg(device);
}
// Outside of a call of the program nobody may ask the engine, which may have ended already: then no device is known.
ggml_backend_dev_t ggml_backend_dev_by_name(const char* name) {
  return EngineHere::is_there() ? PLIMSOLL_ENGINE.ggml_backend_dev_by_name(name) : nullptr;
}
size_t ggml_backend_dev_count(void) { return PLIMSOLL_ENGINE.ggml_backend_dev_count(); }
const char* ggml_backend_dev_description(ggml_backend_dev_t device) {
  return PLIMSOLL_ENGINE.ggml_backend_dev_description(device);
}
ggml_backend_dev_t ggml_backend_dev_get(size_t index) { return PLIMSOLL_ENGINE.ggml_backend_dev_get(index); }
const char* ggml_backend_dev_name(ggml_backend_dev_t device) { return PLIMSOLL_ENGINE.ggml_backend_dev_name(device); }
enum ggml_backend_dev_type ggml_backend_dev_type(ggml_backend_dev_t device) {
  return PLIMSOLL_ENGINE.ggml_backend_dev_type(device);
}
const char* ggml_backend_reg_name(ggml_backend_reg_t registry) {
  return PLIMSOLL_ENGINE.ggml_backend_reg_name(registry);
}

// Another version's may be longer than ours, which begins as all of them do.
void ggml_backend_dev_get_props(ggml_backend_dev_t device, ggml_backend_dev_props* properties) {
  union {
    ggml_backend_dev_props ours;
    unsigned char room[1024];
  } theirs{};
  std::memset(&theirs, 0, sizeof(theirs));
  PLIMSOLL_ENGINE.ggml_backend_dev_get_props(device, &theirs.ours);
  *properties = theirs.ours;
}

bool ggml_backend_sched_reserve(ggml_backend_sched_t, ggml_cgraph*) {
  return false;
}  // for dry runs, which are none here

}  // extern "C"
