// defaults: what each ..._init() fills in.
#pragma once
#include <cstddef>

#include <plimsoll.h>
#include <plimsoll/plimsoll.hpp>

#include "arguments.hpp"

namespace plimsoll::c_api {

// A member that a later version may give a meaning.
void require_reserved(std::uint32_t value, const char* what);

// kOldest is what version 0.2.0 had: members that come later stand behind it.
template <>
struct Defaults<plimsoll_runtime_options> {
  static constexpr const char* kName = "plimsoll_runtime_options";
  static constexpr std::size_t kOldest = 40;
  static plimsoll_runtime_options value();
};
template <>
struct Defaults<plimsoll_model_options> {
  static constexpr const char* kName = "plimsoll_model_options";
  static constexpr std::size_t kOldest = 120;
  static plimsoll_model_options value();
};
template <>
struct Defaults<plimsoll_generation_options> {
  static constexpr const char* kName = "plimsoll_generation_options";
  static constexpr std::size_t kOldest = 152;
  static plimsoll_generation_options value();
};
template <>
struct Defaults<plimsoll_chat_options> {
  static constexpr const char* kName = "plimsoll_chat_options";
  static constexpr std::size_t kOldest = 40;
  static plimsoll_chat_options value();
};
template <>
struct Defaults<plimsoll_embed_options> {
  static constexpr const char* kName = "plimsoll_embed_options";
  static constexpr std::size_t kOldest = 32;
  static plimsoll_embed_options value();
};
template <>
struct Defaults<plimsoll_rank_options> {
  static constexpr const char* kName = "plimsoll_rank_options";
  static constexpr std::size_t kOldest = 32;
  static plimsoll_rank_options value();
};
template <>
struct Defaults<plimsoll_host_options> {
  static constexpr const char* kName = "plimsoll_host_options";
  static constexpr std::size_t kOldest = 40;
  static plimsoll_host_options value();
};
template <>
struct Defaults<plimsoll_acquire_options> {
  static constexpr const char* kName = "plimsoll_acquire_options";
  static constexpr std::size_t kOldest = 32;
  static plimsoll_acquire_options value();
};
template <>
struct Defaults<plimsoll_context_options> {
  static constexpr const char* kName = "plimsoll_context_options";
  static constexpr std::size_t kOldest = 48;
  static plimsoll_context_options value();
};
template <>
struct Defaults<plimsoll_quantize_options> {
  static constexpr const char* kName = "plimsoll_quantize_options";
  static constexpr std::size_t kOldest = 64;
  static plimsoll_quantize_options value();
};
template <>
struct Defaults<plimsoll_monitor_options> {
  static constexpr const char* kName = "plimsoll_monitor_options";
  static constexpr std::size_t kOldest = 48;
  static plimsoll_monitor_options value();
};

}  // namespace plimsoll::c_api
