// All that a program needs to open a model and generate text with it. Parts can be included one by one as well.
#pragma once
#include <plimsoll/base/error.hpp>
#include <plimsoll/base/version.hpp>
#include <plimsoll/plan/plan_table.hpp>
#include <plimsoll/plan/planner.hpp>
#include <plimsoll/run/chat_session.hpp>
#include <plimsoll/run/embedder.hpp>
#include <plimsoll/run/generation.hpp>
#include <plimsoll/run/instruct_executor.hpp>
#include <plimsoll/run/interactive_executor.hpp>
#include <plimsoll/run/keyword_filter.hpp>
#include <plimsoll/run/open.hpp>
#include <plimsoll/run/reranker.hpp>
#include <plimsoll/run/speculative.hpp>
#include <plimsoll/run/state_archive.hpp>
#include <plimsoll/run/stateless_executor.hpp>
