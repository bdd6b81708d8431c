#include "engine/projector.hpp"

#include <mtmd-helper.h>
#include <mtmd.h>

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include <plimsoll/base/error.hpp>
#include "base/text_file.hpp"
#include "engine/engine_log.hpp"
#include "engine/threads.hpp"

#include "engine_params.hpp"

namespace plimsoll::engine {
namespace {

struct Loading {
  const Progress& progress;
  const std::stop_token& stop;
  bool stopped = false;
};

bool on_progress(float fraction, void* data) noexcept {
  auto& loading = *static_cast<Loading*>(data);
  loading.stopped = loading.stopped || loading.stop.stop_requested();
  try {
    if (!loading.stopped && loading.progress) loading.progress(fraction);
  } catch (...) {  // nothing may be thrown through the engine: a progress display that fails ends the load
    loading.stopped = true;
  }
  return !loading.stopped;
}

mtmd_context_params to_engine(const ProjectorParams& params, const ModelParams& model) {
  mtmd_context_params engine = mtmd_context_params_default();
  const bool on_the_cpu = !model.devices.empty() && model.devices.front() == "none";
  engine.use_gpu = params.offload && !on_the_cpu;
  if (engine.use_gpu && !model.devices.empty()) engine.device = ggml_backend_dev_by_name(model.devices.front().c_str());
  engine.print_timings = false;
  engine.n_threads = params.n_threads > 0 ? params.n_threads : default_threads();
  engine.flash_attn_type = to_engine(params.flash_attn);
  engine.warmup = true;  // not a run: the engine reserves its buffers
  if (params.image_min_tokens > 0) engine.image_min_tokens = params.image_min_tokens;
  if (params.image_max_tokens > 0) engine.image_max_tokens = params.image_max_tokens;
  return engine;
}

// The engine looks into the file without checking what kind of file it is.
mtmd_caps check_file(const ProjectorParams& params) {
  check_model_file(params.path);
  mtmd_caps can{};
  try {
    can = mtmd_get_cap_from_file(params.path.c_str());
  } catch (const std::exception& error) {  // its own, of C++, though the function is C's
    throw Error(ErrorCode::model_unusable,
                fmt::format("the projector '{}' cannot be used: {}", params.path, error.what()));
  }
  if (!can.inp_vision && !can.inp_audio) {
    throw Error(ErrorCode::model_unusable,
                fmt::format("'{}' is not a projector: it neither sees nor hears", params.path));
  }
  return can;
}

[[noreturn]] void load_failed(const std::string& path, const EngineLogListener& heard) {
  throw Error(heard.told_of_missing_memory() ? ErrorCode::out_of_device_memory : ErrorCode::model_unusable,
              fmt::format("the projector '{}' cannot be used: {}", path, heard.reason()));
}

struct ChunksFree {
  void operator()(mtmd_input_chunks* chunks) const { mtmd_input_chunks_free(chunks); }
};

std::string limited(std::string text) {
  constexpr std::size_t kMost = 200;
  if (text.size() > kMost) text.resize(kMost);
  return text;
}

}  // namespace

ProjectorNeeds projector_needs(const ProjectorParams& params, const ModelParams& model) {
  validate(params);
  const EngineLogListener heard;
  const mtmd_caps can = check_file(params);
  const mtmd_memory_usage usage = mtmd_get_memory_usage(params.path.c_str(), to_engine(params, model));
  if (usage.backend_mem_usage.empty()) load_failed(params.path, heard);
  return {.sees = can.inp_vision,
          .image_max_tokens = std::max(0, usage.image_max_tokens),
          .sees_all_at_once = usage.use_non_causal};
}

ProjectorSenses projector_senses(const ProjectorParams& params) {
  const EngineLogListener heard;
  const mtmd_caps can = check_file(params);
  return {.sees = can.inp_vision, .hears = can.inp_audio};
}

std::unique_ptr<Projector> Projector::load(std::shared_ptr<Model> model, const ProjectorParams& params,
                                           Progress progress, std::stop_token stop) {
  validate(params);
  if (!model->vocab().present()) {
    throw Error(ErrorCode::unsupported,
                fmt::format("'{}' carries no vocabulary, which a prompt with media needs", model->params().path));
  }
  if (stop.stop_requested()) throw Error(ErrorCode::cancelled, "loading was cancelled");
  const EngineLogListener heard;
  (void)check_file(params);
  Loading loading{.progress = progress, .stop = stop};
  mtmd_context_params engine = to_engine(params, model->params());
  engine.progress_callback = on_progress;
  engine.progress_callback_user_data = &loading;
  auto projector = std::unique_ptr<Projector>(new Projector);
  projector->context_ = mtmd_init_from_file(params.path.c_str(), model->handle(), engine);
  if (loading.stopped) throw Error(ErrorCode::cancelled, "loading was cancelled");
  const mtmd_context* context = projector->context_;
  if (context == nullptr) load_failed(params.path, heard);
  projector->facts_ = {.sees = mtmd_support_vision(context),
                       .hears = mtmd_support_audio(context),
                       .sample_rate = std::max(0, mtmd_get_audio_sample_rate(context)),
                       .has_2d_positions = mtmd_decode_use_mrope(context),
                       .sees_all_at_once = mtmd_decode_use_non_causal(context, nullptr),
                       .n_embd = model->facts().n_embd_inp,
                       .marker = mtmd_get_marker(context)};
  projector->params_ = params;
  projector->model_ = std::move(model);
  return projector;
}

Projector::~Projector() {
  if (context_ != nullptr) mtmd_free(context_);
}

Media Projector::media_from_file(const std::filesystem::path& path) const {
  const std::string bytes = read_text_file(path.string(), "file", ErrorCode::io);
  try {
    return media_from_bytes({reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()});
  } catch (const Error& error) {
    throw Error(error.code(), fmt::format("'{}': {}", path.string(), error.what()));
  }
}

namespace {

// The engine gives what it cannot decode to ffprobe and ffmpeg of the PATH, as a video. Nobody asked for programs to be
// run on what may come from anybody: there are none where it looks.
mtmd_helper_init_opt without_programs() {
  mtmd_helper_init_opt options = mtmd_helper_init_opt_default();
  options.video_params.ffmpeg_bin_dir = "/dev/null";
  return options;
}

}  // namespace

Media Projector::media_from_bytes(std::span<const std::uint8_t> file) const {
  const EngineLogListener heard;
  if (file.empty()) throw Error(ErrorCode::usage, "an empty file is neither a picture nor a sound");
  const mtmd_helper_bitmap_wrapper read =
      mtmd_helper_bitmap_init_from_buf(context_, file.data(), file.size(), false, without_programs());
  if (read.video_ctx != nullptr) {
    mtmd_helper_video_free(read.video_ctx);
    if (read.bitmap != nullptr) mtmd_bitmap_free(read.bitmap);
    throw Error(ErrorCode::unsupported, "this is a video; give its pictures one by one");
  }
  if (read.bitmap == nullptr) {
    const std::string why = limited(heard.first_error());
    const bool says_nothing = why.empty() || why.contains("ffprobe");
    throw Error(ErrorCode::usage, fmt::format("this is not a picture or sound that can be read: {}",
                                              says_nothing ? "it is damaged or of an unknown kind" : why));
  }
  Media media(read.bitmap);
  if (media.is_audio() ? facts_.hears : facts_.sees) return media;
  throw Error(ErrorCode::unsupported,
              fmt::format("this projector does not {}", media.is_audio() ? "hear sounds" : "see pictures"));
}

PromptChunk Projector::described(mtmd_input_chunk* chunk) const {
  PromptChunk out;
  out.chunk_ = {chunk, mtmd_input_chunk_free};
  out.n_tokens_ = mtmd_input_chunk_get_n_tokens(chunk);
  out.n_positions_ = mtmd_input_chunk_get_n_pos(chunk);
  switch (mtmd_input_chunk_get_type(chunk)) {
    case MTMD_INPUT_CHUNK_TYPE_IMAGE:
      out.kind_ = ChunkKind::image;
      break;
    case MTMD_INPUT_CHUNK_TYPE_AUDIO:
      out.kind_ = ChunkKind::audio;
      break;
    case MTMD_INPUT_CHUNK_TYPE_TEXT:
    case MTMD_INPUT_CHUNK_TYPE_COUNT: {
      std::size_t count = 0;
      const llama_token* tokens = mtmd_input_chunk_get_tokens_text(chunk, &count);
      out.tokens_.assign(tokens, tokens + count);
      return out;
    }
  }
  out.sees_all_at_once_ = mtmd_decode_use_non_causal(context_, chunk);
  return out;
}

namespace {

std::string begin_text(const Vocab& vocab) {
  return vocab.adds_bos() && vocab.bos() != LLAMA_TOKEN_NULL ? vocab.piece(vocab.bos(), true) : std::string();
}

}  // namespace

std::vector<PromptChunk> Projector::chunks(std::string_view text, std::span<const Media> media, bool begins) const {
  // The begin token as text, since mtmd puts the vocabulary's end token behind where it adds one.
  const std::string begin = begins ? begin_text(model_->vocab()) : std::string();
  const std::string whole = text.starts_with(begin) ? std::string(text) : begin + std::string(text);
  const mtmd_input_text input{
      .text = whole.data(), .text_len = whole.size(), .add_special = false, .parse_special = true};
  std::vector<const mtmd_bitmap*> bitmaps;
  for (const Media& medium : media) bitmaps.push_back(medium.handle());
  const std::unique_ptr<mtmd_input_chunks, ChunksFree> list(mtmd_input_chunks_init());
  const EngineLogListener heard;
  const std::int32_t status = mtmd_tokenize(context_, list.get(), &input, bitmaps.data(), bitmaps.size());
  if (status != 0) {
    throw Error(ErrorCode::usage, fmt::format("this prompt cannot be taken apart: {}",
                                              heard.first_error().empty() ? "a medium does not fit this projector"
                                                                          : limited(heard.first_error())));
  }
  std::vector<PromptChunk> out;
  for (std::size_t i = 0; i < mtmd_input_chunks_size(list.get()); ++i) {
    out.push_back(described(mtmd_input_chunk_copy(mtmd_input_chunks_get(list.get(), i))));
    if (out.back().n_tokens() == 0) out.pop_back();
  }
  return out;
}

std::vector<PromptChunk> Projector::tokenize(std::string_view text, std::span<const Media> media, bool begins) const {
  std::size_t markers = 0;
  for (std::size_t at = text.find(facts_.marker); at != std::string_view::npos;
       at = text.find(facts_.marker, at + facts_.marker.size()))
    ++markers;
  if (markers != media.size()) {
    throw Error(
        ErrorCode::usage,
        fmt::format("the prompt has {} markers ({}), and {} media were given", markers, facts_.marker, media.size()),
        {{"markers", markers}, {"media", media.size()}});
  }
  for (const Media& medium : media) {
    if (medium.is_audio() ? facts_.hears : facts_.sees) continue;
    throw Error(ErrorCode::unsupported,
                fmt::format("this projector does not {}", medium.is_audio() ? "hear sounds" : "see pictures"));
  }
  return chunks(text, media, begins);
}

std::vector<PromptChunk> Projector::measure(std::uint32_t width, std::uint32_t height) const {
  if (!facts_.sees) throw Error(ErrorCode::unsupported, "this projector does not see pictures");
  if (width == 0 || height == 0) throw Error(ErrorCode::usage, "a picture has at least one pixel");
  const Media empty(mtmd_bitmap_init(width, height, nullptr));
  return chunks(facts_.marker, std::span(&empty, 1), false);
}

std::vector<float> Projector::encode(const PromptChunk& chunk) {
  if (chunk.kind() == ChunkKind::text) throw Error(ErrorCode::usage, "text is not encoded by a projector");
  const EngineLogListener heard;
  int status = 0;
  try {
    status = mtmd_encode_chunk(context_, chunk.handle());
  } catch (const std::exception& error) {  // of C++, though the function is C's
    throw Error(ErrorCode::engine_failed, fmt::format("the projector failed: {}", error.what()));
  }
  if (status != 0)
    throw Error(ErrorCode::engine_failed, fmt::format("the projector failed: {}", limited(heard.reason())));
  const float* numbers = mtmd_get_output_embd(context_);
  return {numbers, numbers + chunk.n_tokens() * static_cast<std::size_t>(facts_.n_embd)};
}

std::vector<Position4> Projector::positions(const PromptChunk& chunk, llama_pos first) const {
  std::vector<Position4> out;
  const mtmd_image_tokens* image = chunk.kind() == ChunkKind::image && facts_.has_2d_positions
                                       ? mtmd_input_chunk_get_tokens_image(chunk.handle())
                                       : nullptr;
  for (std::size_t i = 0; i < chunk.n_tokens(); ++i) {
    const llama_pos along = first + static_cast<llama_pos>(i);
    if (image == nullptr) {
      out.push_back({along, along, along, 0});
    } else {
      const mtmd_decoder_pos at = mtmd_image_tokens_get_decoder_pos(image, first, i);
      out.push_back({static_cast<llama_pos>(at.t), static_cast<llama_pos>(at.y), static_cast<llama_pos>(at.x),
                     static_cast<llama_pos>(at.z)});
    }
  }
  return out;
}

}  // namespace plimsoll::engine
