#include "call.hpp"
#include "defaults.hpp"
#include "objects.hpp"

using namespace plimsoll::c_api;

namespace {

plimsoll::QuantizeOptions options_of(const plimsoll_quantize_options& given, CallbackRun& run) {
  plimsoll::QuantizeOptions out;
  out.n_threads = given.n_threads;
  out.allow_requantize = given.allow_requantize != 0;
  out.pure = given.pure != 0;
  out.dry_run = given.dry_run != 0;
  out.overwrite = given.overwrite != 0;
  out.imatrix = optional_text(given.imatrix);
  if (given.program != nullptr) out.program = given.program;
  run.follow(given.stop);
  out.stop = run.stop_token();
  if (given.progress != nullptr) {
    out.progress = [&run, told = given.progress, data = given.user_data](std::size_t done, std::size_t of) {
      run.run([&] { return told(data, done, of); });
    };
  }
  return out;
}

// What a callback let out is told in the place of the cancelling that it caused.
plimsoll::Quantized quantized_with(CallbackRun& run, const std::function<plimsoll::Quantized()>& quantize) {
  try {
    plimsoll::Quantized done = quantize();
    run.rethrow();
    return done;
  } catch (const plimsoll::Error&) {
    run.rethrow();
    throw;
  }
}

}  // namespace

extern "C" {

plimsoll_error* plimsoll_quantize_options_init(plimsoll_quantize_options* options, size_t size) {
  return call([&] { fill_defaults(options, size); });
}

plimsoll_error* plimsoll_quantize_file(const char* input, const char* output, const char* type,
                                       const plimsoll_quantize_options* options, plimsoll_quantized* quantized) {
  return call([&] {
    const plimsoll_quantize_options given = known(options);
    if (quantized != nullptr) give_struct(plimsoll_quantized{}, quantized, "plimsoll_quantized");  // its size is right
    CallbackRun run;
    const plimsoll::QuantizeOptions how = options_of(given, run);
    const plimsoll::Quantized done = quantized_with(run, [&] {
      return plimsoll::quantize_file(required_text(input, "input"), required_text(output, "output"),
                                     required_text(type, "type"), how);
    });
    if (quantized == nullptr) return;
    give_struct(plimsoll_quantized{.size = 0,
                                   .reserved = 0,
                                   .before = done.before.value(),
                                   .after = done.after.value(),
                                   .tensors = done.tensors,
                                   .files = done.files.size()},
                quantized, "plimsoll_quantized");
  });
}

}  // extern "C"
