// All of the library. Each header stands for itself as well.
#pragma once
#if __cplusplus < 202302L
#error "plimsoll needs C++23: compile with -std=c++23"
#endif

#include <plimsoll/base/error.hpp>
#include <plimsoll/chat.hpp>
#include <plimsoll/conversation.hpp>
#include <plimsoll/embedder.hpp>
#include <plimsoll/fleet.hpp>
#include <plimsoll/generation.hpp>
#include <plimsoll/host.hpp>
#include <plimsoll/memory/refusal.hpp>
#include <plimsoll/model.hpp>
#include <plimsoll/monitor.hpp>
#include <plimsoll/plan.hpp>
#include <plimsoll/quantize.hpp>
#include <plimsoll/reranker.hpp>
#include <plimsoll/runtime.hpp>
#include <plimsoll/sampler.hpp>
