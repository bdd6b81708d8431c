// What a backend that was built for another interface of ggml looks like: a registration that begins with its number.
namespace {
struct {
  int interface = 999;
  void* rest[64] = {};
} registration;
}  // namespace

extern "C" void* ggml_backend_init() { return &registration; }
