"""The conversations that every chat template is rendered with: (name, values), as transformers would pass them."""
import copy

TOOLS = [
    {"type": "function", "function": {
        "name": "find_ships", "description": "Finds ships that lie in a harbour, \"by name\" & flag <any>.",
        "parameters": {"type": "object", "properties": {
            "harbour": {"type": "string", "description": "Where, e.g. Malmö"},
            "limit": {"type": "integer", "description": "At most so many", "default": 5, "minimum": 1},
            "kinds": {"type": "array", "items": {"type": "string", "enum": ["barge", "ferry"]}},
            "laden": {"type": ["boolean", "null"]}},
            "required": ["harbour"]}}},
    {"type": "function", "function": {
        "name": "read_tide", "description": "Reads a tide table.",
        "parameters": {"type": "object", "properties": {"day": {"type": "string"}}, "required": []}}},
]
USER = {"role": "user", "content": "Which ships lie in Malmö?"}
SYSTEM = {"role": "system", "content": "You answer in one sentence."}


def call(name, arguments, number):
    return {"id": f"call{number:05d}", "type": "function", "function": {"name": name, "arguments": arguments}}


TOOL_ROUND = [
    USER,
    {"role": "assistant", "content": "", "tool_calls": [call("find_ships", {"harbour": "Malmö", "limit": 2, "laden": True}, 1)]},
    {"role": "tool", "tool_call_id": "call00001", "name": "find_ships", "content": "{\"ships\": [\"Ada\", \"Bob\"]}"},
]
PARALLEL = [
    SYSTEM, USER,
    {"role": "assistant", "content": None, "reasoning_content": "Both are needed.",
     "tool_calls": [call("find_ships", {"harbour": "Ystad", "kinds": ["ferry"], "laden": None}, 1),
                    call("read_tide", {"day": "monday"}, 2)]},
    {"role": "tool", "tool_call_id": "call00001", "name": "find_ships", "content": "none"},
    {"role": "tool", "tool_call_id": "call00002", "name": "read_tide", "content": "1.5 m"},
    {"role": "assistant", "content": "None lie there, and the tide is 1.5 m."},
    {"role": "user", "content": "Thank you. And on Tuesday?"},
]
TURNS = [SYSTEM, {"role": "user", "content": "Good  morning!\n"}, {"role": "assistant", "content": " Good morning. "},
         {"role": "user", "content": "How deep is the 'Öresund'? <b>"}]
THOUGHTS = [
    {"role": "user", "content": "2 + 2?"},
    {"role": "assistant", "content": "It is 4.", "reasoning_content": "Two and two.\nFour."},
    {"role": "user", "content": "Sure?"},
    {"role": "assistant", "content": "<think>\nI count again.\n</think>\n\nYes.", "thinking": "I count again."},
    {"role": "user", "content": "And 3 + 3?"},
]
PARTS = [
    {"role": "system", "content": [{"type": "text", "text": "Be brief."}]},
    {"role": "user", "content": [{"type": "text", "text": "One part,"}, {"type": "text", "text": " and another."}]},
]

_ALL = [
    ("user", {"messages": [USER]}),
    ("turns", {"messages": TURNS}),
    ("tools", {"messages": [SYSTEM, USER], "tools": TOOLS}),
    ("tool_round", {"messages": TOOL_ROUND, "tools": TOOLS}),
    ("thoughts", {"messages": THOUGHTS}),
    ("no_thinking", {"messages": [USER], "enable_thinking": False}),
    ("parts", {"messages": PARTS}),
    ("parallel", {"messages": PARALLEL, "tools": TOOLS, "enable_thinking": True}),
    ("arguments_as_text", {"messages": [USER, {"role": "assistant", "tool_calls": [
        call("find_ships", "{\"harbour\": \"Ystad\"}", 1)]}, TOOL_ROUND[2]], "tools": TOOLS}),
    ("effort", {"messages": [SYSTEM, USER], "reasoning_effort": "high", "documents": [{"title": "A", "text": "B"}]}),
]


def conversations():
    for name, values in _ALL:
        common = {"bos_token": "<s>", "eos_token": "</s>", **copy.deepcopy(values)}
        yield name, {"tools": None, "documents": None, **common, "add_generation_prompt": True}
        yield f"{name}-closed", {**common, "add_generation_prompt": False}
