// ServerContext: what requests are answered with.
#pragma once
#include "host/host.hpp"
#include "server/server_options.hpp"

#include "adapter_scales.hpp"
#include "key_usage.hpp"
#include "prompt_cache.hpp"
#include "request_memory.hpp"
#include "vocabulary_cache.hpp"

namespace plimsoll::server {

// All of it outlives the requests.
struct ServerContext {
  host::Host& host;
  PromptCache& prompts;
  VocabularyCache& vocabularies;
  KeyUsage& key_usage;
  AdapterScales& adapter_scales;
  RequestMemory& memory;
  const ServerOptions& options;
};

}  // namespace plimsoll::server
