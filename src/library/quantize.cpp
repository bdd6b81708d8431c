#include <plimsoll/quantize.hpp>

#include <plimsoll/base/error.hpp>
#include "quantize/quantize.hpp"

namespace plimsoll {

Quantized quantize_file(const std::filesystem::path& input, const std::filesystem::path& output,
                        const std::string& type, const QuantizeOptions& options) {
  const auto file_type = quantize::file_type_from_string(type);
  if (!file_type)
    throw Error(ErrorCode::usage, "unknown file type '" + type + "'; there are " + quantize::file_type_names());
  const quantize::Request request{.input = input.string(),
                                  .output = output.string(),
                                  .type = *file_type,
                                  .n_threads = options.n_threads,
                                  .allow_requantize = options.allow_requantize,
                                  .pure = options.pure,
                                  .dry_run = options.dry_run,
                                  .imatrix = options.imatrix.string()};
  quantize::Options how{.overwrite = options.overwrite,
                        .progress = {},
                        .stop = options.stop,
                        .helper = {options.program.string(), "quantize-worker"}};
  if (options.progress) how.progress = [&options](const quantize::Progress& at) { options.progress(at.done, at.of); };
  const quantize::Result result = quantize::quantize(request, how);
  Quantized out{.before = result.before, .after = result.after, .tensors = result.tensors};
  for (const std::string& file : result.files) out.files.emplace_back(file);
  return out;
}

}  // namespace plimsoll
