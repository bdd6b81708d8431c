// The child's half of quantizing: a request in, the engine's call, lines of progress and one result out.
#include <unistd.h>

#include <cerrno>

#include <plimsoll/base/error.hpp>
#include "engine/engine_process.hpp"
#include "engine/metadata_override.hpp"
#include "quantize/quantize.hpp"

#include "imatrix.hpp"
#include "quantize_json.hpp"
#include "quantize_log.hpp"

namespace plimsoll::quantize {
namespace {

using Json = nlohmann::json;

bool write_line(int file, const Json& json) {
  const std::string text = json.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
  for (std::size_t done = 0; done < text.size();) {
    const ssize_t count = write(file, text.data() + done, text.size() - done);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return false;
    done += static_cast<std::size_t>(count);
  }
  return true;
}

std::string read_line(int file) {
  std::string line;
  char c = 0;
  for (;;) {
    const ssize_t count = read(file, &c, 1);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0 || c == '\n') return line;
    line += c;
  }
}

// The engine's struct, with everything it points to kept alive beside it. Lists end with an empty entry.
class EngineParams {
 public:
  explicit EngineParams(const Request& request) : request_(request) {
    llama_model_quantize_params& p = params;
    p.nthread = request.n_threads;
    p.ftype = request.type;
    p.only_copy = request.only_copy;
    p.allow_requantize = request.allow_requantize;
    p.quantize_output_tensor = request.quantize_output_tensor;
    p.pure = request.pure;
    p.keep_split = request.keep_split;
    p.dry_run = request.dry_run;
    p.output_tensor_type = request.output_tensor_type.value_or(p.output_tensor_type);
    p.token_embedding_type = request.token_embedding_type.value_or(p.token_embedding_type);
    p.max_buf_size = request.max_buffer.value();
    add_tensor_types();
    add_imatrix();
    add_metadata();
    if (request.prune_layers.empty()) return;
    layers_ = request.prune_layers;
    layers_.push_back(-1);
    p.prune_layers = layers_.data();
  }
  EngineParams(const EngineParams&) = delete;
  EngineParams& operator=(const EngineParams&) = delete;

  llama_model_quantize_params params = llama_model_quantize_default_params();

 private:
  void add_tensor_types() {
    for (const auto& [pattern, type] : request_.tensor_types)
      types_.push_back({.pattern = pattern.c_str(), .type = type});
    types_.push_back({.pattern = nullptr, .type = GGML_TYPE_COUNT});
    if (types_.size() > 1) params.tt_overrides = types_.data();
  }

  void add_imatrix() {
    if (request_.imatrix.empty()) return;
    imatrix_ = read_imatrix(request_.imatrix);
    for (const auto& [name, values] : imatrix_.values)
      weights_.push_back({.name = name.c_str(), .data = values.data(), .size = values.size()});
    weights_.push_back({.name = nullptr, .data = nullptr, .size = 0});
    params.imatrix = weights_.data();
    // What llama.cpp's own quantiser writes down about it.
    const auto add = [this](const char* key, auto value) {
      metadata_.push_back(engine::to_engine({.key = key, .value = value}));
    };
    add("quantize.imatrix.file", request_.imatrix.substr(0, 127));
    if (!imatrix_.datasets.empty()) add("quantize.imatrix.dataset", imatrix_.datasets.front().substr(0, 127));
    add("quantize.imatrix.entries_count", static_cast<std::int64_t>(imatrix_.values.size()));
    if (imatrix_.chunks > 0) add("quantize.imatrix.chunks_count", std::int64_t{imatrix_.chunks});
  }

  void add_metadata() {
    for (const MetadataOverride& entry : request_.metadata) metadata_.push_back(engine::to_engine(entry));
    metadata_.push_back({});
    if (metadata_.size() > 1) params.kv_overrides = metadata_.data();
  }

  const Request& request_;
  std::vector<llama_model_tensor_override> types_;
  Imatrix imatrix_;
  std::vector<llama_model_imatrix_data> weights_;
  std::vector<llama_model_kv_override> metadata_;
  std::vector<std::int32_t> layers_;
};

Json error_json(ErrorCode code, const std::string& message) {
  return {{"error", {{"code", static_cast<int>(code)}, {"message", message}}}};
}

// The engine only answers "1"; the reason is in its log.
Json failure_json(const Request& request, const std::string& why) {
  if (why.contains("requires an imatrix")) {
    return error_json(ErrorCode::usage,
                      "this type needs an importance matrix (--imatrix): the result would be useless without");
  }
  if (why.contains("requantizing from type")) {
    return error_json(ErrorCode::usage,
                      why + "; the file has lost something already (--allow-requantize does it all the same)");
  }
  if (why.contains("iostream") || why.contains("failed to open") || why.contains("failed to create")) {
    return error_json(ErrorCode::io, "the new file could not be written: " + why);
  }
  return error_json(ErrorCode::model_unusable, "'" + request.input + "' could not be quantized: " +
                                                   (why.empty() ? "the engine gave no reason" : why));
}

Json work(const Request& request, int out) {
  QuantizeLog log([out](const Progress& at) { (void)write_line(out, {{"progress", {at.done, at.of, at.tensor}}}); });
  llama_log_set(&QuantizeLog::callback, &log);
  llama_backend_init();
  const EngineParams engine(request);
  const std::uint32_t failed = llama_model_quantize(request.input.c_str(), request.output.c_str(), &engine.params);
  llama_log_set(nullptr, nullptr);
  log.rethrow();
  if (failed != 0) return failure_json(request, log.failure());
  return {{"result", to_json(log.result())}};
}

}  // namespace

int serve(int in, int out) {
  engine::prepare_engine_process(in);
  Json answer;
  try {
    answer = work(request_from_json(Json::parse(read_line(in))), out);
  } catch (const Error& error) {
    answer = error_json(error.code(), error.what());
  } catch (const std::exception& error) {
    answer = error_json(ErrorCode::internal, error.what());
  }
  return write_line(out, answer) ? 0 : 1;
}

}  // namespace plimsoll::quantize
